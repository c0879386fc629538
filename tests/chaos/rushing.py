"""A gateway that is rushed by `rush.py`: on a core of its own, where the machine has two, with a cheap provider."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import harness
from road import metric

CONFIG = """
providers:
  up: {base_url: "http://127.0.0.1:PORT/v1", prices: openai}
models:
  ours: {deployments: [up/gpt-4o-mini]}
limits:
  - {node: all, amount: 1000000 usd, window: month}
"""
UPSTREAM = harness.ROOT / "benchmarks" / "overhead" / "upstream.py"
RUSH = harness.ROOT / "tests" / "chaos" / "rush.py"
CORES = sorted(os.sched_getaffinity(0))[:2]
CHUNK_EVERY_S = 0.005


@contextmanager
def on(core: int) -> Iterator[None]:
    """What is started meanwhile runs on this core."""
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)


@dataclass
class Rushed:
    """The gateway, and what it did."""

    gate: harness.Process

    @property
    def config(self) -> Path:
        """Its configuration."""
        return self.gate.home / "fareway.yaml"

    @property
    def admin_url(self) -> str:
        """Where the admin API is."""
        return re.search(r"admin API is at (http://[^/\s]+)", self.gate.stderr)[1]

    def shed(self) -> int:
        """How many it says that it has turned away."""
        with urllib.request.urlopen(f"{self.gate.url}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        return int(sum(metric(text, "fareway_shed_total", reason=reason) for reason in ("crowded", "full")))

    @property
    def where(self) -> dict[str, object]:
        host, _, port = self.gate.url.removeprefix("http://").partition(":")
        return {"host": host, "port": int(port)}

    def cpu_s(self) -> float:
        """What the gateway has used, all threads."""
        used = Path(f"/proc/{self.gate.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")

    def request(self, key: str, *, stream: bool = False, prompt: str = "Hello, how are you today?") -> str:
        """A call as it is sent."""
        asked = {"model": "ours", "messages": [{"role": "user", "content": prompt}], "max_tokens": 100}
        if stream:
            asked |= {"stream": True, "stream_options": {"include_usage": True}}
        body = json.dumps(asked, separators=(",", ":"))
        fields = {"Host": "gateway", "Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"POST /v1/chat/completions HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n{body}"

    def rush(self, seconds: float, *groups: dict[str, object]) -> tuple[list[Group], float]:
        """What became of each group's calls, and the seconds of CPU that the gateway needed for all."""
        asked = self.where | {"seconds": seconds, "groups": groups}
        before = self.cpu_s()
        with on(CORES[-1]):
            said = subprocess.run(
                [sys.executable, str(RUSH)], input=json.dumps(asked), capture_output=True, text=True, check=False
            )
        assert said.returncode == 0, said.stderr
        return [Group(**told) for told in json.loads(said.stdout)], self.cpu_s() - before


@dataclass
class Group:
    """See `rush.py`."""

    asked: int
    untold: int
    answers: dict[str, dict[str, float]] = field(default_factory=dict)

    def calls(self, status: str = "200") -> int:
        return int(self.answers.get(status, {}).get("calls", 0))

    @property
    def good(self) -> int:
        """Answered, in time."""
        return int(self.answers.get("200", {}).get("in_time", 0))


@contextmanager
def rushed(folder: Path, command: str = "") -> Iterator[Rushed]:
    """The gateway and its provider, for as long as the block runs. `command`: what is started in its place."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with on(CORES[-1]):
        provider = subprocess.Popen([sys.executable, str(UPSTREAM), str(port), str(CHUNK_EVERY_S)])
    try:
        _listens(port)
        with on(CORES[0]):
            gate = _gateway(folder / "gate", CONFIG.replace("PORT", str(port)), command)
        try:
            yield Rushed(gate)
        finally:
            status = gate.stop()
        assert status == 0, gate.stderr
        assert "Traceback" not in gate.stderr, gate.stderr
    finally:
        provider.kill()
        provider.wait()


def _gateway(home: Path, config: str, command: str) -> harness.Process:
    if not command:
        return harness.gateway(home, config)
    home.mkdir(parents=True)
    path = home / "fareway.yaml"
    path.write_text(config)
    arguments = ["serve", "--port", "0", "--config", str(path)]
    started = (sys.executable, str(Path(__file__).parent / command))
    return harness.Process(arguments, home, r"Fareway is at (http://\S+)", command=started).start()


def _listens(port: int) -> None:
    deadline = time.monotonic() + harness.START_S_MAX
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("the provider did not start")


@contextmanager
def watched(urls: dict[str, str], key: str, every_s: float = 0.05) -> Iterator[dict[str, list[float]]]:
    """How many seconds each of these takes to answer, asked again and again meanwhile."""
    took: dict[str, list[float]] = {name: [] for name in urls}
    enough = Event()

    def ask() -> None:
        while not enough.wait(every_s):
            for name, url in urls.items():
                request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
                begun = time.monotonic()
                with urllib.request.urlopen(request, timeout=30) as answer:
                    answer.read()
                took[name].append(time.monotonic() - begun)

    asking = Thread(target=ask)
    asking.start()
    try:
        yield took
    finally:
        enough.set()
        asking.join()


def percentile(values: list[float], part: float) -> float:
    """Of these, in order."""
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]
