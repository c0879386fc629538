"""An append-only file that survives SIGKILL: what is open, what is settled and not yet in the ledger.

One write(2) a record puts it into the kernel's hands, which a dead process cannot take back. A lost
machine can: fdatasync runs in groups off the loop, or before every call if `sync` is `always`.

While the disk refuses either, no call may leave, `trouble` says why, and the disk is tried again by itself.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from gateway.core.entry import Entry
from gateway.core.errors import Unavailable
from gateway.core.price import Price
from gateway.ledger.disk import locked, to_disk
from gateway.ledger.records import NOTHING, Kind, Recovered, files_in, line, look_over, price_line

SEGMENT_BYTES = 16 << 20
"""A file is left for the next one at this size, and deleted once the ledger has what it settled."""

SYNC_ALWAYS = 0.0
SYNC_NEVER = -1.0  # Leave it to the operating system.

TRIED_AGAIN_S = 0.25
"""Between two attempts to sync on a disk that refused."""

SYNCS_AT_ONCE = 4
"""Threads that sync. They do nothing else, so that nothing else keeps calls waiting for their disk."""

COMPLAINT_S = 60.0
"""Between two lines of the log that say why calls are refused."""

log = logging.getLogger("fareway.journal")


class Journal:
    """One process's journal in a directory of its own. `sync_s`: seconds between syncs, SYNC_ALWAYS or SYNC_NEVER."""

    def __init__(self, directory: Path, sync_s: float) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._directory = directory
        self._sync_s = sync_s
        self._lock = locked(directory)
        self._old = files_in(directory)
        self._number = int(self._old[-1].stem) if self._old else 0
        self._unsynced = False
        self._unwritable: OSError | None = None  # What the disk said to the last write, if it refused,
        self._unsyncable: OSError | None = None  # and to the last sync.
        self._torn = False  # Half a line stands at the end of the file, and cannot be taken away.
        self._doubtful = False  # A sync of the file failed: what the disk has of it nobody knows, nor asks it again.
        self._anew = False  # The file was begun because the one before could not be synced; nor was this one yet.
        self._threads = ThreadPoolExecutor(SYNCS_AT_ONCE, thread_name_prefix="journal")
        self._complains_again_at: float = 0
        self._left: list[int] = []  # Handles of files left behind, to be synced once more and closed,
        self._lost: list[int] = []  # and of those that could not be synced, to be closed when nobody syncs them.
        self._open: dict[str, bytes] = {}
        self._owed: list[bytes] = []  # Settled lines that the disk refused; kept until it takes them.
        self.settled: list[Entry] = []  # In order; not yet in the ledger.
        self.noted: dict[str, Price] = {}  # Every price that entries of this process may be booked at, by its id.
        self.prices: list[Price] = []  # Of these, what is not yet in the ledger.
        self.retired: list[Path] = []  # Left behind; may go once everything settled so far is in the ledger.
        self._carried_on: list[Path] = []  # Left behind, and not retired before what is open is on the disk elsewhere.
        self._on_disk = 0  # The last file that was synced, its name included; with it went all that it carries.
        self._number, self._file = self._create(self._number + 1)
        self._size = self._carried = 0  # Bytes in the file; of these, what was open when it was begun.

    @property
    def open_count(self) -> int:
        """Attempts that have left and are not over."""
        return len(self._open)

    @property
    def trouble(self) -> str:
        """Why no call may leave at the moment, in the disk's words; empty if all is well."""
        error = self._unwritable or self._unsyncable
        return "" if error is None else str(error)

    def recover(self) -> Recovered:
        """What the files that an earlier process left say. `forget_recovered` deletes them."""
        return look_over(self._old)

    def forget_recovered(self) -> None:
        """The ledger has it all: the old files may go."""
        for path in self._old:
            path.unlink()
        self._old = []

    def note(self, price: Price) -> None:
        """Entries from here on may be booked at this price. Each is written down once in the life of a process."""
        if price.id not in self.noted:
            self.noted[price.id] = price
            self.prices.append(price)
            self._append_or_owe(price_line(price))

    async def open(self, entry: Entry) -> None:
        """Before a byte leaves: the entry that is true if we die now. Raises Unavailable if the disk refuses."""
        self.extend(entry)
        if self._sync_s == SYNC_ALWAYS:
            try:
                await self._sync()
            except OSError as error:
                self._unsynced, self._doubtful, self._unsyncable = True, True, error
            if self._unsyncable is not None:  # A failure is told to one of those who sync, and to no other.
                raise self._refusal(self._unsyncable)

    def extend(self, entry: Entry) -> None:
        """The same attempt now holds more. Raises Unavailable if the disk refuses."""
        if self._unsyncable is not None:
            raise self._refusal(self._unsyncable)
        record = line(Kind.OPEN, entry)
        try:
            self._append(record)
        except OSError as error:
            raise self._refusal(error) from error
        self._open[entry.id] = record

    def _refusal(self, error: OSError) -> Unavailable:
        """What the caller is told. Why is for the operator alone, and not for each call anew."""
        now = time.monotonic()
        if now >= self._complains_again_at:
            self._complains_again_at = now + COMPLAINT_S
            log.error("the journal in %s cannot be written, so calls are refused: %s", self._directory, error)
        return Unavailable("The journal cannot be written, so no call may leave or grow.")

    def settle(self, entry: Entry) -> None:
        """The attempt is over and this is what it came to. What the disk refuses is kept and retried. Raises
        UnicodeEncodeError for an entry that is no text, which no attempt has been opened with; it is not settled."""
        record = line(Kind.SETTLED, entry)
        self._open.pop(entry.id, None)
        self.settled.append(entry)
        self._append_or_owe(record)

    def void(self, entry: Entry) -> None:
        """The attempt is over and no provider has charged for it."""
        self._open.pop(entry.id, None)
        self._append_or_owe(line(Kind.VOID, entry))

    def moved(self, count: int, retired: list[Path], prices: int = 0) -> None:
        """The ledger has the first `count` settled entries and `prices`, and so needs these files no more."""
        del self.settled[:count]
        del self.prices[:prices]
        with suppress(OSError):  # On a disk that is read-only now, it goes with later ones, and none before it.
            for path in retired:
                path.unlink(missing_ok=True)
                self.retired.remove(path)

    async def keep_synced(self) -> None:
        """Sync in groups for ever, and retry what the disk refused."""
        while True:
            pace = self._sync_s if self._sync_s > 0 else 1
            await asyncio.sleep(pace if self._unsyncable is None else max(pace, TRIED_AGAIN_S))
            self._pay_owed()
            if self._unwritable is not None and not self._owed:
                self._append_or_owe(NOTHING)
            await self._sync_group()

    async def _sync_group(self) -> None:
        for handle in self._lost:
            os.close(handle)
        self._lost.clear()
        if self._doubtful:
            self._begin_next_segment(anew=True)
            if self._doubtful:
                return
        left, self._left = self._left, []
        wanted = self._sync_s > 0 or self._unsyncable is not None or bool(self._carried_on)
        unsynced, self._unsynced = self._unsynced and wanted, False  # Set anew by what comes meanwhile.
        try:
            await self._sync(left, current=unsynced)
        except OSError as error:
            self._unsynced, self._doubtful, self._unsyncable = True, True, error
            log.warning("the journal could not be synced: %s", error)
        else:
            if unsynced and not self._doubtful:
                self._unsyncable, self._anew = None, False
        for handle in left:
            os.close(handle)

    async def _sync(self, left: Sequence[int] = (), *, current: bool = True) -> None:
        """Bring files left behind and the current one to the disk. Raises OSError."""
        number, unnamed = self._number, current and self._on_disk < self._number
        handles, named = [*left, self._file] if current else left, self._directory if unnamed else None
        await asyncio.get_running_loop().run_in_executor(self._threads, to_disk, handles, named)
        if unnamed and not self._doubtful:
            self._on_disk = max(self._on_disk, number)
            while self._carried_on and self._carried_on[0] < self._path(self._on_disk):
                self.retired.append(self._carried_on.pop(0))

    def close(self) -> None:
        """Sync and let go. With nothing open and all moved, the last file goes as well."""
        self._pay_owed()
        try:
            to_disk([*self._left, self._file], self._directory)
        except OSError as error:
            log.error("the journal could not be synced at the end: %s", error)  # noqa: TRY400 - nobody's bug
        for handle in [*self._left, *self._lost, self._file]:
            os.close(handle)
        self._threads.shutdown(wait=False)
        if not (self._open or self.settled or self.prices or self._owed):
            with suppress(OSError):  # What they say is in the ledger, and is not booked twice.
                for path in (*self.retired, *self._carried_on, self._path(self._number)):
                    path.unlink(missing_ok=True)
        os.close(self._lock)

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:012d}.journal"

    def _create(self, number: int) -> tuple[int, int]:
        return number, os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)

    def _append(self, record: bytes) -> None:
        if self._size - self._carried >= SEGMENT_BYTES:  # Before, so that what is open now is carried over.
            self._begin_next_segment(anew=self._doubtful)
        try:
            self._write(b"\n" + record if self._torn else record)
        except OSError as error:
            self._unwritable = error
            raise
        self._unsynced = True
        if self._unwritable is not None:
            self._unwritable = None
            log.warning("the journal in %s can be written again", self._directory)

    def _write(self, record: bytes) -> None:
        written = os.write(self._file, record)
        if written == len(record):
            self._size, self._torn = os.fstat(self._file).st_size if self._torn else self._size + written, False
            return
        self._torn = True  # The disk is full: leave no torn line for the next one to follow.
        os.ftruncate(self._file, self._size)
        self._torn = False
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _begin_next_segment(self, *, anew: bool = False) -> None:
        """Carry what is open into a new file, so that the old one only holds what is over. `anew`: and all else that
        the ledger has not, because nobody knows what the disk has of a file that it could not sync.

        A full disk leaves everything as it was; the next record tries again.
        """
        ended = [*map(price_line, self.prices), *(line(Kind.SETTLED, entry) for entry in self.settled)] if anew else []
        carried = b"".join([*ended, *self._open.values()])
        number, file = self._number + 1, -1
        try:
            _, file = self._create(number)
            whole = os.write(file, carried) == len(carried)
        except OSError:
            whole = False
        if not whole:
            if file >= 0:
                os.close(file)
                with suppress(OSError):
                    self._path(number).unlink()
            return
        if anew and self._anew:  # Nothing of it was ever on the disk, and all of it is in the new one.
            self._path(self._number).unlink(missing_ok=True)
        else:
            self._carried_on.append(self._path(self._number))
        (self._lost if anew else self._left).append(self._file)
        self._anew, self._doubtful = anew, False
        self._number, self._file = number, file
        self._size = self._carried = len(carried)
        self._torn = False

    def _append_or_owe(self, record: bytes) -> None:
        if self._owed:
            self._owed.append(record)
            return
        try:
            self._append(record)
        except OSError:
            self._owed.append(record)

    def _pay_owed(self) -> None:
        while self._owed:
            try:
                self._append(self._owed[0])
            except OSError:
                return
            del self._owed[0]
