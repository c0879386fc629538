"""Getting through to a provider: TLS that is checked, proxies from the environment, the second address."""

import asyncio
import base64
import os
import select
import socket
import socketserver
import ssl
import threading
import time
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest
import trustme
from hostile import BODY, GOOD, STREAMED, says, serving

from gateway.core.errors import UpstreamError
from gateway.upstream import connect
from gateway.upstream.connection import Connection
from gateway.upstream.errors import Lost, LostWaiting, Unreached
from gateway.upstream.tls import ClientTls
from gateway.upstream.wire import Wire


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def trusting(authority):
    context = ClientTls()
    authority.configure_trust(context)
    return context


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def wire_to(tls=None):
    wire = Wire(connect_s=2, first_byte_s=2, idle_s=2, total_s=5, tls=tls)
    try:
        yield wire
    finally:
        await wire.close()


@contextmanager
def serving_in_a_thread(handler, tls=None):
    """A server beside the event loop under test. Yields its port; what it hears is in `server.heard`."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads, server.heard = True, []
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1], server.heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class GoodHandler(socketserver.StreamRequestHandler):
    """Answers every call well, and says in its content type whether the handshake was a resumed one."""

    answer = GOOD
    body_bytes = 2

    @property
    def resumed(self):
        return getattr(self.connection, "session_reused", False)

    def handle(self):
        with suppress(OSError):  # A handshake that failed is the client's to tell.
            while head := heads_end(self.rfile):
                self.rfile.read(self.body_bytes)
                self.server.heard.append(head)
                self.wfile.write(self.answer.replace(b"application/json", b"x/%d" % self.resumed))


def heads_end(file):
    """All up to the empty line; nothing if the client is gone."""
    head = b""
    while line := file.readline():
        head += line
        if line == b"\r\n":
            return head
    return b""


def secure(authority, name="localhost"):
    """A TLS server that answers well."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return serving_in_a_thread(GoodHandler, context)


async def ask(wire, url):
    async with await wire.post(url, {"x-a": "1"}, b"{}", **STREAMED) as answer:
        return await answer.read()


async def test_tls(authority, trusting):
    with secure(authority) as (port, asked):
        async with wire_to(trusting) as wire:
            for _ in range(3):
                assert await ask(wire, f"https://localhost:{port}/v1/x") == BODY
        assert len(asked) == 3
        assert asked[0].startswith(b"POST /v1/x HTTP/1.1\r\nHost: localhost:%d\r\n" % port)


async def test_the_second_handshake_with_a_host_is_a_short_one(authority, trusting):
    with secure(authority) as (port, _), secure(authority) as (other, _):
        async with wire_to(trusting) as wire:
            resumed = []
            for to in (port, port, other, port):
                async with await wire.post(f"https://localhost:{to}/", {}, b"{}", **STREAMED) as answer:
                    assert await answer.read() == BODY
                    resumed.append(answer.headers["content-type"])
                for connections in wire._pool._idle.values():
                    while connections:
                        connections.pop().close()
    assert resumed == ["x/0", "x/1", "x/0", "x/0"], "another server does not know the first one's sessions"


async def test_a_certificate_that_nobody_vouches_for(authority):
    with secure(authority) as (port, asked):
        async with wire_to() as wire:
            with pytest.raises(Unreached):
                await ask(wire, f"https://localhost:{port}/")
        assert asked == [], "not a byte of the call has left"


async def test_a_certificate_for_another_name(authority, trusting):
    with secure(authority, "api.example.com") as (port, asked):
        async with wire_to(trusting) as wire:
            with pytest.raises(Unreached):
                await ask(wire, f"https://localhost:{port}/")
        assert asked == []


async def test_a_handshake_that_never_ends(trusting):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(connect_s=0.3, first_byte_s=30, idle_s=30, total_s=30, tls=trusting)
        with pytest.raises(Unreached):
            await asyncio.wait_for(ask(wire, f"https://localhost:{listener.getsockname()[1]}/"), 5)
        await wire.close()


async def test_the_second_address_is_tried(monkeypatch):
    """The name's first address leads nowhere; a browser would not have noticed."""
    async with serving(says(GOOD)) as server:
        port = int(server.url.rsplit(":", 1)[1])

        async def two(*_, **__):
            kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            return [
                (socket.AF_INET6, *kind, ("::1", port, 0, 0)),
                (socket.AF_INET, *kind, ("127.0.0.1", port)),
            ]

        monkeypatch.setattr(connect.Names, "addresses", two)
        async with wire_to() as wire:
            assert await ask(wire, f"http://provider.example:{port}/") == BODY


def proxy(answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
    """A proxy that lets through whatever is asked."""

    class Handler(socketserver.StreamRequestHandler):
        rbufsize = 0

        def handle(self):
            head = heads_end(self.rfile)
            self.server.heard.append(head)
            method, target, _ = head.split(b" ", 2)
            if method == b"CONNECT":
                self.wfile.write(answer)
                if answer.endswith(b"established\r\n\r\n"):
                    self.join_to(int(target.rsplit(b":", 1)[1]), b"")
            else:
                self.join_to(int(target.split(b"/")[2].rsplit(b":", 1)[1]), head)

        def join_to(self, port, first):
            with socket.create_connection(("127.0.0.1", port)) as up:
                up.sendall(first)
                ends = {self.connection: up, up: self.connection}
                while True:
                    for end in select.select(list(ends), [], [])[0]:
                        part = end.recv(65536)
                        if not part:
                            return
                        ends[end].sendall(part)

    return serving_in_a_thread(Handler)


async def test_a_proxy_for_plain_http_is_asked_for_the_whole_url(monkeypatch):
    with proxy() as (port, heads):
        monkeypatch.setenv("HTTP_PROXY", f"http://user:p%40ss@127.0.0.1:{port}")
        async with serving(says(GOOD)) as server, wire_to() as wire:
            assert await ask(wire, f"{server.url}/v1/x?y=1") == BODY
    authorization = base64.b64encode(b"user:p@ss")
    assert heads[0].startswith(b"POST %s/v1/x?y=1 HTTP/1.1\r\nHost: " % server.url.encode())
    assert b"Proxy-Authorization: Basic %b\r\n" % authorization in heads[0]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_tls_goes_through_a_tunnel(authority, trusting, monkeypatch, name):
    with proxy() as (port, heads), secure(authority) as (up, asked):
        monkeypatch.setenv(name, f"127.0.0.1:{port}")
        async with wire_to(trusting) as wire:
            for _ in range(2):
                assert await ask(wire, f"https://localhost:{up}/v1/x") == BODY
    assert heads == [b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % (up, up)]
    assert len(asked) == 2
    assert b"Proxy" not in asked[0]


async def test_no_proxy_is_heeded(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "example.com,127.0.0.1")
    async with serving(says(GOOD)) as server, wire_to() as wire:
        assert await ask(wire, server.url) == BODY


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"SSH-2.0 200 \r\n\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\nx: " + b"x" * 100_000,
    ],
)
async def test_a_proxy_that_says_no_or_nonsense(trusting, monkeypatch, answer):
    with proxy(answer) as (port, _):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        async with wire_to(trusting) as wire:
            with pytest.raises(Unreached, match="proxy"):
                await ask(wire, "https://localhost:1/")


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://a:b", "http://[::1"])
async def test_a_proxy_of_a_kind_that_we_do_not_speak(monkeypatch, url):
    """Said, and not gone round: whoever names a proxy wants it used."""
    monkeypatch.setenv("HTTP_PROXY", url)
    async with serving(says(GOOD)) as server, wire_to() as wire:
        with pytest.raises(Unreached, match="proxy"):
            await ask(wire, server.url)
        assert server.requests == []


async def test_leaving_while_connecting_leaves_nothing_behind(trusting):
    """Cancelled in the middle of a handshake: a socket left open would be a warning, and so a failure."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with wire_to(trusting) as wire:
            task = asyncio.ensure_future(ask(wire, f"https://localhost:{listener.getsockname()[1]}/"))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_silence_over_tls_is_lost_waiting_and_cut(authority, trusting):
    gone = threading.Event()

    class Silent(socketserver.StreamRequestHandler):
        def handle(self):
            with suppress(OSError):
                while self.rfile.readline():
                    pass
            gone.set()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with serving_in_a_thread(Silent, context) as (port, _):
        wire = Wire(connect_s=2, first_byte_s=0.2, idle_s=2, total_s=5, tls=trusting)
        with pytest.raises(LostWaiting):
            await ask(wire, f"https://localhost:{port}/")
        assert await asyncio.to_thread(gone.wait, 5)
        await wire.close()


async def test_a_document_is_not_followed_out_of_tls(authority, trusting, monkeypatch):
    async with serving(says(GOOD)) as plain:
        moved = b"HTTP/1.1 301 Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % plain.url.encode()
        monkeypatch.setattr(GoodHandler, "answer", moved)
        monkeypatch.setattr(GoodHandler, "body_bytes", 0)
        with secure(authority) as (port, _):
            async with wire_to(trusting) as wire:
                with pytest.raises(UpstreamError, match="TLS"):
                    await wire.get(f"HTTPS://localhost:{port}/", {}, 1000)
        assert plain.requests == []


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_leaving_as_soon_as_it_is_open_harms_nobody_else(authority, trusting, monkeypatch, kind):
    """A socket that is closed behind its transport's back closes the one that has its number by then."""
    made, leaving = Connection.connection_made, []

    def cancelled(connection, transport):
        made(connection, transport)
        for task in leaving:
            task.cancel()
        leaving.clear()

    monkeypatch.setattr(Connection, "connection_made", cancelled)
    with secure(authority) as (port, _):
        async with serving(says(GOOD)) as server:
            url = server.url if kind == "http" else f"https://localhost:{port}/"
            for _ in range(10):
                async with wire_to(trusting) as wire:
                    leaving.append(task := asyncio.ensure_future(ask(wire, url)))
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    assert await asyncio.gather(*(ask(wire, url) for _ in range(3))) == [BODY] * 3


WHOLE = b"x" * 280_000
CLOSING = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"


def last_words(authority, raw, *, says_goodbye):
    """A TLS server that answers so and ends, with TLS's own goodbye (close_notify) or without."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            heads_end(self.rfile)
            self.wfile.write(raw)
            if says_goodbye:
                self.connection.settimeout(0)  # Said, and not waited for the other's.
                with suppress(OSError):
                    self.connection.unwrap()
            with suppress(OSError), socket.socket(fileno=os.dup(self.connection.fileno())) as end:
                end.shutdown(socket.SHUT_WR)
                end.settimeout(5)
                while end.recv(65_536):
                    pass

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return serving_in_a_thread(Handler, context)


async def heard(wire, port, slow_s):
    """How much came, and whether it was all."""
    size = 0
    try:
        async with await wire.post(f"https://localhost:{port}/", {}, b"{}", **STREAMED) as answer:
            await asyncio.sleep(slow_s)
            while part := await answer.next_chunk():
                size += len(part)
                await asyncio.sleep(slow_s / 10)
    except Lost:
        return size, "lost"
    return size, "whole"


@pytest.mark.parametrize("slow_s", [0, 0.3])
@pytest.mark.parametrize("framing", [b"", b"Content-Length: 280000\r\n"], ids=["by closing", "by length"])
async def test_a_slow_reader_gets_all_of_an_answer_that_ended_long_ago(authority, trusting, framing, slow_s):
    """Bytes that TLS had taken in and not given out when the connection ended are part of the answer."""
    with last_words(authority, CLOSING + framing + b"\r\n" + WHOLE, says_goodbye=True) as (port, _):
        async with wire_to(trusting) as wire:
            assert await heard(wire, port, slow_s) == (len(WHOLE), "whole")


@pytest.mark.parametrize("slow_s", [0, 0.3])
async def test_a_tls_answer_by_closing_is_whole_only_with_a_goodbye(authority, trusting, slow_s):
    """RFC 9112, section 9.8: anybody on the way can cut a connection; only the provider can say that it ended."""
    with last_words(authority, CLOSING + b"\r\n" + WHOLE, says_goodbye=False) as (port, _):
        async with wire_to(trusting) as wire:
            assert (await heard(wire, port, slow_s))[1] == "lost"


async def test_an_error_to_a_large_body_ends_a_tls_connection(authority, trusting):
    """TLS does not tell how much of the question is still unsent; the next call would stand behind it."""

    class Early(socketserver.StreamRequestHandler):
        def handle(self):
            with suppress(OSError):
                self.server.heard.append(heads_end(self.rfile))
                self.wfile.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
                threading.Event().wait(1)

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    with serving_in_a_thread(Early, context) as (port, asked):
        async with wire_to(trusting) as wire:
            for _ in range(2):
                async with await wire.post(f"https://localhost:{port}/", {}, b"x" * 20_000_000, **STREAMED) as answer:
                    assert (answer.status, await answer.read()) == (413, b"no")
        assert len(asked) == 2


async def test_a_connection_that_ends_as_it_opens_is_not_asked(authority, trusting, monkeypatch):
    made = Connection.connection_made

    def late(connection, transport):
        made(connection, transport)
        time.sleep(0.05)  # The loop is busy, and the end lies in the socket by then.

    class Leaving(socketserver.StreamRequestHandler):
        def handle(self):
            self.connection.do_handshake()

    monkeypatch.setattr(Connection, "connection_made", late)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving_in_a_thread(Leaving, context) as (port, _):
        async with wire_to(trusting) as wire:
            for _ in range(3):
                with pytest.raises(Unreached):
                    await ask(wire, f"https://localhost:{port}/")
