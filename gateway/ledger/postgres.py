"""The ledger in PostgreSQL, which gateways on several machines share.

Entries are kept in a partition for each day, so that old ones can be dropped or moved at once; balances are kept for
each replica. What an entry's `at` is never changes, so (id, at) names it as well as its id does.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from re import sub
from typing import Any

import msgspec
import psycopg

from gateway.core.entry import Entry
from gateway.core.errors import Unavailable
from gateway.core.limit import SHORT_SPANS, Span, short_window_before
from gateway.core.price import Price
from gateway.core.rating import Rating
from gateway.ledger.feedback import RATED, RATINGS, RATINGS_MAX, TOLD, rating, rating_row
from gateway.ledger.postgres_line import Address, Connection, Line, Values
from gateway.ledger.postgres_schema import claim, party_of, prepare
from gateway.ledger.rates import decoded, encoded
from gateway.ledger.reader import Reader, Words
from gateway.ledger.rows import COLUMNS, charged, row

DAY_S = 86_400
ROWS_AT_ONCE = 2000
"""Of a long report, on the way to its reader."""

_COLUMNS = ", ".join(f'"{name}"' for name in COLUMNS)
_COPY = f"COPY incoming ({_COLUMNS}) FROM STDIN"
_ADD = f"""
INSERT INTO entries ({_COLUMNS}) SELECT {_COLUMNS} FROM incoming ON CONFLICT (id, at) DO NOTHING RETURNING id
"""  # noqa: S608 - names that stand here
_CHARGE = """
INSERT INTO balances SELECT account, replica, sum(spent)
FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS charged (account, replica, spent) GROUP BY 1, 2 ORDER BY 1, 2
ON CONFLICT (account, replica) DO UPDATE SET spent = balances.spent + excluded.spent
"""
_JSON = r"replace(entry, '\u0000', '\ufffd')::json"
"""An entry, with what no text in PostgreSQL may hold as `_text` writes it."""
_WORDS = Words(
    day="to_char(to_timestamp(at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    hour="""to_char(to_timestamp(at) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00"Z"')""",
    adjusts="split_part(id, '~', 1)",
    served=f"{_JSON} ->> 'served_model'",
    parts=f"json_array_elements({_JSON} -> 'parts') AS part",
    ran_on="part.value ->> 'model'",
)
_KEPT = f"/({'|'.join({*Span} - {*SHORT_SPANS})})@[^@]*$"
"""Accounts whose balances are kept for ever: there are few of them, and yet too many to look at every minute."""
_HAS_DAY = "SELECT 1 FROM pg_inherits WHERE inhparent = 'entries'::regclass AND inhrelid = to_regclass(%s)"

_NEVER_FITS = (psycopg.DataError, psycopg.errors.ProgramLimitExceeded, OverflowError, ValueError)

log = logging.getLogger("fareway.ledger")

_entry = msgspec.json.Decoder(Entry)


@contextmanager
def reading(url: str) -> Iterator[Reader]:
    """A database that is only read, also while gateways write to it. Raises Unavailable or LedgerUnfit."""
    address = Address(url)
    try:
        with closing(address.connect()) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            connection.execute("SET LOCAL search_path = fareway")
            yield Reader(partial(_select, connection), _WORDS)
    except psycopg.errors.UndefinedTable:
        raise Unavailable("there is none yet: it begins with the first start of a gateway") from None
    except psycopg.Error as error:
        raise Unavailable(address.reason(error)) from None


@contextmanager
def unwritten(url: str) -> Iterator[None]:
    """While no gateway writes, and none can start. Raises Unavailable, or LedgerUnfit where one runs."""
    address = Address(url)
    try:
        with closing(address.connect()) as connection:
            claim(connection)
            yield
    except psycopg.Error as error:
        raise Unavailable(address.reason(error)) from None


def _select(connection: Connection, query: str, values: Mapping[str, object]) -> Iterator[Values]:
    with connection.cursor(name="report") as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", query), values)
        yield from cursor


class PostgresLedger:
    """See `Ledger`. `replica`: whose balances are told; None for those of all together. `home`: the name of a gateway's
    home if its limits are its own; None where they are shared. A command is no gateway."""

    def __init__(self, url: str, replica: str | None = None, home: str | None = None, *, command: bool = False) -> None:
        self._replica = replica
        self._line = Line(url, partial(prepare, party=None if command else party_of(home)))
        self._days: set[int] = set()  # That have a partition.

    async def open(self) -> None:
        """Connect, and bring the schema up to date. Raises Unavailable or LedgerUnfit."""
        await self._line.run(lambda _: None)

    async def record(self, entries: Sequence[Entry]) -> int:
        """Add entries; those already there are left alone. Returns how many were new. Raises Unavailable."""
        return await self._line.run(lambda connection: self._record(connection, entries)) if entries else 0

    async def note(self, prices: Sequence[Price]) -> None:
        """Keep the rates of prices. What is known by its id stays as it is. Raises Unavailable."""
        query = "INSERT INTO prices SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT (id) DO NOTHING"
        found = {_text(price.id): encoded(price).decode() for price in reversed(prices)}
        if found:
            await self._rows(query, (list(found), list(found.values())))

    async def prices(self, ids: Sequence[str]) -> dict[str, Price]:
        """The prices with these ids; one that no entry was booked at is missing. Raises Unavailable."""
        query = "SELECT id, price FROM prices WHERE id = ANY(%s)"
        return {name: decoded(text) for name, text in await self._rows(query, (list(ids),))} if ids else {}

    async def balances(self, accounts: list[str]) -> dict[str, int]:
        """What was spent on these accounts; one without entries is missing. Raises Unavailable."""
        if not accounts:
            return {}
        query = "SELECT account, sum(spent) FROM balances WHERE account = ANY(%s)"
        values: list[object] = [[*map(_text, accounts)]]
        if self._replica is not None:
            query, values = f"{query} AND replica = %s", [*values, self._replica]
        booked = dict(await self._rows(f"{query} GROUP BY account", values))
        return {name: int(booked[_text(name)]) for name in accounts if _text(name) in booked}

    async def all_balances(self) -> list[tuple[str, str, int]]:
        """What every replica has spent, as (account, replica, amount). Raises Unavailable."""
        return await self._rows("SELECT account, replica, spent FROM balances")

    async def newest(self) -> float:
        """The moment of the latest entry, in Unix seconds; 0 where there is none. Raises Unavailable."""
        found = await self._rows("SELECT at FROM entries ORDER BY at DESC LIMIT 1")
        return found[0][0] if found else 0

    async def find(self, name: str) -> list[Entry]:
        """See `Ledger.find`. Raises Unavailable."""
        query = "SELECT entry FROM entries WHERE id > %s AND id < %s ORDER BY id"  # "<request id>.<attempt number>"
        name = _text(name)
        rows = await self._rows(query, (f"{name}.", f"{name}/"))
        if not rows and name:
            query = "SELECT entry FROM entries WHERE answer_id = %s AND answer_id <> '' ORDER BY at, id"
            rows = await self._rows(query, (name,))
        return [_entry.decode(text) for (text,) in rows]

    async def rate(self, rating: Rating) -> None:
        """See `Ledger.rate`. Raises Unavailable."""
        values = [_text(value) if isinstance(value, str) else value for value in rating_row(rating)]
        await self._rows(TOLD.format(values=", ".join(["%s"] * len(RATED))), values)

    async def ratings(self, since: float) -> list[Rating]:
        """See `Ledger.ratings`. Raises Unavailable."""
        query = f"{RATINGS} WHERE at >= %s ORDER BY at DESC, request_id LIMIT {RATINGS_MAX}"
        return [rating(row) for row in await self._rows(query, (since,))][::-1]

    async def sweep(self, before: float) -> int:
        """Drop the balances of short windows that began before that moment: the entries stay. Returns how many."""
        found = await self._rows("SELECT DISTINCT account FROM balances WHERE account !~ %s", (_KEPT,))
        old = [account for (account,) in found if short_window_before(account, before)]
        if old:
            await self._rows("DELETE FROM balances WHERE account = ANY(%s)", (old,))
        return len(old)

    def close(self) -> None:
        """Wait for what is under way, and close."""
        self._line.close()

    async def _rows(self, query: str, values: Sequence[object] = ()) -> list[Any]:
        def work(connection: Connection) -> list[Any]:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

        return await self._line.run(work)

    def _record(self, connection: Connection, entries: Sequence[Entry]) -> int:
        try:
            try:
                return self._add(connection, entries)
            except psycopg.errors.CheckViolation:  # Somebody has dropped a day that was known.
                self._days.clear()
                return self._add(connection, entries)
        except _NEVER_FITS:
            # One entry that no book can hold must not keep the others out, now or at every start.
            if len(entries) == 1:
                log.critical("an entry does not fit into the ledger and is left out: %r", entries[0])
                return 0
        return sum(self._record(connection, [entry]) for entry in entries)

    def _add(self, connection: Connection, entries: Sequence[Entry]) -> int:
        """Insert, and charge for those that were not there before. Returns how many."""
        once = list({entry.id: entry for entry in reversed(entries)}.values())[::-1]
        days = {int(entry.at // DAY_S) for entry in once}
        for day in sorted(days | {day + 1 for day in days}):
            self._make(connection, day)
        with connection.transaction(), connection.cursor() as cursor:
            with cursor.copy(_COPY) as copy:
                for entry in once:
                    copy.write_row([_text(value) if isinstance(value, str) else value for value in _values(entry)])
            new = {name for (name,) in cursor.execute(_ADD)}
            if charges := charged(once, new):
                accounts, replicas = zip(*charges, strict=True)
                cursor.execute(_CHARGE, ([*map(_text, accounts)], [*map(_text, replicas)], [*charges.values()]))
        return len(new)

    def _make(self, connection: Connection, day: int) -> None:
        """The partition of a day, if there is none; without keeping those waiting who read or write others."""
        if day in self._days:
            return
        name = f"entries_{datetime.fromtimestamp(day * DAY_S, UTC):%Y%m%d}"
        with connection.transaction():
            connection.execute("LOCK TABLE entries IN SHARE UPDATE EXCLUSIVE MODE")
            if connection.execute(_HAS_DAY, (name,)).fetchone() is None:
                connection.execute(f"CREATE TABLE IF NOT EXISTS {name} (LIKE entries)")
                bounds = f"FROM ({day * DAY_S}) TO ({(day + 1) * DAY_S})"
                connection.execute(f"ALTER TABLE entries ATTACH PARTITION {name} FOR VALUES {bounds}")
        self._days.add(day)


def _values(entry: Entry) -> tuple[object, ...]:
    return tuple(value.decode() if isinstance(value, bytes) else value for value in row(entry))


def _text(value: str) -> str:
    """PostgreSQL holds every character but this one. The whole entry has it, escaped."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
