"""Callers that take their time: heads and bodies must come at some pace, and answers may take as long as they need."""

import time

import pytest
from edge import CALL, CANARY, CONFIG, PATH, Edge, assert_refused, closed_after_s, edge, head, post, read, send

pytestmark = pytest.mark.xdist_group("front-slow")

TIMEOUT_S = 1.0
SLACK_S = 5.0  # For a machine that others use as well. Without the timeout it would be far more.


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    config = CONFIG.replace("_timeout: 10s", "_timeout: 1s").replace("100 usd", "1000 usd")
    with edge(tmp_path_factory.mktemp("slow"), config) as found:
        yield found


def assert_closed_in_time(sock):
    assert TIMEOUT_S * 0.5 < closed_after_s(sock) < TIMEOUT_S + SLACK_S


def drip(sock, line, every_s=0.2, patience_s=TIMEOUT_S + SLACK_S):
    """One byte after the other until the other side has had enough. Returns how long that took."""
    begun = time.monotonic()
    sock.settimeout(every_s)
    while time.monotonic() < begun + patience_s:
        try:
            sock.sendall(line)
            if sock.recv(1) == b"":
                return time.monotonic() - begun
        except TimeoutError:
            continue
        except OSError:
            return time.monotonic() - begun
    raise AssertionError("it would have waited for ever")


STARTS = [
    "G",
    "POST /v1/chat/completions HT",
    f"POST {PATH} HTTP/1.1\r\n",
    f"POST {PATH} HTTP/1.1\r\nAuthorization: {CANARY}",
]


@pytest.mark.parametrize("start", STARTS)
def test_half_a_head_and_silence_is_closed(gate, start):
    with gate.unmoved(), gate.connect() as sock:
        send(sock, start.encode())
        assert_closed_in_time(sock)


@pytest.mark.parametrize("start", STARTS)
def test_half_a_head_after_an_answer_is_closed(gate, start):
    """The clock runs for every request of a connection."""
    with gate.connect() as sock:
        send(sock, post(CALL, gate.bearer()))
        assert read(sock).status == 200
        time.sleep(0.2)
        send(sock, start.encode())
        assert_closed_in_time(sock)


def test_a_head_that_drips_is_closed_too(gate):
    """The time is for the whole head: a byte now and then does not buy more."""
    with gate.unmoved(), gate.connect() as sock:
        send(sock, b"GET /healthz HTTP/1.1\r\nx-slow: ")
        assert drip(sock, b"a") < TIMEOUT_S + SLACK_S


def test_a_second_head_that_drips_is_closed_too(gate):
    with gate.unmoved(), gate.connect() as sock:
        send(sock, head("GET", "/healthz", {}) + b"GET /healthz HTTP/1.1\r\nx-slow: ")
        assert read(sock).status == 200
        assert drip(sock, b"a") < TIMEOUT_S + SLACK_S


def test_a_slow_head_that_is_whole_in_time_is_answered(gate):
    whole = head("GET", "/healthz", {})
    with gate.connect() as sock:
        for _ in range(3):
            for at in range(0, len(whole), len(whole) // 4):
                send(sock, whole[at : at + len(whole) // 4])
                time.sleep(0.1)
            assert read(sock).body == b"ok\n"


def test_a_connection_may_idle_between_requests_for_longer(gate):
    with gate.connect() as sock:
        for _ in range(2):
            send(sock, head("GET", "/healthz", {}))
            assert read(sock).status == 200
            time.sleep(TIMEOUT_S * 1.5)


@pytest.mark.parametrize("start", [b"", CALL[:20]])
def test_a_body_that_stalls_is_refused(gate, start):
    with gate.unmoved(), gate.connect() as sock:
        send(sock, head("POST", PATH, gate.bearer() | {"Content-Length": "1000"}) + start)
        begun = time.monotonic()
        assert_refused(read(sock), 400, "invalid_request_error")
        assert TIMEOUT_S * 0.5 < time.monotonic() - begun < TIMEOUT_S + SLACK_S


def test_a_chunked_body_that_stalls_is_refused(gate):
    with gate.unmoved(), gate.connect() as sock:
        send(sock, head("POST", PATH, gate.bearer() | {"Transfer-Encoding": "chunked"}) + b'5\r\n{"mod')
        assert_refused(read(sock), 400, "invalid_request_error")


def test_a_slow_body_that_keeps_coming_is_answered(gate):
    """The time is between two pieces: all together may take longer."""
    with gate.connect() as sock:
        send(sock, head("POST", PATH, gate.bearer() | {"Content-Length": str(len(CALL))}))
        for at in range(0, len(CALL), 10):
            time.sleep(TIMEOUT_S * 0.3)
            send(sock, CALL[at : at + 10])
        assert read(sock).status == 200


def test_an_answer_may_take_longer_than_a_head(gate):
    """Sent as client libraries do, the body a moment after the head: at no such moment may a clock be left on."""
    body = CALL.replace(b"Hi", b"[[sim: slow_headers=2.5]]")
    socks = [gate.connect() for _ in range(40)]
    try:
        for number, sock in enumerate(socks):
            send(sock, head("POST", PATH, gate.bearer() | {"Content-Length": str(len(body))}))
            spin(number * 10e-6)
            send(sock, body)
        assert [read(sock).status for sock in socks] == [200] * len(socks)
    finally:
        for sock in socks:
            sock.close()


def spin(seconds):
    """Wait very exactly."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_slow_callers_do_not_slow_down_others(gate: Edge):
    """A crowd of them, and a good call between."""
    socks = [gate.connect() for _ in range(200)]
    try:
        for number, sock in enumerate(socks):
            slow = b"GET / HT" if number % 2 else head("POST", PATH, gate.bearer() | {"Content-Length": "9"})
            send(sock, slow)
        begun = time.monotonic()
        assert gate.ask().status == 200
        assert time.monotonic() - begun < SLACK_S
        for number, sock in enumerate(socks):
            sock.settimeout(TIMEOUT_S + SLACK_S)
            assert sock.recv(4096)[:12] == (b"" if number % 2 else b"HTTP/1.1 400")
    finally:
        for sock in socks:
            sock.close()
