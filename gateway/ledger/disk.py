"""What the journal asks of its disk beside writing: that nobody else writes there, and that what is there stays."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

_NOT_FOR_FOLDERS = (errno.EINVAL, errno.ENOTSUP)
"""What some mounts (FUSE, 9p) say of a folder, whatever they can do for files: no other call would get further."""


class JournalBusy(Exception):
    """Another process uses this journal."""


def locked(directory: Path) -> int:
    """A handle that keeps others away while it is open. Raises JournalBusy."""
    handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise JournalBusy(f"another gateway is running with {directory}") from None
    return handle


def to_disk(handles: Iterable[int], named_in: Path | None = None) -> None:
    """Wait until these files are on the disk, and the names of all that are in a folder: a file that is new there may
    be without its name after a power cut, however often it was synced itself. Raises OSError."""
    for handle in handles:
        os.fdatasync(handle)
    if named_in is not None:
        folder = os.open(named_in, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno not in _NOT_FOR_FOLDERS:
                raise
        finally:
            os.close(folder)
