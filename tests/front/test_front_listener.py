"""Connections as they come and go, over real sockets: callers that are cut off, leave, reset or never read, and an end
that takes nothing from anybody."""

import asyncio
import contextlib
import gc
import socket
import struct
import tracemalloc

import pytest
import uvloop
from inside import GET, LAST, PATIENCE_S, POST, ask, door, echo, eventually, listening, quiet, statuses

from gateway.front import connection
from gateway.front import listener as module
from gateway.front.connection import WAITING_MAX, WRITE_BYTES_MAX
from gateway.front.listener import Listener

CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n"
BROKEN = b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"


async def read(reader, size=-1):
    async with asyncio.timeout(PATIENCE_S):
        return await reader.read(size)


async def test_a_request_is_answered_and_the_connection_kept():
    with quiet():
        async with listening() as (_, port):
            assert statuses(await ask(port, GET + CHUNKED + LAST)) == [200] * 3
            assert statuses(await ask(port, GET + BROKEN + LAST)) == [200, 400]


def test_new_connections_do_not_wait_for_one_another_at_uvloop():
    """Which by itself takes one at a turn, however long turns are."""

    async def turns_to_take(count):
        async with listening() as (listener, port):
            socks = [socket.socket() for _ in range(count)]
            for sock in socks:
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
            turns = 0
            while len(listener._connections) < count:
                await asyncio.sleep(0)
                turns += 1
            for sock in socks:
                sock.close()
            await eventually(lambda: not listener._connections)
            return turns

    assert uvloop.run(turns_to_take(20 * module.ACCEPTED_AT_ONCE)) <= 40


async def test_whoever_dawdles_over_a_head_is_cut_off_and_others_are_not(monkeypatch):
    monkeypatch.setattr(module, "SWEPT_EVERY_S", 0.01)
    starts = [b"G", POST, b"\r\n", GET + b"GET", GET[:-2]]
    async with listening(header_timeout_s=0.2) as (listener, port):
        idle, writer = await asyncio.open_connection("127.0.0.1", port)
        ends = [await ask(port, start) for start in starts]
        assert [statuses(end) for end in ends] == [[], [], [], [200], []]
        assert len(listener._connections) == 1
        assert not idle.at_eof()
        writer.close()


@contextlib.asynccontextmanager
async def deaf(port):
    """A caller that reads nothing unless the test does."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    try:
        yield sock
    finally:
        sock.close()


def reset(sock):
    """As a killed program does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("leave", [reset, socket.socket.close, lambda sock: sock.shutdown(socket.SHUT_WR)])
@pytest.mark.parametrize("raw", [GET, CHUNKED, GET + BROKEN, GET * 5, POST + b"Content-Length: 5\r\n\r\nhello"])
async def test_callers_leave_at_every_moment(leave, raw):
    """After every byte, at once or a moment later: nothing is logged, and nothing stays behind."""

    async def handle(exchange):
        await asyncio.sleep(0)
        await echo(exchange)

    loop = asyncio.get_running_loop()
    socks = []
    with quiet():
        async with listening(handle) as (listener, port):
            for end in range(0, len(raw) + 1, 3):
                sock = socket.create_connection(("127.0.0.1", port))
                socks.append(sock)
                sock.setblocking(False)
                await loop.sock_sendall(sock, raw[:end])
                for _ in range(end % 4):
                    await asyncio.sleep(0)
                leave(sock)
            assert statuses(await ask(port, LAST)) == [200]
            await eventually(lambda: not listener._connections)
    for sock in socks:
        sock.close()


async def test_a_caller_that_sends_thousands_of_requests_and_never_reads_takes_little_memory():
    loop = asyncio.get_running_loop()

    async def handle(exchange):
        await exchange.respond(200, {}, b"x" * 100_000)

    async with listening(handle) as (listener, port), deaf(port) as sock:
        sending = asyncio.ensure_future(loop.sock_sendall(sock, GET * 200_000))
        await eventually(lambda: any(c.full for c in listener._connections))
        (connection,) = listener._connections
        for _ in range(50):
            assert len(connection._waiting) <= WAITING_MAX
            assert connection._transport.get_write_buffer_size() < WRITE_BYTES_MAX + 101_000
            await asyncio.sleep(0.002)
        assert not sending.done(), "it is not read either"
        sending.cancel()


def bytes_of(count):
    """What so many idle connections take, apart from the event loop's part."""
    listener = Listener(echo, door(), header_timeout_s=1)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    connections = [listener.connection() for _ in range(count)]
    taken = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(listener._connections) == len(connections)
    return taken


async def test_ten_thousand_idle_connections_take_little_memory():
    assert bytes_of(10_000) < 10_000 * 4096


async def test_what_a_connection_was_does_not_stay():
    with quiet():
        async with listening() as (listener, port):
            gc.collect()
            before = sum(isinstance(found, module.Connection) for found in gc.get_objects())
            for _ in range(50):
                await ask(port, GET * 3 + LAST)
                await ask(port, BROKEN)
            await eventually(lambda: not listener._connections)
            gc.collect()
            assert sum(isinstance(found, module.Connection) for found in gc.get_objects()) <= before + 1


async def test_idle_callers_are_let_go_at_once():
    async with listening() as (listener, port):
        callers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        for number, (_, writer) in enumerate(callers):
            writer.write([b"", GET, b"GET /", BROKEN][number % 4])
        await eventually(lambda: len(listener._connections) == 20)
        ends = [await read(reader, 12) for number, (reader, _) in enumerate(callers) if number % 4 in {1, 3}]
        assert set(ends) == {b"HTTP/1.1 200", b"HTTP/1.1 400"}
        async with asyncio.timeout(PATIENCE_S):
            await listener.close(1000)
            for reader, writer in callers:
                await reader.read()
                writer.close()
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_call_under_way_ends_before_we_do_and_no_other_begins():
    free, begun = asyncio.Event(), []

    async def handle(exchange):
        begun.append(exchange)
        await free.wait()
        await echo(exchange)

    async with listening(handle) as (listener, port):
        said = asyncio.ensure_future(ask(port, GET * 3))
        later = asyncio.ensure_future(ask(port, POST + b"Content-Length: 5\r\n\r\n"))
        await eventually(lambda: len(begun) == 2)
        closing = asyncio.ensure_future(listener.close(1000))
        await asyncio.sleep(0.05)
        assert not closing.done()
        free.set()
        assert statuses(await said) == [200]
        assert b"Connection: close" in await said
        assert len(begun) == 2
        later.cancel()
        await asyncio.wait([later, closing], timeout=PATIENCE_S)
        assert closing.done()


async def test_in_the_grace_calls_are_taken_and_each_is_told_that_it_is_the_last():
    """By those that were connected, and by newcomers: whoever deals out connections may not have noticed yet."""
    async with listening() as (listener, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        assert b"Connection" not in await read(reader, 1000)
        closing = asyncio.ensure_future(listener.close(1000, 1000))
        await asyncio.sleep(0)
        writer.write(GET)
        for said in (await read(reader), await ask(port, GET)):
            assert statuses(said) == [200]
            assert b"Connection: close\r\n" in said
        writer.close()
        assert not closing.done()
        closing.cancel()


@pytest.mark.parametrize("pipelined", [b"", GET])
async def test_who_could_not_be_told_may_ask_once_more(monkeypatch, pipelined):
    """Its answer had begun: when it ends, the next request may be on its way."""
    monkeypatch.setattr(connection, "LAST_S", 1000)
    free, begun = asyncio.Event(), []

    async def handle(exchange):
        begun.append(exchange)
        await exchange.start(200, {})
        await free.wait()
        await exchange.finish()

    async with listening(handle) as (listener, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + pipelined)
        said = await reader.readuntil(b"\r\n\r\n")
        closing = asyncio.ensure_future(listener.close(1000))
        await asyncio.sleep(0.01)
        free.set()
        said += await reader.readuntil(b"0\r\n\r\n")
        assert b"Connection: close" not in said
        if not pipelined:
            writer.write(GET)
        last = await read(reader)
        assert statuses(last) == [200]
        assert b"Connection: close" in last
        writer.close()
        await asyncio.wait_for(closing, PATIENCE_S)
        assert len(begun) == 2


async def test_who_was_answered_at_the_end_of_the_grace_may_ask_once_more(monkeypatch):
    """Its answer had begun before the grace and ended within it: it is let go no sooner than one that ends after it."""
    monkeypatch.setattr(connection, "LAST_S", 10)
    free = asyncio.Event()

    async def handle(exchange):
        await exchange.start(200, {})
        await free.wait()
        await exchange.finish()

    async with listening(handle) as (listener, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        closing = asyncio.ensure_future(listener.close(1000, 0.1))
        await asyncio.sleep(0)
        free.set()
        await reader.readuntil(b"0\r\n\r\n")
        await eventually(lambda: not any(server.is_serving() for server in listener._servers))
        await asyncio.sleep(0.05)
        writer.write(GET)
        assert statuses(await read(reader)) == [200]
        writer.close()
        await asyncio.wait_for(closing, PATIENCE_S)


async def test_newcomers_may_ask_once_and_whoever_says_nothing_is_let_go(monkeypatch):
    monkeypatch.setattr(connection, "LAST_S", 0.3)
    async with listening() as (listener, port):
        callers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        callers[1][1].write(GET[:20])
        await eventually(lambda: len(listener._connections) == 3)
        closing = asyncio.ensure_future(listener.close(1000))
        await asyncio.sleep(0.01)
        callers[0][1].write(GET)
        callers[1][1].write(GET[20:])
        ends = [await read(reader) for reader, _ in callers]
        assert [statuses(end) for end in ends] == [[200], [200], []]
        await asyncio.wait_for(closing, PATIENCE_S)
        for _, writer in callers:
            writer.close()


async def test_who_works_for_a_caller_that_has_gone_ends_before_we_do():
    """An answer that nobody reads any more is read to its end, for the books."""
    free, ended = asyncio.Event(), []

    async def handle(exchange):
        await free.wait()
        ended.append(exchange)

    async with listening(handle) as (listener, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await eventually(lambda: any(c.task for c in listener._connections))
        writer.close()
        await eventually(lambda: all(c.closed for c in listener._connections))
        closing = asyncio.ensure_future(listener.close(1000))
        await asyncio.sleep(0.05)
        assert not closing.done()
        free.set()
        await asyncio.wait_for(closing, PATIENCE_S)
        assert ended


async def test_an_answer_that_is_still_being_read_ends_before_we_do():
    """The call is over, and its last bytes wait for the caller."""
    said = []

    async def handle(exchange):
        await exchange.start(200, {})
        while not exchange._line._transport.get_write_buffer_size():
            await exchange.write(b"x" * 10_000)
        said.append(exchange)
        exchange.keep_alive = False
        await exchange.finish()

    loop = asyncio.get_running_loop()
    with quiet():
        async with listening(handle) as (listener, port), deaf(port) as sock:
            await loop.sock_sendall(sock, GET)
            await eventually(lambda: said and not any(c.task for c in listener._connections))
            closing = asyncio.ensure_future(listener.close(1000))
            await asyncio.sleep(0.05)
            got = bytearray()
            async with asyncio.timeout(PATIENCE_S):
                while part := await loop.sock_recv(sock, 1 << 20):
                    got += part
                await closing
    assert got.endswith(b"\r\n0\r\n\r\n")


async def test_whoever_never_ends_is_broken_off_and_may_close_its_books():
    ended = []

    async def handle(exchange):
        await exchange.start(200, {})
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            ended.append(exchange)

    with quiet():
        async with listening(handle) as (listener, port):
            said = asyncio.ensure_future(ask(port, GET))
            await eventually(lambda: any(c.task for c in listener._connections))
            await listener.close(0.05)
            assert ended
            with contextlib.suppress(ConnectionResetError):
                assert not (await said).endswith(b"0\r\n\r\n")
            await eventually(lambda: not listener._connections)


async def test_a_caller_that_never_reads_does_not_keep_us(monkeypatch):
    async def handle(exchange):
        while True:
            await exchange.write(b"x" * 10_000)

    async def begin(exchange):
        await exchange.start(200, {})
        await handle(exchange)

    loop = asyncio.get_running_loop()
    async with listening(begin) as (listener, port), deaf(port) as sock:
        await loop.sock_sendall(sock, GET)
        await eventually(lambda: any(c.full for c in listener._connections))
        async with asyncio.timeout(PATIENCE_S):
            await listener.close(0.05)
        await eventually(lambda: not listener._connections)


async def test_a_port_that_is_taken_is_told_with_where_it_is_said():
    async with listening() as (_, port):
        other = Listener(echo, door(), header_timeout_s=5)
        with pytest.raises(OSError, match=r"in use \(server\.port, or --port\)$"):
            await other.listen("127.0.0.1", port)
