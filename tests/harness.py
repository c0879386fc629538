"""Real gateway and simulator processes on loopback, for tests that go through sockets."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from gateway.core.entry import Entry

ROOT = Path(__file__).parent.parent
START_S_MAX = 90

TOKEN = re.compile(r"fw-[0-9a-z]{12}-[A-Za-z0-9_-]{43}")


def shared() -> Path | None:
    """The development data beside the checkout, if it is there."""
    folder = Path(os.environ.get("FAREWAY_SHARED", ROOT.parent / "shared"))
    return folder if (folder / "data").is_dir() else None


@dataclass
class Process:
    """A fareway command that runs until it is stopped. `stderr` keeps all that it said."""

    arguments: list[str]
    home: Path
    ready: str  # What it says once it can be called; group 1 is its URL.
    env: dict[str, str] = field(default_factory=dict)
    url: str = ""
    command: tuple[str, ...] = (sys.executable, "-m", "gateway")

    def start(self) -> Process:
        """Start it, and wait until it says that it is ready."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.log = self.home / f"stderr-{time.time_ns()}.txt"
        environ = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY") and not k.startswith("FAREWAY_")}
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                [*self.command, *self.arguments],
                cwd=self.home,
                env=environ | {"FAREWAY_HOME": str(self.home), "PYTHONPATH": str(ROOT)} | self.env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        deadline = time.monotonic() + START_S_MAX
        while not (said := re.search(self.ready, self.stderr)):
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.stderr}"
            assert time.monotonic() < deadline, f"it did not get ready:\n{self.stderr}"
            time.sleep(0.02)
        self.url = said[1]
        return self

    @property
    def stderr(self) -> str:
        """All that it has said so far."""
        return self.log.read_text()

    @property
    def tokens(self) -> list[str]:
        """The admin's key and the first key, as printed on the first start."""
        return list(dict.fromkeys(TOKEN.findall(self.stderr)))

    def kill(self) -> None:
        """SIGKILL, at once."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and wait for it to end in order."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


def simulator(home: Path, *options: str) -> Process:
    """A running simulated provider, as fast as it can unless told otherwise. Its bill is home/bill.jsonl."""
    pace = ["--tokens-per-second", "0", "--first-token-ms", "0"]
    arguments = ["sim", "--port", "0", "--bill", str(home / "bill.jsonl"), *pace, *options]
    return Process(arguments, home, r"provider is at (http://[^/]+)/v1").start()


def gateway(home: Path, config: str | None = None, *options: str, env: dict[str, str] | None = None) -> Process:
    """A running gateway with this configuration; without one, with its own simulator."""
    home.mkdir(parents=True, exist_ok=True)
    arguments = ["serve", "--port", "0", *options]
    if config is not None:
        path = home / "fareway.yaml"
        path.write_text(config)
        arguments += ["--config", str(path)]
    return Process(arguments, home, r"Fareway is at (http://\S+)", env=env or {}).start()


def make_key(home: Path, *options: str, config: Path | None = None) -> str:
    """A new key by the command line, also beside a running gateway."""
    with_config = ["--config", str(config)] if config else []
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "keys", "create", *with_config, *options],
        env=os.environ | {"FAREWAY_HOME": str(home), "PYTHONPATH": str(ROOT)},
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def get(url: str, token: str) -> dict:
    """The JSON at a URL."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def bill(home: Path) -> list[dict]:
    """What the simulated provider charged, line by line."""
    path = home / "bill.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def billed(home: Path) -> Decimal:
    """What it charged in all, in dollars."""
    return sum((Decimal(line["cost_usd"]) for line in bill(home)), Decimal(0))


def ledger_line(text: str) -> dict[str, Any]:
    """An entry as the ledger has it, with what it leaves out because it is as usual."""
    whole = _plain(msgspec.json.decode(text, type=Entry))
    assert isinstance(whole, dict)
    return whole


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, tuple | list | frozenset):
        return [_plain(one) for one in value]
    return value.value if isinstance(value, Enum) else value
