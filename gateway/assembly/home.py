"""What a process calls itself, by the directory that it lives in."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.prices.stored import write

LIVES_LOST = 1 << 16
"""Where the count of lives was lost it goes on from here and the number of the day: later than any life before, and
within the 17 bits that a word to the store has for it (`stores.base.TURN_BITS`)."""


def replica_name(settings: Settings, worker: int | None) -> str:
    """The name of this home's one process, or of one of its workers: the same after a restart, so that its numbers in
    the store and in the ledger go on."""
    path = settings.home / "replica"
    name = path.read_text().strip() if path.exists() else ""
    if not name:  # Or a power cut has left it so.
        write(path, (name := secrets.token_hex(6)).encode())
    return name if worker is None else f"{name}.{worker}"


def next_life(settings: Settings, worker: int | None) -> int:
    """How many processes this one of the home has had before, and one more from now on."""
    path = settings.home / ("lives" if worker is None else f"lives-{worker}")
    try:
        life = int(path.read_text()) + 1
    except FileNotFoundError:
        life = 0
    except ValueError:  # A power cut has left it empty.
        life = LIVES_LOST + int(time.time() // 86_400)
    write(path, str(life).encode())
    return life


def lost(settings: Settings) -> Iterator[str]:
    """A sentence for each file of the books that is gone from a home in which a gateway has run. Raises Unavailable for
    one that was emptied: that is damage, after which limits would let through what is spent already."""
    if not any(settings.home.glob("lives*")):
        return
    books = {} if settings.ledger_url else {settings.ledger: "what was spent of limits"}
    books |= {} if settings.shared else {settings.state: "keys and limits that were set"}
    for path, what in books.items():
        if not path.exists():
            yield f"{path} is not there, though a gateway has run in this home: it does not know {what} until now"
        elif not path.stat().st_size:
            raise Unavailable(f"{path} is empty: put it back from a backup, or remove it to begin anew.")


def journal_of(settings: Settings, worker: int | None) -> Path:
    """The journal's directory: each process has one of its own."""
    return settings.journal if worker is None else settings.journal / f"worker-{worker}"


def settles(own: str, workers: int, replica: str) -> bool:
    """Whether the batches and training jobs of a replica are for this one of so many: its own; and those that earlier
    processes of its home have left, of which there were more or fewer, for the first worker or the only process."""
    if own.partition(".")[0] != replica.partition(".")[0]:
        return False
    number, theirs = worker_number(own), worker_number(replica)
    return number in (0, theirs) or (number == 1 and not 1 <= theirs <= workers)


def worker_number(replica: str) -> int:
    """Of a worker, from 1; 0 for a home's only process."""
    return int(replica.partition(".")[2] or 0)
