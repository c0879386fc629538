"""What a process has in memory, as Linux tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Self


def resident(pid: int, name: str = "VmRSS") -> int:
    """In bytes: now; or VmHWM, the most that it ever was, or since `Grown` began. Raises OSError."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


class Grown:
    """How much more memory a process had, at the most, while the block ran: `bytes`. Raises OSError where the mark of
    the most cannot be set back."""

    def __init__(self, pid: int) -> None:
        self.pid, self.bytes = pid, 0

    def __enter__(self) -> Self:
        self._before = resident(self.pid)
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # The most is what is now.
        return self

    def __exit__(self, *exc: object) -> None:
        self.bytes = resident(self.pid, "VmHWM") - self._before
