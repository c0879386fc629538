"""Alerts that are on their way, in a file: what is told once is told once over restarts, and what did not arrive is
tried again. All processes of a home share it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock

import msgspec
from msgspec import Struct

from gateway.core.alert import Alert
from gateway.stores.closed import closed_to_others

KEPT_S = 90 * 86_400.0
"""How long it is known that something was told."""

FIRST_WAIT_S, WAIT_S_MAX = 30.0, 1800.0
ATTEMPTS_MAX = 55
"""At the waits above: a day."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS alerts (
    id TEXT NOT NULL, target TEXT NOT NULL, at REAL NOT NULL, alert TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    due REAL, delivered REAL, problem TEXT NOT NULL DEFAULT '', PRIMARY KEY (id, target)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS alerts_due ON alerts (target, due) WHERE due IS NOT NULL;
"""
_alert = msgspec.json.Decoder(Alert)


class Delivery(Struct, frozen=True):
    """What became of an alert at one target."""

    alert: Alert
    target: str
    attempts: int
    delivered: float | None  # Unix seconds.
    due: float | None  # When it is tried next; None once it has arrived or was given up.
    problem: str


class Outbox:
    """Blocking: for threads, of which one at a time has the file: a gateway that stops closes it while another still
    looks. Every method may raise sqlite3.Error."""

    def __init__(self, path: Path) -> None:
        self._alone = Lock()
        closed_to_others(path)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.executescript(_SCHEMA)

    def put(self, alerts: Iterable[tuple[Alert, str]], now: float) -> None:
        """To be told to these targets, unless they have been."""
        rows = [(alert.id, target, alert.at, msgspec.json.encode(alert).decode(), now) for alert, target in alerts]
        insert = "INSERT OR IGNORE INTO alerts (id, target, at, alert, due) VALUES (?, ?, ?, ?, ?)"
        with self._alone:
            self._database.executemany(insert, rows)

    def due(self, target: str, now: float, count: int) -> list[Alert]:
        """What is to be told now, oldest first."""
        query = "SELECT alert FROM alerts WHERE target = ? AND due <= ? ORDER BY at, id LIMIT ?"
        with self._alone:
            return [_alert.decode(text) for (text,) in self._database.execute(query, (target, now, count))]

    def arrived(self, target: str, alerts: Sequence[Alert], now: float) -> None:
        """These were told."""
        update = """
            UPDATE alerts SET delivered = ?, due = NULL, attempts = attempts + 1, problem = ''
            WHERE id = ? AND target = ?
        """
        with self._alone:
            self._database.executemany(update, [(now, alert.id, target) for alert in alerts])

    def failed(self, target: str, alerts: Sequence[Alert], now: float, problem: str) -> None:
        """These were not; tried again after a wait that doubles, or given up after so many times."""
        update = f"""
            UPDATE alerts SET attempts = attempts + 1, problem = ?, due = CASE
                WHEN attempts + 1 >= {ATTEMPTS_MAX} THEN NULL
                ELSE ? + min({WAIT_S_MAX}, {FIRST_WAIT_S} * (1 << min(attempts, 20))) END
            WHERE id = ? AND target = ?
        """  # noqa: S608 - numbers that stand here
        with self._alone:
            self._database.executemany(update, [(problem, now, alert.id, target) for alert in alerts])

    def history(self, count: int) -> list[Delivery]:
        """The newest first."""
        query = "SELECT alert, target, attempts, delivered, due, problem FROM alerts ORDER BY at DESC, id LIMIT ?"
        with self._alone:
            rows = self._database.execute(query, (count,)).fetchall()
        return [Delivery(_alert.decode(text), *rest) for text, *rest in rows]

    def sweep(self, now: float) -> None:
        """Forget what is over for long."""
        with self._alone:
            self._database.execute("DELETE FROM alerts WHERE at < ? AND due IS NULL", (now - KEPT_S,))

    def close(self) -> None:
        """Close the file."""
        with self._alone:
            self._database.close()


def history(path: Path, count: int) -> list[Delivery]:
    """The same of a file that a gateway may be writing to; nothing where there is none. Raises sqlite3.Error."""
    if not path.exists():
        return []
    with closing(Outbox(path)) as outbox:
        return outbox.history(count)
