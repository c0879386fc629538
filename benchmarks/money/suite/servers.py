"""Programs that the suite starts and ends, by their own pid: gateways, the provider, Redis."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

REDIS = shutil.which("redis-server") or shutil.which("valkey-server")
HERE = Path(__file__).parent


class NotReady(Exception):
    """A program ended, or does not answer in time."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Server:
    """Runs from `start` to `stop` or `kill`, and may be started again. What it says goes to a log in its folder."""

    def __init__(self, command: list[str], folder: Path, env: Mapping[str, str], ready: Callable[[], bool]) -> None:
        self._command, self.folder, self._env, self._ready = command, folder, env, ready
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> None:
        """Without waiting until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self.folder, env=dict(self._env), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait(self, patience_s: float = 60) -> None:
        """Until it is ready. Raises NotReady."""
        until = time.monotonic() + patience_s
        while not self._ready():
            if not self.runs or time.monotonic() > until:
                raise NotReady(f"{self._command[:3]}: {self.said[-500:]}")
            time.sleep(0.01)

    def start(self, patience_s: float = 60) -> None:
        self.launch()
        self.wait(patience_s)

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def said(self) -> str:
        return (self.folder / "log.txt").read_text(errors="replace")

    def tell(self, number: signal.Signals) -> None:
        if self.runs:
            self._process.send_signal(number)

    def kill(self) -> None:
        self.tell(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if not self.runs:
            return
        self.tell(signal.SIGCONT)
        self.tell(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


class Redis(Server):
    """A real one, that writes what it knows to a file every second."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        options = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "yes",
            "--dir",
            str(folder),
        ]
        super().__init__([REDIS, *options], folder, os.environ, lambda: self._asked("PING").startswith(b"+PONG"))

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def _asked(self, *words: str) -> bytes:
        try:
            return self.say(*words)
        except OSError:
            return b""

    def say(self, *words: str) -> bytes:
        """One command in plain protocol, and the whole of a short answer."""
        with socket.create_connection(("127.0.0.1", self.port), 2) as line:
            line.sendall(" ".join(words).encode() + b"\r\n")
            said = line.recv(1 << 16)
            while said.startswith(b"$") and len(said) < int(said[1 : said.index(b"\r\n")]):
                said += line.recv(1 << 16)
            return said

    def commands(self) -> int:
        """Scripts and plain commands that clients have asked for so far: what a round trip each is."""
        calls = 0
        for row in self.say("INFO", "commandstats").decode().splitlines():
            name, _, figures = row.partition(":")
            if name in {"cmdstat_evalsha", "cmdstat_eval", "cmdstat_incrbyfloat", "cmdstat_mget"}:
                calls += int(figures.split("calls=")[1].split(",")[0])
        return calls


def provider(folder: Path, *, tokens_per_s: float, whole_s: float) -> tuple[Server, str, Path]:
    """One that bills: the server, not started yet, its URL, and its bill."""
    port, bill = free_port(), folder / "bill.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    bill.touch()
    command = [sys.executable, str(HERE / "provider.py"), str(port), str(bill), str(tokens_per_s), str(whole_s)]
    return Server(command, folder, os.environ, lambda: listens(port)), f"http://127.0.0.1:{port}/v1", bill
