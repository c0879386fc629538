"""C5: requests that two readers may read in two ways, straight to the gateway and through a real haproxy."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from edge import CALL, PATH, edge, eventually, head, post, read
from test_front_framing import CHUNKED, LENGTH, LINES, MALFORMED

CONFIG = Path(__file__).with_name("haproxy.cfg")
PATIENCE_S = 6.0
QUIET_S = 0.3  # Nothing more comes, once something has.
SMUGGLED = "smuggled"

HIDDEN = {
    "in a body with a length": (["Content-Length: INNER"], b"INNER"),
    "in a chunk": (["Transfer-Encoding: chunked"], b"CHUNKED-INNER"),
    "behind the last chunk": (["Transfer-Encoding: chunked"], b"0\r\n\r\nINNER"),
    "within the length": (["Content-Length: INNER+5", "Transfer-Encoding: chunked"], b"0\r\n\r\nINNER"),
    "within the chunks, behind the length": (["Transfer-Encoding: chunked", "Content-Length: 4"], b"CHUNKED-INNER"),
    "behind a tab": (["Content-Length: INNER+5", "Transfer-Encoding:\tchunked"], b"0\r\n\r\nINNER"),
    "behind a vertical tab": (["Content-Length: INNER+5", "Transfer-Encoding: \x0bchunked"], b"0\r\n\r\nINNER"),
    "behind quotes": (["Content-Length: INNER+5", 'Transfer-Encoding: "chunked"'], b"0\r\n\r\nINNER"),
    "behind a word": (["Content-Length: INNER+5", "Transfer-Encoding: x, chunked"], b"0\r\n\r\nINNER"),
    "behind an empty coding": (["Content-Length: INNER+5", "Transfer-Encoding: , chunked"], b"0\r\n\r\nINNER"),
    "behind a space": (["Content-Length: INNER+5", "Transfer-Encoding : chunked"], b"0\r\n\r\nINNER"),
    "behind a folded coding": (["Content-Length: INNER+5", "Transfer-Encoding:", " chunked"], b"0\r\n\r\nINNER"),
    "behind an underscore": (["Content-Length: INNER+5", "Transfer_Encoding: chunked"], b"0\r\n\r\nINNER"),
    "behind a bare LF": (["Content-Length: INNER+5", "x: y\nTransfer-Encoding: chunked"], b"0\r\n\r\nINNER"),
    "behind a bare CR": (["Content-Length: INNER+5", "x: y\rTransfer-Encoding: chunked"], b"0\r\n\r\nINNER"),
    "behind a NUL": (["Content-Length: INNER+5", "Transfer-Encoding: chunked\0"], b"0\r\n\r\nINNER"),
    "behind zeros": (["Content-Length: 0000INNER"], b"INNER"),
    "behind a length of nothing": (["Content-Length: 0"], b"INNER"),
    "behind an empty length": (["Content-Length: "], b"INNER"),
    "behind a hidden length": (["Connection: content-length", "Content-Length: INNER"], b"INNER"),
    "behind a hidden coding": (["Connection: transfer-encoding", "Transfer-Encoding: chunked"], b"CHUNKED-INNER"),
    "behind a chunk of 2^64 + 5": (["Transfer-Encoding: chunked"], b"10000000000000005\r\nabcde\r\n0\r\n\r\nINNER"),
    "behind a chunk with a space": (["Transfer-Encoding: chunked"], b"5 \r\nabcde\r\n0\r\n\r\nINNER"),
    "behind chunks that end with LF": (["Transfer-Encoding: chunked"], b"5\nabcde\n0\n\nINNER"),
    "behind an LF in an extension": (["Transfer-Encoding: chunked"], b"5;a\nabcde\r\n0\r\n\r\nINNER"),
    "behind a trailer": (["Transfer-Encoding: chunked"], b"5\r\nabcde\r\n0\r\nContent-Length: 9\r\n\r\nINNER"),
    "behind an offer of h2c": (
        ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk",
         "Content-Length: INNER"], b"INNER",
    ),
    "behind an offer of sockets": (["Connection: Upgrade", "Upgrade: websocket", "Content-Length: INNER"], b"INNER"),
    "behind a wait": (["Expect: 100-continue", "Content-Length: INNER"], b"INNER"),
    "behind another wait": (["Expect: 100-continue, x", "Content-Length: INNER"], b"INNER"),
}  # fmt: skip
"""Header lines and what follows them: a whole call stands in it, and must not be one. INNER is it, and its size."""


class Door:
    """Where requests go in: the gateway itself, or haproxy."""

    def __init__(self, gate, port: int) -> None:
        self.gate, self.port = gate, port

    def send(self, raw: bytes) -> bytes:
        """Everything that comes back until the other side closes, or nothing more comes."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as line:
            with suppress(OSError):
                line.sendall(raw)
            said = b""
            with suppress(OSError):
                while some := line.recv(1 << 16):
                    said += some
                    line.settimeout(QUIET_S)
        return said

    def takes_calls(self) -> bool:
        """Whether a good call is made."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as line:
            line.sendall(post(CALL, self.gate.bearer()))
            return read(line).status == 200

    def answers_others(self) -> bool:
        """Whether somebody else's request gets its own answer."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_S) as line:
            line.sendall(head("GET", "/healthz", {}))
            answer = read(line, "GET")
        return (answer.status, answer.body) == (200, b"ok\n")


@contextmanager
def haproxy(gate):
    """One in front of the gateway, for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ports = {"LISTENS_AT": str(port), "GATEWAY_AT": str(urlsplit(gate.gate.url).port)}
    process = subprocess.Popen(
        ["haproxy", "-db", "-q", "-f", str(CONFIG)], env=os.environ | ports, stdin=subprocess.DEVNULL
    )
    try:
        door = Door(gate, port)

        def open_() -> bool:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return True
            return False

        eventually(open_)
        yield door
    finally:
        process.terminate()
        process.wait(10)


def requests(gate):
    """All that is tried: a name, and a head that may be read in two ways with a call behind it or in it. That call is
    good in itself, and its tag is its number among them."""
    first = ["Host: x", f"Authorization: Bearer {gate.first}"]
    heads = [(name, f"POST {PATH} HTTP/1.1", lines, rest) for name, (lines, rest) in HIDDEN.items()]
    heads += [(name, f"POST {PATH} HTTP/1.1", lines, rest + b"INNER") for name, (lines, rest) in MALFORMED.items()]
    heads += [(name, line, [LENGTH], CALL + b"INNER") for name, line in LINES.items()]
    for version in ("1.0", "0.9", "2.0"):
        line = f"POST {PATH} HTTP/{version}"
        heads.append((f"chunks in HTTP/{version}", line, ["Transfer-Encoding: chunked"], CHUNKED + b"INNER"))
    for number, (name, line, lines, rest) in enumerate(heads):
        call = post(CALL, gate.bearer() | {"x-fareway-tags": f"{SMUGGLED}-{number:03}"})
        sized = "\r\n".join([line, *first, *lines, "", ""])
        sized = sized.replace("INNER+5", str(len(call) + 5)).replace("INNER", str(len(call)))
        chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(call), call)
        yield name, sized.encode("latin-1") + rest.replace(b"CHUNKED-INNER", chunk).replace(b"INNER", call)


PIPELINED = {"behind the last chunk", "behind a length of nothing"}
"""Here a call follows a whole request: who finds it is right."""


def tried(gate, door, names):
    """The names of requests whose hidden call was made, or after which others did not get their answers."""

    def one(asked):
        name, raw = asked
        door.send(raw)
        return None if door.answers_others() else name

    wanted = [asked for asked in requests(gate) if asked[0] in names]
    with ThreadPoolExecutor(8) as crowd:
        wrong = set(crowd.map(one, wanted)) - {None}
    assert door.takes_calls()
    found = {tag for entry in gate.entries() for tag in entry["caller"]["brought_tags"] if tag.startswith(SMUGGLED)}
    return sorted(wrong | {name for name, raw in wanted if any(tag.encode() in raw for tag in found)})


def test_nobody_in_front_reads_another_request_than_the_gateway(tmp_path, shown):
    if shutil.which("haproxy") is None:
        shown.untried("C5", "through haproxy", target="0 disagreements", lacking="haproxy is not installed")
    with edge(tmp_path, checked=False) as gate, haproxy(gate) as door:
        names = {name for name, _ in requests(gate)}
        wrong = tried(gate, door, names)
        passed = sum("seen" in entry["caller"]["brought_tags"] for entry in gate.entries())
    shown(
        "C5",
        f"{len(names)} ways to hide a call, through haproxy",
        f"{len(wrong)} read in two ways {wrong[:3] or ''}".strip(),
        target="0 disagreements",
        met=not wrong and len(names) > 60 and passed > 0,
        wrong=wrong,
        calls_passed=passed,
    )


def test_hidden_calls_reach_no_provider(tmp_path, shown):
    with edge(tmp_path, checked=False) as gate:
        names = {name for name, _ in requests(gate)} - PIPELINED
        door = Door(gate, urlsplit(gate.gate.url).port)
        wrong = tried(gate, door, names)
        assert set(tried(gate, door, PIPELINED)) == PIPELINED, "one that is there would be found"
    shown(
        "C5",
        f"{len(names)} ways to hide a call, straight to the gateway",
        f"{len(wrong)} found as calls {wrong[:3] or ''}".strip(),
        target="0",
        met=not wrong and len(names) > 60,
        wrong=wrong,
    )
