"""Callers that leave: the call upstream is given up at once, nothing stays held, and what was made is booked."""

import json
import socket
import struct
import time
from contextlib import suppress

import pytest
from edge import CALL, PATH, edge, eventually, head, post, send

pytestmark = pytest.mark.xdist_group("front-leaving")


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    with edge(tmp_path_factory.mktemp("leaving")) as found:
        assert found.ask().status == 200  # The simulator is quick from now on.
        yield found


def call(order, **more):
    fields = {"model": "sim-small", "messages": [{"role": "user", "content": f"Hi [[sim: {order}]]"}]}
    return json.dumps(fields | more).encode()


def leave_abruptly(sock):
    """With a reset, as a killed program or a vanished machine does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def assert_given_up(gate, bills, entries):
    """One more line on both sides, and nothing left behind."""
    eventually(lambda: len(gate.bill()) == bills + 1, 3)
    line = gate.bill()[-1]
    assert line["ended"] == "aborted"
    entry = gate.entries()[-1]
    assert len(gate.entries()) == entries + 1
    assert entry["outcome"] == "hung_up"
    assert entry["request_id"] == line["gateway_request_id"]
    assert gate.metric("fareway_inflight_requests") == 0
    assert gate.metric("fareway_limit_held") == 0
    assert entry["cost"]["total"]["picos"] >= round(float(line["cost_usd"]) * 10**12), (
        "never less than the provider charges"
    )
    return entry


@pytest.mark.parametrize("abruptly", [False, True])
def test_before_the_first_byte_of_a_stream(gate, abruptly):
    bills, entries = len(gate.bill()), len(gate.entries())
    with gate.connect() as sock:
        send(sock, post(call("slow_headers=30", stream=True), gate.bearer()))
        eventually(lambda: gate.metric("fareway_inflight_requests") == 1)
        time.sleep(0.3)  # Until the provider has begun to count.
        if abruptly:
            leave_abruptly(sock)
    assert_given_up(gate, bills, entries)


@pytest.mark.parametrize("abruptly", [False, True])
def test_before_an_answer_in_one_piece_which_is_charged_in_full(gate, abruptly):
    """Giving it up would save nothing and leave its cost unknown: it is read to its end, for the books."""
    bills, entries = len(gate.bill()), len(gate.entries())
    with gate.connect() as sock:
        send(sock, post(call("slow_headers=2"), gate.bearer()))
        eventually(lambda: gate.metric("fareway_inflight_requests") == 1)
        time.sleep(0.5)  # Until the provider has it: before that nothing would be sent.
        if abruptly:
            leave_abruptly(sock)
    assert gate.ask().status == 200
    eventually(lambda: len(gate.bill()) == bills + 2)
    line = gate.bill()[-1]
    assert line["ended"] == "complete"
    (entry,) = [e for e in gate.entries()[entries:] if e["request_id"] == line["gateway_request_id"]]
    assert entry["cost"]["total"]["picos"] == round(float(line["cost_usd"]) * 10**12)
    assert entry["cost"]["status"] == "exact"


@pytest.mark.parametrize("abruptly", [False, True])
def test_in_the_middle_of_a_stream(gate, abruptly):
    bills, entries = len(gate.bill()), len(gate.entries())
    with gate.connect() as sock:
        send(sock, post(call("tokens=2000 tps=50", stream=True), gate.bearer()))
        got = b""
        while got.count(b"data: ") < 5:
            got += sock.recv(4096)
        if abruptly:
            leave_abruptly(sock)
    entry = assert_given_up(gate, bills, entries)
    assert 0 < entry["usage"]["output"] < 500, "what was made until then"


def test_while_the_stream_is_silent(gate):
    """Nothing is being written, so nobody would notice by writing."""
    bills, entries = len(gate.bill()), len(gate.entries())
    with gate.connect() as sock:
        send(sock, post(call("tokens=100 hang_after=3", stream=True), gate.bearer()))
        got = b""
        while got.count(b"data: ") < 3:
            got += sock.recv(4096)
    eventually(lambda: len(gate.entries()) == entries + 1, 5)
    eventually(lambda: gate.metric("fareway_inflight_requests") == 0)
    assert gate.entries()[-1]["outcome"] == "hung_up"
    eventually(lambda: len(gate.bill()) == bills + 1, 3)


def test_without_reading_a_long_answer(gate):
    """A stream that nobody reads fills all buffers: when its caller leaves, the provider is thousands of tokens
    ahead of what was passed on, and charges for them."""
    bills, entries = len(gate.bill()), len(gate.entries())
    with gate.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        send(sock, post(call("tokens=20000", stream=True, max_tokens=20000), gate.bearer()))
        sock.recv(1)
        time.sleep(1)  # Until nothing moves any more.
    eventually(lambda: len(gate.entries()) == entries + 1)
    eventually(lambda: len(gate.bill()) == bills + 1, 3)
    charged = round(float(gate.bill()[-1]["cost_usd"]) * 10**12)
    assert gate.entries()[-1]["cost"]["total"]["picos"] >= charged, "never less than the provider charges"


@pytest.mark.parametrize("part", [0, 1, len(CALL) // 2, len(CALL) - 1])
@pytest.mark.parametrize("chunked", [False, True])
def test_half_a_body_and_away(gate, part, chunked):
    how = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(CALL))}
    body = b"%x\r\n%b" % (len(CALL), CALL[:part]) if chunked else CALL[:part]
    with gate.unmoved(), gate.connect() as sock:
        send(sock, head("POST", PATH, gate.bearer() | how) + body)


def test_half_a_head_and_away(gate):
    with gate.unmoved(), gate.connect() as sock:
        send(sock, post(CALL, gate.bearer())[:40])


def test_a_crowd_that_leaves_at_every_moment(gate):
    """Whenever it happens: nothing stays in flight or held, and no call is in one book only. The provider makes few
    enough tokens a second that what is kept back for those on their way is enough even on a busy machine."""
    bills, entries = len(gate.bill()), len(gate.entries())
    whole = post(call("tokens=30 tps=100 ttft=20", stream=True), gate.bearer())
    socks = [gate.connect() for _ in range(60)]
    for number, sock in enumerate(socks):
        send(sock, whole)
        if number % 3:
            sock.settimeout(0.001 * number)
            with suppress(TimeoutError):
                sock.recv(100 * number)
        if number % 2:
            leave_abruptly(sock)
        sock.close()
    booked = {entry["request_id"]: entry for entry in gate.entries()[entries:]}
    eventually(lambda: {line["gateway_request_id"] for line in gate.bill()[bills:]} <= booked.keys())
    for line in gate.bill()[bills:]:
        cost = booked[line["gateway_request_id"]]["cost"]["total"]["picos"]
        assert cost >= round(float(line["cost_usd"]) * 10**12), "never less than the provider charges"
    assert gate.metric("fareway_inflight_requests") == 0
    assert gate.metric("fareway_limit_held") == 0


def test_watchers_come_and_go(gate):
    """A live stream has no end of its own."""
    for _ in range(30):
        with gate.connect() as sock:
            send(sock, head("GET", "/live", gate.bearer()))
            assert b"200 OK" in sock.recv(200)
        time.sleep(0.01)
    assert gate.ask().status == 200
