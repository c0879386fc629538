"""One measurement each: a gateway, a load, and what the gateway used meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateways import Gateway
from process import OTHER_CORE, Program
from workloads import CHAT, CHUNKS, STREAM, WORKLOADS, Workload

HERE = Path(__file__).parent
STREAMS_AT_ONCE, OPEN_STREAMS = 200, 1000
RATE_MAX = 3000  # Calls a second of the open loop, which is made in Python and must not be late itself.

Seen = dict[str, float]


class Wrong(Exception):
    """An answer is not what it must be."""


@dataclass
class Running:
    """One gateway that runs, paused except in its turn."""

    gateway: Gateway
    program: Program
    folder: Path
    port: int
    upstream: int
    startup_s: float = 0.0
    idle_mb: float = 0.0
    keys: dict[str, str] = field(default_factory=dict)

    def headers(self, workload: Workload = WORKLOADS[0]) -> dict[str, str]:
        if self.keys:
            own = {"Authorization": f"Bearer {self.keys[workload.key]}"} | workload.headers
        else:
            own = self.gateway.headers(self.upstream)
        return {"Content-Type": "application/json"} | own

    def url(self, path: str = CHAT) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def closed_loop(one: Running, workload: Workload, seconds: float) -> Seen:
    """As many calls as the gateway can take from so many connections. Raises Wrong."""
    script = _script(one, workload)
    _wrk(one, workload, script, 1)
    before, began = one.program.cpu_us(), time.monotonic()
    calls = _wrk(one, workload, script, seconds)
    took = time.monotonic() - began
    cpu_us = (one.program.cpu_us() - before) / calls
    return {"cpu_us": cpu_us, "rps": calls / took, "rss_mb": one.program.memory_mb()}


def _script(one: Running, workload: Workload) -> Path:
    body = one.folder / f"{workload.name}.body"
    body.write_bytes(workload.body)
    lines = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in one.headers(workload).items())
    script = one.folder / f"{one.gateway.name}-{workload.name}.lua"
    script.write_text(f'wrk.method = "POST"\n{lines}wrk.body = io.open("{body}", "rb"):read("*a")\n')
    return script


def _wrk(one: Running, workload: Workload, script: Path, seconds: float) -> int:
    command = ["wrk", "-t1", f"-c{workload.connections}", f"-d{max(1, round(seconds))}", "--timeout", "20s"]
    said = subprocess.run(
        ["taskset", "-c", OTHER_CORE, *command, "-s", str(script), one.url(workload.path)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    calls = int(re.search(r"(\d+) requests in", said)[1])
    found = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if not calls or (int(found[1]) if found else 0) != (calls if workload.refused else 0):
        raise Wrong(said.strip().splitlines()[-1])
    return calls


def stream(one: Running, direct: Running, seconds: float) -> Seen:
    """Many streams at once: CPU for each, and how much later the first token is than from the provider itself."""
    before = one.program.cpu_us()
    said = _load(one, mode="streams", at_once=STREAMS_AT_ONCE, seconds=seconds)
    cpu_us = (one.program.cpu_us() - before) / said["streams"]
    straight = _load(direct, mode="streams", at_once=STREAMS_AT_ONCE, seconds=1)
    later = said["first_token_ms"] - straight["first_token_ms"]
    return {"cpu_us": cpu_us, "cpu_us_a_chunk": cpu_us / CHUNKS, "first_token_added_ms": later} | _memory(one)


def latency(one: Running, direct: Running, rps: float, seconds: float) -> Seen:
    """What it adds at half of the load that it can take, at most RATE_MAX; from when each call was due."""
    rate = min(RATE_MAX, rps / 2)
    asked = {"mode": "open", "rate": rate, "seconds": seconds}
    there, straight = _load(one, **asked), _load(direct, **asked)
    return {name: there[name] - straight[name] for name in ("p50_ms", "p99_ms")}


def open_streams(one: Running) -> Seen:
    """What it holds in memory with many streams open that say little."""
    with _loading(one, mode="opened", count=OPEN_STREAMS) as load:
        if load.stdout.readline() != "open\n":
            raise Wrong(load.stderr.read()[-300:])
        memory = _memory(one)
        load.stdin.write("enough\n")
        load.stdin.flush()
        if json.loads(load.stdout.readline())["open"] != OPEN_STREAMS:
            raise Wrong("not all streams were still open")
    return memory


def _memory(one: Running) -> Seen:
    return {"rss_mb": one.program.memory_mb()}


def _load(one: Running, **asked: Any) -> Seen:
    with _loading(one, **asked) as load:
        out, err = load.communicate()
    if load.returncode:
        raise Wrong(err[-300:])
    return json.loads(out)


def _loading(one: Running, **asked: Any) -> subprocess.Popen[str]:
    body = WORKLOADS[0].body if asked["mode"] == "open" else STREAM
    asked |= {"url": one.url(), "headers": one.headers(), "body": body.decode()}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        ["taskset", "-c", OTHER_CORE, sys.executable, str(HERE / "load.py"), json.dumps(asked)],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )
