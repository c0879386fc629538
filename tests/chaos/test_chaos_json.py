"""C4: bodies that are no JSON, or none that two readers would read alike, at every path that takes one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from api import Api
from dialect_calls import DIALECTS
from edge import assert_no_secret, edge

from gateway.admin.server import BASE, ROUTES
from gateway.admin.server import BODY_BYTES_MAX as ADMIN_MAX
from gateway.dashboard.door import LOGIN_BYTES_MAX
from gateway.front.feedback import BYTES_MAX as FEEDBACK_MAX
from gateway.front.surfaces import EXACT

WHERE = b"@HERE@"
BODY_MAX = 1 << 20  # As `edge` sets it.


def deep(bytes_max: int) -> dict[str, bytes]:
    """What is nested 100,000 times, or as often as the path would read."""
    often = min(100_000, bytes_max // 8)
    return {
        "lists, deep": b"[" * often + b"]" * often,
        "objects, deep": b'{"a":' * often + b"1" + b"}" * often if often == 100_000 else b'{"":' * (often // 2),
        "lists, deep and open": b"[" * often,
    }


BODIES = {
    "nothing": b"",
    "half of it": b'{"model":"sim-small"',
    "a list": b"[1]",
    "a number": b"7",
    "NUL": b'{"model":"sim-small"}\0',
    "UTF-16": '{"model":"sim-small"}'.encode("utf-16"),
    "with a byte order mark": b"\xef\xbb\xbf{}",
    "two of them": b"{}{}",
    "a comment": b'{/* */"model":"sim-small"}',
    "a comma too many": b'{"model":"sim-small",}',
    "single quotes": b"{'model':'sim-small'}",
}
FIELDS = {
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "1e400": b"1e400",
    "5,000 digits": b"9" * 5000,
    "a lone surrogate": rb'"\ud800"',
    "surrogates the wrong way round": rb'"\udc00\ud800"',
    "no UTF-8": b'"\xff\xfe"',
    "half a character": b'"\xe2\x82"',
    "an overlong character": b'"\xc0\xaf"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "NUL": b'"a\0b"',
    "a bare line end": b'"a\nb"',
    "a strange escape": rb'"\x41"',
    "a leading zero": b"007",
    "nothing": b"",
    "a string without an end": b'"' + b"x" * 500_000,
}


@dataclass
class Gate:
    """A path that takes JSON, and who may use it."""

    line: HTTPConnection
    method: str
    path: str
    headers: dict[str, str]
    bytes_max: int
    whole: bytes = b'{"x": @HERE@}'  # A body, and where something is put into it.
    twice: bytes = b""  # One that says something twice which counts.
    wrong: list[str] = field(default_factory=list)

    @property
    def bodies(self) -> dict[str, bytes]:
        """All that is sent there, by name."""
        nested = deep(self.bytes_max)
        fields = {f"{name}, in a field": self.whole.replace(WHERE, put) for name, put in (nested | FIELDS).items()}
        found = nested | BODIES | fields | ({"twice": self.twice} if self.twice else {})
        if self.path.startswith(BASE):
            del found["nothing"]  # Which is {} there.
        return found

    def ask(self, name: str, body: bytes) -> None:
        """Send it, and note whatever is no refusal in the dialect."""
        self.line.request(self.method, self.path, body, self.headers)
        answer = self.line.getresponse()
        said = answer.read()
        wanted = 400 if len(body) <= self.bytes_max else 413
        if not (answer.status == wanted and (wanted == 413 or self._worded(said, dict(answer.getheaders())))):
            self.wrong.append(f"{self.method} {self.path} {name}: {answer.status} {said[:200]!r}")

    def _worded(self, said: bytes, headers: dict[str, str]) -> bool:
        """Whether the refusal has the shape that this dialect's clients read."""
        error = json.loads(said)
        if "/model/" in self.path:
            return bool(error["message"]) and "x-amzn-errortype" in {name.lower() for name in headers}
        if self.path.startswith("/v2/"):
            return bool(error["message"])
        if "/v1beta/" in self.path:
            return error["error"]["status"] == "INVALID_ARGUMENT"
        if self.path.startswith("/v1/messages"):
            return error["type"] == "error" and error["error"]["type"] == "invalid_request_error"
        return bool(error["error"]["message"]) and "code" in error["error"]


def gates(found):
    """Every path that takes JSON, at both ports."""
    where = urlsplit(found.gate.url)
    line = HTTPConnection(where.hostname, where.port, timeout=30)
    callers = {"Authorization": f"Bearer {found.first}", "Content-Type": "application/json"}
    for spoken in DIALECTS.values():
        whole = spoken.body(WHERE.decode(), stream=False).replace(b'"@HERE@"', WHERE)
        good = spoken.body("Hi", stream=False)
        twice = b'{"%b":[],%b' % (spoken.said.encode(), good[1:])
        for path in (spoken.path, spoken.whole_path):
            yield Gate(line, "POST", path, callers, BODY_MAX, whole, twice)
    others = ["/v1/feedback", "/v1/batches", "/v1/messages/batches", "/sim/v1/chat/completions"]
    others += ["/v1beta/models/sim-embed:embedContent", "/v1beta/models/sim-small:countTokens"]
    others += ["/bedrock/model/sim-small/invoke"]
    for path in [*EXACT, *others]:
        whole = b'{"model":"sim-small","input":@HERE@,"messages":[],"max_tokens":9}'
        yield Gate(line, "POST", path, callers, FEEDBACK_MAX if path.endswith("feedback") else BODY_MAX, whole)
    own = {"Origin": found.gate.url}
    yield Gate(line, "POST", "/dashboard/session", own, LOGIN_BYTES_MAX, twice=b'{"token":1,"token":"fw-"}')
    admin = urlsplit(Api.of(found, "").url)
    line = HTTPConnection(admin.hostname, admin.port, timeout=30)
    headers = {"Authorization": f"Bearer {found.admin}", "Content-Type": "application/json"}
    for route in ROUTES:
        if route.body is not None:
            path = BASE + re.sub(r"\{\w+\}", "x", route.path)
            yield Gate(line, route.method, path, headers, ADMIN_MAX)


def cpu_s(pid: int) -> float:
    """What a process has used of processors, all its threads together."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def taken_ms(pid: int, gate: Gate, name: str, body: bytes) -> float:
    """Send it once. What the gateway has used meanwhile, which may be for something else, too: ask again."""
    began = cpu_s(pid)
    gate.ask(name, body)
    return 1000 * (cpu_s(pid) - began)


def test_what_is_no_json_is_refused_everywhere(tmp_path, full, shown):
    rounds, wrong, costs = 20 if full else 3, [], {}
    with edge(tmp_path) as found:
        pid = found.gate.process.pid
        tried = list(gates(found))
        bills = len(found.bill())
        for gate in tried:
            for name, body in gate.bodies.items():
                costs[f"{gate.path} {name}"] = min(taken_ms(pid, gate, name, body) for _ in range(rounds))
            wrong += gate.wrong
            gate.line.close()
        billed = len(found.bill()) - bills
        said = found.gate.stderr
    assert_no_secret(said)
    dearest = max(costs, key=costs.get)
    for one in dict.fromkeys(wrong):
        print(one)
    print(sorted(costs.items(), key=lambda one: -one[1])[:10])
    shown(
        "C4",
        f"{len(costs)} bodies at {len(tried)} paths",
        f"{len(wrong)} not refused as they should be, {billed} charged, {said.count('Traceback')} tracebacks",
        target="400 in the dialect, 0 tracebacks",
        met=not wrong and not billed and "Traceback" not in said and "unhandled" not in said,
        wrong=list(dict.fromkeys(wrong)),
    )
    shown(
        "C4",
        f"processor time of each, the least of {rounds}",
        f"{sum(costs.values()) / len(costs):.2f} ms in the mean, {costs[dearest]:.1f} ms the dearest ({dearest})",
        target="<= 5 ms",
        met=True,
        bounded=costs[dearest] <= 5,
        dearest=dearest,
        dearest_ms=costs[dearest],
    )
