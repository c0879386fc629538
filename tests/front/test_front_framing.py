"""Bytes that are not quite HTTP: nobody in front of the gateway may read them in another way than it does."""

import pytest
from edge import CALL, CANARY, PATH, assert_malformed, assert_no_secret, assert_refused, edge, head, post, read, send

pytestmark = pytest.mark.xdist_group("front-framing")

LENGTH = f"Content-Length: {len(CALL)}"
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CALL), CALL)


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with edge(tmp_path_factory.mktemp("framing")) as found:
        yield found


def raw(gate, lines, rest=CALL, host=True, line="POST /v1/chat/completions HTTP/1.1"):
    """A call with a good key, a canary, and these header lines."""
    first = [line, *(["Host: x"] if host else []), f"Authorization: Bearer {gate.first}", f"x-secret: {CANARY}"]
    return "\r\n".join([*first, *lines, "", ""]).encode("latin-1") + rest


MALFORMED = {
    "length and chunks": ([LENGTH, "Transfer-Encoding: chunked"], CHUNKED),
    "chunks and length": (["Transfer-Encoding: chunked", LENGTH], CHUNKED),
    "two lengths": ([LENGTH, "Content-Length: 5"], CALL),
    "two lengths in one": ([f"{LENGTH}, 5"], CALL),
    "the same length twice": ([LENGTH, LENGTH], CALL),
    "a length with a sign": ([f"Content-Length: +{len(CALL)}"], CALL),
    "a negative length": (["Content-Length: -1"], CALL),
    "a length in hex": ([f"Content-Length: {len(CALL):#x}"], CALL),
    "a length with an underscore": (["Content-Length: 6_5"], CALL),
    "a length of 10^30": ([f"Content-Length: {10**30}"], CALL),
    "no number as length": ([f"Content-Length: {CANARY}"], CALL),
    "unknown transfer coding": (["Transfer-Encoding: xchunked"], CHUNKED),
    "identity after chunked": (["Transfer-Encoding: chunked, identity"], CHUNKED),
    "two transfer codings": (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], CHUNKED),
    "a bare LF": ([f"x-bare: {CANARY}\nx-after: 1", LENGTH], CALL),
    "a bare CR": ([f"x-bare: {CANARY}\rx-after: 1", LENGTH], CALL),
    "a folded line": (["x-folded: a", f" {CANARY}", LENGTH], CALL),
    "a space before the colon": ([f"x-space : {CANARY}", LENGTH], CALL),
    "a space in a length's name": ([f"Content-Length : {len(CALL)}"], CALL),
    "a NUL in a value": ([f"x-nul: {CANARY}\0", LENGTH], CALL),
    "a NUL in a name": ([f"x-\0nul: {CANARY}", LENGTH], CALL),
    "no name": ([f": {CANARY}", LENGTH], CALL),
    "no colon": ([CANARY, LENGTH], CALL),
    "a name in brackets": ([f"x[]: {CANARY}", LENGTH], CALL),
    "two hosts": (["Host: y", LENGTH], CALL),
    "no number as chunk size": (["Transfer-Encoding: chunked"], b"xyz\r\n" + CALL),
    "a chunk size with a sign": (["Transfer-Encoding: chunked"], b"+5\r\nabcde\r\n0\r\n\r\n"),
    "a chunk size in 0x": (["Transfer-Encoding: chunked"], b"0x5\r\nabcde\r\n0\r\n\r\n"),
    "a huge chunk size": (["Transfer-Encoding: chunked"], b"f" * 40 + b"\r\nabcde\r\n0\r\n\r\n"),
    "an LF in a chunk extension": (["Transfer-Encoding: chunked"], b"5;a=\nb\r\nabcde\r\n0\r\n\r\n"),
    "a chunk longer than it says": (["Transfer-Encoding: chunked"], b"5\r\nabcdefgh\r\n0\r\n\r\n"),
    "a header of 20 KiB": ([f"x-long: {CANARY}{'x' * 20480}", LENGTH], CALL),
    "a name of 20 KiB": ([f"{'x' * 20480}: {CANARY}", LENGTH], CALL),
    "200 headers": ([*(f"x-{n}: {CANARY}" for n in range(200)), LENGTH], CALL),
    "5000 headers": ([*(f"x-{n}: {CANARY}" for n in range(5000)), LENGTH], CALL),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_framing_is_refused_and_the_connection_closed(gate, name):
    lines, rest = MALFORMED[name]
    with gate.unmoved(), gate.connect() as sock:
        send(sock, raw(gate, lines, rest))
        assert_malformed(read(sock))
        assert sock.recv(1) == b"", "nothing that follows may be taken for a call"


LINES = {
    "a star": "GET * HTTP/1.1",
    "a version of the future": f"POST {PATH} HTTP/9.9",
    "another protocol": f"POST {PATH} {CANARY}/1.1",
    "two spaces": f"POST {PATH} x HTTP/1.1",
    "no method": f" {PATH} HTTP/1.1",
    "a strange method": f"PO(ST {PATH} HTTP/1.1",
    "a path of 20 KiB": f"POST /{'x' * 20480} HTTP/1.1",
    "a control character": f"POST /\x01{CANARY} HTTP/1.1",
}


@pytest.mark.parametrize("name", LINES)
def test_malformed_request_lines_are_refused(gate, name):
    with gate.unmoved():
        assert_malformed(gate.exchange(raw(gate, [LENGTH], line=LINES[name])))


@pytest.mark.parametrize(
    "noise",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\xff" * 100 + b"\r\n\r\n"],
)
def test_other_protocols_are_refused(gate, noise):
    """A TLS hello, HTTP/2's preface, noise."""
    with gate.unmoved():
        assert_malformed(gate.exchange(noise))


def test_no_host(gate):
    with gate.unmoved():
        assert_malformed(gate.exchange(raw(gate, [LENGTH], host=False)))


def test_bytes_beyond_ascii_in_a_header_are_no_harm(gate):
    assert gate.exchange(raw(gate, [LENGTH]).replace(b"x-secret: ", b"x-secret: \xff\xfe")).status in (200, 400)
    assert_no_secret(gate.gate.stderr)


def test_a_hundred_headers_and_one_of_eight_kib_pass(gate):
    lines = [*(f"x-{n}: 1" for n in range(100)), LENGTH]
    assert gate.exchange(raw(gate, lines)).status == 200
    assert gate.exchange(raw(gate, [f"x-fareway-request-id: {'x' * 8192}", LENGTH])).status == 200


def test_chunks_are_joined(gate):
    chunks = b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in CALL) + b"0\r\nx-trailer: 1\r\n\r\n"
    assert gate.exchange(raw(gate, ["Transfer-Encoding: chunked"], chunks)).status == 200


@pytest.mark.parametrize("cut", [1, 10, 60, 200])
def test_a_request_may_come_in_pieces(gate, cut):
    whole = post(CALL, gate.bearer())
    with gate.connect() as sock:
        for at in range(0, len(whole), cut):
            send(sock, whole[at : at + cut])
        assert read(sock).status == 200


def test_a_connection_is_used_again(gate):
    """After answers and refusals alike, as long as the framing is right."""
    with gate.connect() as sock:
        for body, status in [(CALL, 200), (b"no JSON", 400), (CALL, 200), (b"", 400), (CALL, 200)]:
            send(sock, post(body, gate.bearer()))
            assert read(sock).status == status


def test_pipelined_requests_are_answered_in_order(gate):
    with gate.connect() as sock:
        send(sock, post(CALL, gate.bearer()) + head("GET", "/healthz", {}) + post(b"x", gate.bearer()) + post(CALL, {}))
        assert [read_one(sock) for _ in range(4)] == [200, 200, 400, 401]


def test_what_is_malformed_after_a_good_request_does_not_touch_it(gate):
    bills = len(gate.bill())
    with gate.connect() as sock:
        send(sock, post(CALL, gate.bearer()))
        assert read_one(sock) == 200
        send(sock, raw(gate, [LENGTH, "Content-Length: 5"]))
        assert read_one(sock) == 400
        assert sock.recv(1) == b""
    assert len(gate.bill()) == bills + 1


def test_what_is_malformed_together_with_a_good_request_is_not_answered_as_if_it_were_two(gate):
    """The good one may go down with it, but then it is refused, not lost; the other is never taken for a call."""
    bills = len(gate.bill())
    with gate.connect() as sock:
        send(sock, post(CALL, gate.bearer()) + raw(gate, [LENGTH, "Content-Length: 5"]))
        got = b"".join(iter(lambda: sock.recv(65536), b""))
    assert got.count(b" 400 ") == 1
    assert len(gate.bill()) == bills + got.count(b" 200 OK")


def test_a_body_is_never_taken_for_a_request(gate):
    """A refused call whose body looks like a call: one answer, and nothing is asked."""
    inner = post(CALL, gate.bearer())
    with gate.unmoved(), gate.connect() as sock:
        send(sock, post(inner, gate.bearer()))
        assert_refused(read(sock), 400, "invalid_request_error")
        send(sock, head("GET", "/healthz", {}))
        assert read(sock).body == b"ok\n"


def test_a_body_refused_unread_is_never_taken_for_a_request(gate):
    inner = post(CALL, gate.bearer())
    with gate.unmoved(), gate.connect() as sock:
        send(sock, post(inner, gate.bearer() | {"Content-Encoding": "gzip"}))
        assert read_one(sock) == 415
        send(sock, head("GET", "/healthz", {}))
        assert read(sock).body == b"ok\n"


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_offer_of_another_protocol_is_declined_and_the_call_answered(gate, protocol):
    """Java's HttpClient offers h2c with every first call."""
    extra = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": protocol, "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABk"}
    with gate.connect() as sock:
        send(sock, post(CALL, gate.bearer() | extra))
        assert read_one(sock) == 200


def test_http_1_0(gate):
    answer = gate.exchange(raw(gate, [LENGTH], line=f"POST {PATH} HTTP/1.0"))
    assert answer.status == 200
    with gate.connect() as sock:
        send(sock, b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b"200 OK" in sock.recv(4096)


def read_one(sock):
    """The status of one answer, byte by byte: what follows must stay in the socket."""
    got = b""
    while b"\r\n\r\n" not in got:
        byte = sock.recv(1)
        assert byte, f"closed after {got!r}"
        got += byte
    fields = dict(line.lower().split(b": ", 1) for line in got.split(b"\r\n")[1:] if line)
    left = int(fields[b"content-length"])
    while left:
        left -= len(sock.recv(left))
    return int(got.split()[1])
