"""Programs under measurement: pinned to a core, and what their whole process tree has used."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

GATEWAY_CORE, OTHER_CORE = "0", str(min(1, (os.cpu_count() or 1) - 1))


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Program:
    """Started at once; everything that it says goes to a log beside it."""

    def __init__(self, arguments: list[str], folder: Path, env: Mapping[str, str], core: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"log-{time.time_ns()}.txt"
        self.began = time.monotonic()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", core, *arguments],
                cwd=folder,
                env=os.environ | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def pause(self) -> None:
        """Others are measured: background work of this one must not disturb them."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        if self.ended:
            return
        for number in (signal.SIGCONT, signal.SIGTERM):
            os.killpg(self._process.pid, number)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def cpu_us(self) -> float:
        """CPU time of all threads so far, from the scheduler; user and system together."""
        return sum(_cpu_us(pid) for pid in _tree(self._process.pid))

    def memory_mb(self) -> float:
        """Proportional set size: what processes share counts once."""
        return sum(_pss_mb(pid) for pid in _tree(self._process.pid))


def _tree(pid: int) -> list[int]:
    found = [pid]
    for task in _each(Path(f"/proc/{pid}/task")):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            found += _tree(int(child))
    return found


def _each(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _cpu_us(pid: int) -> float:
    """Threads that have ended since are missing from schedstat; pools that live on have none such."""
    total = 0
    for task in _each(Path(f"/proc/{pid}/task")):
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (OSError, IndexError):
            continue
    return total / 1000


def _pss_mb(pid: int) -> float:
    try:
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def answers(url: str, headers: Mapping[str, str], body: bytes, patience_s: float, program: Program) -> float | None:
    """Seconds from the program's start until this call is answered well; None if it never is."""
    while time.monotonic() - program.began < patience_s and not program.ended:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=10) as answer:
                if answer.status == 200:
                    return time.monotonic() - program.began
        except OSError:
            time.sleep(0.02)
    return None


def size_mb(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 2**20
