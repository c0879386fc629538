"""Files of the home, which are nobody's but their owner's."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def closed_to_others(path: Path) -> None:
    """Make the file where there is none, and let its owner alone read and write it; what SQLite puts beside it follows
    it. A file that is there is not opened: closing it again would take the locks away that this process has on it by
    other connections. One of another owner, who shares it with a group, or whose mode cannot be changed where it lies,
    stays as it is. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = Path(os.path.realpath(path))  # A link may lead to where no file is yet, but not to a volume that is missing.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    there = path.stat()
    if there.st_mode & 0o077 and there.st_uid == os.geteuid():
        with suppress(OSError):
            path.chmod(0o600)
