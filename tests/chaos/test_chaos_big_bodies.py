"""C3: bodies without an end, and small ones that would become large: from callers, and from providers."""

from __future__ import annotations

import gzip
import itertools
import select
import socket
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from api import Api
from dialect_calls import DIALECTS
from edge import CONFIG, edge, head, post, read
from raw_provider import RawProvider
from resident import Grown

from gateway.admin.server import BASE
from gateway.admin.server import BODY_BYTES_MAX as ADMIN_MAX
from gateway.front.surfaces import EXACT

GIB = 1 << 30
MIB = 1 << 20
BODY_MAX = MIB  # As `edge` sets it.
SLACK = 64 << 10
PIECE = 8 << 10
PIECE_S = 0.002  # Slow enough that nothing waits in between: what was sent was read.
RSS_MAX = 32 * MIB
FLOOD_MIB = 16
CALLS = (*EXACT, *(spoken.path for spoken in DIALECTS.values()))


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with edge(tmp_path_factory.mktemp("bodies")) as found:
        assert found.ask().status == 200
        yield found


def connected(url: str) -> socket.socket:
    where = urlsplit(url)
    return socket.create_connection((where.hostname, where.port), timeout=20)


def endless(url: str, path: str, headers: dict[str, str], *, chunked: bool) -> tuple[int, int]:
    """Send a GiB until there is an answer. Its status, and how many bytes of the body had been sent by then."""
    framing = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(GIB)}
    piece = b"x" * PIECE
    framed = b"%x\r\n%b\r\n" % (PIECE, piece) if chunked else piece
    with connected(url) as line:
        line.sendall(head("POST", path, headers | framing))
        sent = 0
        while sent < GIB and not select.select([line], [], [], PIECE_S)[0]:
            line.sendall(framed)
            sent += PIECE
        return read(line).status, sent


def flood(url: str, path: str, headers: dict[str, str]) -> None:
    """Send a GiB as quickly as it goes, whatever is answered, until the other side has had enough."""
    with connected(url) as line, suppress(OSError):
        line.sendall(head("POST", path, headers | {"Transfer-Encoding": "chunked"}))
        framed = b"%x\r\n%b\r\n" % (MIB, b"x" * MIB)
        for _ in range(1024):
            line.sendall(framed)


def test_a_body_without_an_end_is_refused_at_the_limit(gate, full, shown):
    admin = Api.of(gate, "").url.removesuffix(BASE)
    callers, admins = gate.bearer(), {"Authorization": f"Bearer {gate.admin}"}
    over, statuses = [], set()
    with Grown(gate.gate.process.pid) as grown:
        for chunked in (False, True):
            for path in CALLS if full else CALLS[:3]:
                status, sent = endless(gate.gate.url, path, callers, chunked=chunked)
                over.append(sent - BODY_MAX)
                statuses.add(status)
            status, sent = endless(admin, f"{BASE}/keys", admins, chunked=chunked)
            over.append(sent - ADMIN_MAX)
            statuses.add(status)
    shown(
        "C3",
        "a body of 1 GiB, with a length and in chunks",
        f"{sorted(statuses)} after limit + {max(over) / 1024:.0f} KiB, memory +{grown.bytes / MIB:.0f} MiB",
        target="413 within limit + 64 KiB, <= 32 MiB",
        met=statuses == {413} and max(over) <= SLACK and grown.bytes <= RSS_MAX,
        over=over,
        grown=grown.bytes,
    )


def test_floods_take_little_memory(gate, shown):
    crowd = 4
    with Grown(gate.gate.process.pid) as grown, ThreadPoolExecutor(crowd) as pool:
        began = time.monotonic()
        for done in [pool.submit(flood, gate.gate.url, path, gate.bearer()) for path in CALLS[:1] * crowd]:
            done.result()
    assert gate.ask().status == 200
    shown(
        "C3",
        f"{crowd} callers who send 1 GiB each as quickly as they can",
        f"memory +{grown.bytes / MIB:.0f} MiB, rid of them in {time.monotonic() - began:.1f} s",
        target=f"<= {FLOOD_MIB} MiB a caller",
        met=grown.bytes <= crowd * FLOOD_MIB * MIB,
        grown=grown.bytes,
    )


def bombs() -> dict[str, bytes]:
    """A GiB of nothing, in the codings that there are: by Content-Encoding."""

    def packed(how) -> bytes:
        whole = b"".join(how.compress(bytes(MIB)) for _ in range(1024)) + how.flush()
        return whole[: BODY_MAX - 1]  # Nearly all of it.

    once, plain = packed(zlib.compressobj(9, zlib.DEFLATED, 31)), packed(zlib.compressobj(9))
    twice = gzip.compress(once)
    return {"gzip": once, "x-gzip": once, "deflate": plain, "gzip, gzip": twice, "br": twice, "zstd": twice}


FORM = {"Content-Type": "multipart/form-data; boundary=b"}
FORMS = ("/v1/files", "/v1/audio/transcriptions", "/v1/images/edits")
PART = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.jsonl"\r\nContent-Encoding: gzip\r\n\r\n'
    b"%b\r\n--b--\r\n"
)


def coded(gate, coding: str, bomb: bytes, paths) -> list[tuple[str, str, dict[str, str], bytes]]:
    """Where a bomb is sent to: address, path, headers, body."""
    admin, told = Api.of(gate, "").url.removesuffix(BASE), {"Content-Encoding": coding}
    admins = {"Authorization": f"Bearer {gate.admin}", "Content-Type": "application/json"}
    wrapped = PART % bomb[: BODY_MAX - 1000]
    calls = [(gate.gate.url, path, gate.bearer() | told, bomb) for path in paths]
    forms = [(gate.gate.url, path, gate.bearer() | FORM, wrapped) for path in FORMS]
    changes = [(admin, f"{BASE}/keys", admins | told, body) for body in (bomb[: ADMIN_MAX - 1], bomb)]
    return calls + forms + changes


def test_bombs_are_not_lit(gate, full, shown):
    lit, most, tried = [], 0, 0
    for coding, bomb in bombs().items():
        for url, path, headers, body in coded(gate, coding, bomb, CALLS if full else CALLS[:3]):
            with Grown(gate.gate.process.pid) as grown, connected(url) as line:
                with suppress(OSError):
                    line.sendall(post(body, headers, path))
                status = read(line).status
            tried, most = tried + 1, max(most, grown.bytes)
            if not 400 <= status < 500:
                lit.append(f"{path} {coding}: {status}")
    assert gate.ask().status == 200
    shown(
        "C3",
        f"{tried} bombs of 1 GiB, as bodies and in forms",
        f"{len(lit)} taken, memory +{most / MIB:.0f} MiB at most",
        target="refused, <= 32 MiB",
        met=not lit and most <= RSS_MAX,
        taken=lit,
        grown=most,
    )


def test_bombs_of_providers_are_not_lit(tmp_path, shown):
    with RawProvider() as provider:
        bomber = f"  bomber: {{base_url: {provider.url}/v1, key: SECRET, prices: sim, dialects: [openai-chat]}}\n"
        most, passed, tried = 0, [], 0
        with edge(tmp_path, CONFIG.replace("  sim: {", f"{bomber}  sim: {{")) as gate:
            assert gate.ask().status == 200
            for (coding, bomb), stream in itertools.product(bombs().items(), (False, True)):
                kind = "text/event-stream" if stream else "application/json"
                told = f"Content-Type: {kind}\r\nContent-Encoding: {coding}\r\nContent-Length: {len(bomb)}"
                provider.says = f"HTTP/1.1 200 OK\r\n{told}\r\n\r\n".encode() + bomb
                body = DIALECTS["openai-chat"].body("Hi", stream=stream).replace(b"sim-small", b"bomber/sim-small")
                with Grown(gate.gate.process.pid) as grown:
                    answer = gate.ask(body)
                tried, most = tried + 1, max(most, grown.bytes)
                if b'"error"' not in answer.body or len(answer.body) > SLACK:
                    passed.append(f"{coding} {kind}")
            assert gate.ask().status == 200
    shown(
        "C3",
        f"{tried} bombs of 1 GiB from a provider",
        f"{len(passed)} passed on, memory +{most / MIB:.0f} MiB at most",
        target="an error, <= 32 MiB",
        met=not passed and most <= RSS_MAX and len(provider.heard) >= tried,
        passed=passed,
        grown=most,
    )
