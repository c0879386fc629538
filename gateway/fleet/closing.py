"""Closing the books of a machine's hour: what its calls owe, worked out anew, and what nobody used. Pure.

While a call runs, its process knows neither the calls of other processes nor when its neighbours will end: it is
booked at a provisional share. Once an hour is over the clock runs again over all calls of the ledger that touch it.
What differs becomes adjusting entries, and what is left of what the machine is owed becomes an entry of nobody: so
the entries of the machine that stand in the hour sum up to what was paid for it, to the pico-dollar.

The ids follow from the machine, the hour and what the books had before: who closes an hour a second time, or at the
same time elsewhere, writes the same entries or none. A call that comes late, from a journal that was read late, makes a
difference, and what is then written puts it right.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.occupied import IDLE_ID, Occupied
from gateway.core.price import Cost, CostStatus
from gateway.fleet.ceiling import price_id
from gateway.fleet.clock import CostClock, Owed, Share
from gateway.fleet.rate import HOUR_NS, PER_PICO, SECOND_NS, Rate
from gateway.ledger.correction import NOTHING_USED, correction

IDLE = "idle"
"""What stands in the place of a model where nobody used the machine."""

TOLERANCE_PICOS = 1000
"""A nano-dollar: calls whose share differs by less are left as they are booked, and the hour's idle time takes it."""

DIED_NS_MAX = 600 * SECOND_NS
"""So long at most a call counts of which nobody knows when it ended: engines stop once nobody listens."""


def idle_request(backend: str, hour: int) -> str:
    """What the ledger calls an hour of a machine. `backend`: its id; `hour`: since 1970."""
    return f"{IDLE_ID}{backend}:{hour}"


@dataclass(frozen=True, slots=True)
class Books:
    """A machine, and a time within one hour of it, in Unix nanoseconds."""

    provider: str
    backend: str  # Host and port.
    rate: Rate
    since_ns: int
    until_ns: int

    @property
    def hour(self) -> int:
        """Hours since 1970."""
        return self.since_ns // HOUR_NS

    @property
    def at(self) -> float:
        """When it begins, in Unix seconds."""
        return self.since_ns / SECOND_NS

    @property
    def paid(self) -> int:
        """Pico-dollars; a part of one is cut off."""
        return self.rate.owed(self.since_ns, self.until_ns) // PER_PICO

    @property
    def idle_id(self) -> str:
        """Of the entry of what nobody used."""
        return f"{idle_request(f'{self.provider}@{self.backend}', self.hour)}.1"

    @property
    def price_id(self) -> str:
        """What its time is booked at."""
        return price_id(f"{self.provider}@{self.backend}", self.rate, self.since_ns)

    def has(self, entry: Entry) -> bool:
        """Whether it stands in these books."""
        return self.at <= entry.at < self.until_ns / SECOND_NS


def opened(provider: str, backend: str, at: float) -> Entry:
    """What says since when a machine is paid for here. Of several the first counts."""
    return _of_nobody(f"opened:{provider}@{backend}.1", provider, backend, at, "the machine was first seen")


def closed(books: Books, entries: Iterable[Entry], now: float) -> list[Entry]:
    """What is to be added to the books. `entries`: all of the machine that touch the hour, adjustments included."""
    calls, uses, told = {}, {}, defaultdict[str, list[Entry]](list)
    for entry in entries:
        use, here = stay(entry, books.rate), books.has(entry)
        if use is not None and (here or (use.began_ns < books.until_ns and books.since_ns < use.ended_ns)):
            calls[entry.id], uses[entry.id] = entry, use
        if here:
            told[entry.adjusts or entry.id].append(entry)
    owed = divided(books, uses)
    added = list(_adjusted(books, calls, told, owed, now))
    left = books.paid - sum(entry.cost.known.picos for each in (added, *told.values()) for entry in each)
    return added + _idle(books, told[books.idle_id], left, now)


def stay(call: Entry, rate: Rate) -> Occupied | None:
    """When a call used the machine. Nobody knows when one ended that was under way when its gateway died: it is taken
    to have had the machine alone for as long as what is held for it pays."""
    use = call.occupied
    if use is None or use.ended_ns:
        return use
    picos = rate.at(use.began_ns)[0]
    lasted = call.held_nanos * 1000 * HOUR_NS // picos if picos else 0
    return replace(use, ended_ns=use.began_ns + min(lasted, DIED_NS_MAX))


def last_touched(entries: Iterable[Entry], rate: Rate) -> int:
    """The last hour since 1970 that any of these calls was in; 0 without any."""
    uses = (stay(entry, rate) for entry in entries)
    return max([use.ended_ns // HOUR_NS for use in uses if use is not None], default=0)


def divided(books: Books, stays: Mapping[str, Occupied]) -> dict[str, Owed]:
    """What each call owes for its part of these books' time, by the clock; the rest nobody does."""
    clock = CostClock(books.rate, books.since_ns)
    shares: dict[str, Share] = {}
    owed: dict[str, Owed] = {}
    for at, what, name in sorted(_events(books, stays)):
        use = stays[name]
        if what == _LEAVES:
            share = clock.leave(shares.pop(name), at)
            owed[name] = share._replace(first=share.picos) if reads_until(use, at) else share
        elif what == _WRITES:
            clock.weigh(shares[name], use.decode, at)
        else:
            shares[name] = clock.join(use.prefill if reads_until(use, at) else use.decode, at)
    return owed


def reads_until(use: Occupied, moment_ns: int) -> bool:
    """Whether a call had its first weight just before a moment."""
    return not 0 < use.first_token_ns < moment_ns


_JOINS, _WRITES, _LEAVES = range(3)


def _events(books: Books, stays: Mapping[str, Occupied]) -> Iterator[tuple[int, int, str]]:
    """What happens within these books' time. Who is there at its beginning comes then; who stays goes at its end."""
    for name, use in stays.items():
        since, until = max(use.began_ns, books.since_ns), min(use.ended_ns, books.until_ns)
        if since < until:
            yield since, _JOINS, name
            yield until, _LEAVES, name
            if since <= use.first_token_ns < until:
                yield use.first_token_ns, _WRITES, name


def _adjusted(
    books: Books,
    calls: Mapping[str, Entry],
    told: Mapping[str, list[Entry]],
    owed: Mapping[str, Owed],
    now: float,
) -> Iterator[Entry]:
    for name, call in sorted(calls.items()):
        before = told.get(name, [])
        share = owed.get(name, Owed(0, 0))
        first = share.first if call.occupied is not None and call.occupied.decode else _split(share, call)
        difference = Counter(total=share.picos, input=first, output=share.picos - first)
        for entry in before:
            known = {"total": entry.cost.known, "input": entry.cost.input, "output": entry.cost.output}
            difference.subtract({part: money.picos for part, money in known.items()})
        if abs(difference["total"]) >= TOLERANCE_PICOS:
            yield _adjustment(books, call, difference, len(before), now)


def _split(share: Owed, call: Entry) -> int:
    """The part for its prompt, of an answer that did not stream: as it was booked."""
    cost = call.cost
    return share.picos * cost.input.picos // cost.known.picos if cost.known else 0


def _adjustment(books: Books, entry: Entry, picos: Mapping[str, int], number: int, now: float) -> Entry:
    cost = Cost(
        Money(picos["total"]),
        CostStatus.EXACT,
        books.price_id,
        input=Money(picos["input"]),
        output=Money(picos["output"]),
    )
    made = correction(entry, f"{books.hour}.{number}", "the machine's hour was closed", cost, now=now)
    return replace(made, at=max(entry.at, books.at))


def _idle(books: Books, told: list[Entry], left: int, now: float) -> list[Entry]:
    if not told and not books.paid and not left:
        return []
    if not told:
        entry = _of_nobody(books.idle_id, books.provider, books.backend, books.at, "nobody used the machine")
        return [replace(entry, cost=Cost(Money(left), CostStatus.EXACT, books.price_id, fees=Money(left)))]
    if not left:
        return []
    made = _adjustment(books, told[0], {"total": left, "input": 0, "output": 0}, len(told), now)
    return [replace(made, cost=replace(made.cost, fees=Money(left)))]


def _of_nobody(name: str, provider: str, backend: str, at: float, reason: str) -> Entry:
    return Entry(
        id=name,
        request_id=name.removesuffix(".1"),
        at=at,
        caller=Caller(),
        asked_model="",
        provider=provider,
        model=IDLE,
        served_model=IDLE,
        tier="",
        selfhosted=True,
        reason=reason,
        usage=NOTHING_USED,
        cost=Cost(Money(0), CostStatus.EXACT),
        held_nanos=0,
        outcome=Outcome.IDLE,
        status=0,
        backend=backend,
    )
