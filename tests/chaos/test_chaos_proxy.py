"""The proxy does what it says, or the rows show nothing."""

import socket
import time
from contextlib import closing
from threading import Thread

import pytest
from chaos_proxy import NONE, SILENT, ChaosProxy, End, Toxics

SAID = bytes(range(256)) * 40


@pytest.fixture
def talker():
    """A server that says SAID to everybody, then what it heard until the end of it, and closes."""
    server = socket.create_server(("127.0.0.1", 0))

    def talk():
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line:
                try:
                    line.sendall(SAID)
                    while heard := line.recv(4096):
                        line.sendall(heard)
                except OSError:
                    pass

    Thread(target=talk, daemon=True).start()
    with closing(server):
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def everything(line):
    """Until the end; and how it ended."""
    said = b""
    try:
        while some := line.recv(1 << 16):
            said += some
    except ConnectionResetError:
        return said, "reset"
    except TimeoutError:
        return said, "silence"
    return said, "end"


@pytest.mark.parametrize(
    "toxics", [NONE, Toxics(slice_bytes=100), Toxics(latency_s=0.01, jitter_s=0.02), Toxics(bytes_per_s=100_000)]
)
def test_what_slows_down_changes_nothing(talker, toxics):
    with ChaosProxy(talker, down=toxics) as proxy, socket.create_connection(("127.0.0.1", proxy.port), 5) as line:
        line.sendall(b"and you?")
        line.shutdown(socket.SHUT_WR)
        assert everything(line) == (SAID + b"and you?", "end")
        assert proxy.connections == 1
        assert proxy.bytes_down == len(SAID) + 8


@pytest.mark.parametrize(
    ("end", "seen"), [(End.CLOSE, "end"), (End.RESET, "reset"), (End.BLACKHOLE, "silence"), (End.HALF_CLOSE, "end")]
)
@pytest.mark.parametrize("limit", [0, 1, 100, len(SAID) - 1])
def test_it_ends_at_any_byte(talker, end, seen, limit):
    toxics = Toxics(limit_bytes=limit, end=end)
    with ChaosProxy(talker, down=toxics) as proxy:
        try:
            with socket.create_connection(("127.0.0.1", proxy.port), 5) as line:
                line.settimeout(0.5)
                said, how = everything(line)
        except ConnectionResetError:
            said, how = b"", "reset"  # Before we had noticed that it was open.
        assert how == seen
        assert said == SAID[:limit] or how == "reset"  # A reset may overtake what was sent before it.


def test_silence_ends(talker):
    with ChaosProxy(talker, down=SILENT) as proxy, socket.create_connection(("127.0.0.1", proxy.port), 5) as line:
        line.settimeout(0.2)
        assert everything(line) == (b"", "silence")
        proxy.both(NONE)
        line.settimeout(5)
        line.shutdown(socket.SHUT_WR)
        assert everything(line) == (SAID, "end")


def test_a_pace_is_kept(talker):
    with ChaosProxy(talker, down=Toxics(bytes_per_s=len(SAID) / 0.3, slice_bytes=500)) as proxy:
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as line:
            line.shutdown(socket.SHUT_WR)
            assert everything(line)[0] == SAID
        assert time.monotonic() - begun >= 0.3


def test_connections_can_be_dropped(talker):
    with ChaosProxy(talker) as proxy, socket.create_connection(("127.0.0.1", proxy.port), 5) as line:
        assert line.recv(1)
        proxy.drop()
        assert everything(line)[1] == "reset"
