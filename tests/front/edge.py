"""A gateway seen from its socket: raw bytes in, raw bytes out, and what it must be like after every one of them."""

from __future__ import annotations

import http.client
import json
import re
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import harness

CANARY = "canary-7f3a9c"  # Stands in keys, headers and bodies for what must never be repeated.
PATIENCE_S = 20
PATH = "/v1/chat/completions"
CALL = b'{"model":"sim-small","messages":[{"role":"user","content":"Hi"}]}'

CONFIG = """
server: {header_timeout: 10s, body_timeout: 10s, body_max: 1MiB}
providers:
  sim: {base_url: SIM_URL/v1, key: SECRET, bills_after_abort: false}
models:
  ours: {deployments: [sim/sim-small]}
routing: {retry: {rounds: 0}, breaker: {failures: 1000, open: 1s}}
limits:
  - {node: all, amount: 100 usd, window: month}
  - {node: all, amount: 50 concurrent}
"""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]  # Names in lower case.
    body: bytes

    @property
    def error(self) -> dict:
        """The error in it."""
        return json.loads(self.body)["error"]


class Edge:
    """Both processes; the gateway says all that it can."""

    def __init__(self, sim: harness.Process, gate: harness.Process) -> None:
        self.sim, self.gate = sim, gate
        self.admin, self.first = gate.tokens

    def connect(self) -> socket.socket:
        """A connection of one's own."""
        where = urlsplit(self.gate.url)
        return socket.create_connection((where.hostname, where.port), timeout=PATIENCE_S)

    def exchange(self, raw: bytes) -> Answer:
        """Send these bytes on a new connection, and read one answer."""
        with self.connect() as sock:
            send(sock, raw)
            return read(sock)

    def ask(self, body: bytes = CALL, headers: dict[str, str] | None = None, path: str = PATH) -> Answer:
        """A call whose framing is right."""
        return self.exchange(post(body, self.bearer() | (headers or {}), path))

    def bearer(self) -> dict[str, str]:
        """The header that lets in."""
        return {"Authorization": f"Bearer {self.first}"}

    def metric(self, name: str) -> float:
        """A figure of /metrics without labels, or the sum over all labels; 0 where there is none."""
        page = self.exchange(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").body.decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.MULTILINE))

    def booked(self) -> float:
        """How many entries were made."""
        return self.metric("fareway_entries_total")

    def at_rest(self) -> None:
        """Wait until nothing is under way or held."""
        eventually(lambda: not self.metric("fareway_inflight_requests") and not self.metric("fareway_limit_held"))

    def entries(self) -> list[dict]:
        """All lines of the ledger, once it has everything."""
        self.at_rest()
        eventually(lambda: not self.metric("fareway_journal_entries"))
        with closing(sqlite3.connect(f"file:{self.gate.home / 'ledger.db'}?mode=ro", uri=True)) as database:
            return [
                harness.ledger_line(row[0]) for row in database.execute("SELECT entry FROM entries ORDER BY at, id")
            ]

    def bill(self) -> list[dict]:
        """What the simulator has billed."""
        return harness.bill(self.sim.home)

    @contextmanager
    def unmoved(self) -> Iterator[None]:
        """Whatever happens inside costs nothing, holds nothing, tells no secret, and leaves a gateway that works."""
        entries, bill = self.booked(), len(self.bill())
        yield
        self.at_rest()
        assert self.booked() == entries, "it was charged"
        assert len(self.bill()) == bill, "it reached the provider"
        assert self.ask().status == 200
        assert_no_secret(self.gate.stderr)


@contextmanager
def edge(
    folder: Path, config: str = CONFIG, env: dict[str, str] | None = None, *, checked: bool = True
) -> Iterator[Edge]:
    """A gateway at its most talkative, in front of a simulator. `checked`: its log must be without a fault."""
    sim = harness.simulator(folder / "sim")
    try:
        (folder / "key").write_text(f"sk-{CANARY}-of-the-provider")
        config = config.replace("SIM_URL", sim.url).replace("SECRET", f'"${{file:{folder / "key"}}}"')
        gate = harness.gateway(folder / "gate", config, "--log-level", "debug", env=env)
        try:
            found = Edge(sim, gate)
            yield found
            assert len(found.entries()) == found.booked()
        finally:
            status = gate.stop()
        assert status == 0, gate.stderr
        if checked:
            assert_no_secret(gate.stderr)
    finally:
        sim.stop()


def post(body: bytes, headers: dict[str, str], path: str = PATH) -> bytes:
    """A POST with a length."""
    return head("POST", path, headers | {"Content-Length": str(len(body))}) + body


def head(method: str, path: str, headers: dict[str, str]) -> bytes:
    """A request line and headers, and the empty line."""
    lines = [f"{method} {path} HTTP/1.1", "Host: gateway", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def send(sock: socket.socket, raw: bytes) -> None:
    """Send it all, as far as the other side wants it: one that has answered may have closed."""
    try:
        sock.sendall(raw)
    except (BrokenPipeError, ConnectionResetError):
        return


def read(sock: socket.socket, method: str = "POST") -> Answer:
    """One answer; the connection can be used again."""
    answer = http.client.HTTPResponse(sock, method=method)
    try:
        answer.begin()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, headers, answer.read())
    finally:
        answer.close()


def closed_after_s(sock: socket.socket) -> float:
    """How long it takes until the other side closes without a word."""
    begun = time.monotonic()
    with suppress(ConnectionResetError):
        assert sock.recv(1) == b"", "it said something"
    return time.monotonic() - begun


def assert_refused(answer: Answer, status: int, code: str) -> None:
    """Our own refusal, in OpenAI's shape, with a request id, and without a secret or a cause."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.error["code"] == code
    assert answer.error["message"]
    assert {"message", "type", "param", "code"} <= set(answer.error)
    assert answer.headers["x-fareway-request-id"] == answer.error["request_id"]
    assert_no_secret(answer)


def assert_malformed(answer: Answer) -> None:
    """A refusal of what is no HTTP: the same, but there is no request that could have an id."""
    assert answer.status == 400, answer.body
    assert answer.headers["content-type"].startswith("application/json")
    assert {"message", "type", "param", "code"} <= set(answer.error)
    assert_no_secret(answer)


def assert_no_secret(said: object) -> None:
    """Neither what must not be repeated nor a trace of the program."""
    for word in (CANARY, "Traceback", 'File "', ".py"):
        lines = [line for line in str(said).splitlines() if word in line]
        assert not lines, lines[:3]


def eventually(true, patience_s: float = PATIENCE_S) -> None:
    """Wait for it."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() < begun + patience_s, "it did not come true in time"
        time.sleep(0.02)
