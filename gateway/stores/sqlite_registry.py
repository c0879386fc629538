"""Keys, tenants, rules and the audit log in the state database, which the command line and running gateways share."""

from __future__ import annotations

import os
import secrets
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from gateway.core.errors import Unavailable
from gateway.stores.registry import FOLLOWED, Kind, Write
from gateway.stores.sqlite import connect, transaction

PEPPER_BYTES = 32
_LAST = "SELECT n, note FROM audit WHERE n < ?1 ORDER BY n DESC LIMIT ?2"


class SqliteRegistry:
    """See `Registry`. Calls are short and on a local file; the hot path does not come here."""

    def __init__(self, path: Path) -> None:
        self._database = connect(path)

    def all(self, kind: Kind) -> dict[str, bytes]:
        """See `Registry.all`."""
        return dict(self._asked(f"SELECT * FROM {kind}"))  # noqa: S608 - one of a few words

    def find(self, kind: Kind, name: str, *, hasty: bool = False) -> bytes | None:
        """See `Registry.find`."""
        del hasty  # A file is.
        rows = self._asked(f"SELECT * FROM {kind} WHERE id = ?", name)  # noqa: S608 - the same
        return bytes(rows[0][1]) if rows else None

    def write(self, writes: Sequence[Write], notes: Sequence[bytes]) -> bool:
        """See `Registry.write`."""
        try:
            with transaction(self._database) as database:
                if any(self.find(write.kind, write.id) != write.before for write in writes):
                    return False
                for write in writes:
                    _put(database, write)
                database.executemany("INSERT INTO audit (note) VALUES (?)", [(note,) for note in notes])
                if any(write.kind in FOLLOWED for write in writes):
                    database.execute("UPDATE key_changes SET n = n + 1")
        except sqlite3.Error as error:
            raise Unavailable(_SILENT) from error
        return True

    def notes(self, before: int | None, count: int) -> list[tuple[int, bytes]]:
        """See `Registry.notes`."""
        return self._asked(_LAST, 2**62 if before is None else before, count)

    @property
    def version(self) -> int:
        """See `Registry.version`."""
        return int(self._asked("SELECT n FROM key_changes")[0][0])

    def lift(self, version: int) -> None:
        """See `Registry.lift`."""
        self._asked("UPDATE key_changes SET n = ?1 + 1 WHERE n <= ?1", version)

    def close(self) -> None:
        """See `Registry.close`."""
        self._database.close()

    def _asked(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(_SILENT) from error


_SILENT = "The store of keys does not answer."


def keys_in(path: Path) -> int:
    """How many keys a file has that a gateway may be using; nothing is written. Raises Unavailable."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            return int(database.execute("SELECT count(*) FROM keys").fetchone()[0])
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be read: {error}") from error


def _put(database: sqlite3.Connection, write: Write) -> None:
    if write.after is None:
        database.execute(f"DELETE FROM {write.kind} WHERE id = ?", (write.id,))  # noqa: S608 - one of a few words
    else:
        row = (write.id, write.after)
        database.execute(f"INSERT OR REPLACE INTO {write.kind} VALUES (?, ?)", row)  # noqa: S608 - the same


def load_pepper(path: Path) -> bytes:
    """The secret under which key secrets are hashed; made on first use, readable by the owner only. Raises Unavailable,
    also for one that is not whole: what is hashed with it opens nothing later, or everything."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make_pepper(path)
        pepper = path.read_bytes()
    except OSError as error:
        raise Unavailable(f"{path} cannot be used: {error}") from error
    if len(pepper) != PEPPER_BYTES:
        raise Unavailable(f"{path} has {len(pepper)} bytes, not {PEPPER_BYTES}: put it back from a backup.")
    return pepper


def _make_pepper(path: Path) -> None:
    """It appears whole or not at all, and of several processes that start at once the first one's stays."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(PEPPER_BYTES))
            file.flush()
            os.fsync(handle)
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()
