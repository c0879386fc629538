"""A group of processes with a ceiling on their memory, by cgroups of either version."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Group:
    """`command` runs what follows it inside."""

    folder: Path
    kind: str

    @property
    def command(self) -> tuple[str, ...]:
        """In front of a program and its arguments."""
        return ("sh", "-c", f'echo $$ >{self.folder}/cgroup.procs && exec "$@"', "sh")

    @property
    def kills(self) -> int:
        """How often the kernel has killed something for want of memory."""
        said = self.folder / ("memory.oom_control" if self.kind == "cgroup v1" else "memory.events")
        return sum(int(line.split()[1]) for line in said.read_text().splitlines() if line.startswith("oom_kill "))


@contextmanager
def memory_group(bytes_max: int) -> Iterator[Group | None]:
    """None where this machine does not let us make one."""
    name = f"fareway-{os.getpid()}"
    kinds = (("cgroup v1", ROOT / "memory" / name, "memory.limit_in_bytes"), ("cgroup v2", ROOT / name, "memory.max"))
    for kind, folder, ceiling in kinds:
        with suppress(OSError):
            if not folder.parent.is_dir():
                continue
            folder.mkdir()
            try:
                (folder / ceiling).write_text(str(bytes_max))
                yield Group(folder, kind)
            finally:
                folder.rmdir()
            return
    yield None
