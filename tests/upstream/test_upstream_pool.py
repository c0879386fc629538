"""Connections between calls: kept while that is safe, and not a moment longer."""

import asyncio
import socket

import pytest
from hostile import GOOD, STREAMED, WHOLE, says, serving

from gateway.upstream import pool
from gateway.upstream.wire import Wire

SLACK_S = 5.0


@pytest.fixture
async def wire():
    found = Wire(connect_s=1, first_byte_s=1, idle_s=1, total_s=5)
    yield found
    await found.close()


async def ask(wire, server):
    async with await wire.post(f"{server.url}/v1/x", {}, b"{}", **WHOLE) as answer:
        return await answer.read()


def kept(wire):
    return sum(len(idle) for idle in wire._pool._idle.values())


async def until(holds):
    async with asyncio.timeout(SLACK_S):
        while not holds():  # noqa: ASYNC110 - it is told by nobody
            await asyncio.sleep(0.01)


def keeping(seconds):
    return says(GOOD.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=%d, max=100\r\n\r\n" % seconds, 1))


async def test_a_server_says_how_long_it_keeps_a_connection(wire):
    async with serving(keeping(1)) as server:  # Less than the margin leaves nothing.
        await ask(wire, server)
        await ask(wire, server)
        assert server.connections == 2
    async with serving(keeping(60)) as server:
        await ask(wire, server)
        (idle,) = [one for kept in wire._pool._idle.values() for one in kept]
        assert 50 < idle.idle_until - asyncio.get_running_loop().time() <= 59


async def test_a_server_that_is_known_to_close_after_streams_is_not_asked_again_there(wire):
    """llama.cpp's promises to keep the connection, and closes it a moment later: the next call would be lost in it."""
    stream = b"HTTP/1.1 200 OK\r\nServer: %b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    for name, connections in ((b"uvicorn", 1), (b"llama.cpp", 2)):
        async with serving(says(stream % name)) as server:
            await ask(wire, server)
            await ask(wire, server)
            assert server.connections == connections


async def test_what_is_idle_too_long_is_closed_by_itself(wire, monkeypatch):
    monkeypatch.setitem(pool.IDLE_S, "http", 0.05)
    monkeypatch.setattr(pool, "SWEPT_EVERY_S", 0.02)
    async with serving(says(GOOD)) as server:
        await ask(wire, server)
        await asyncio.wait_for(server.gone.wait(), SLACK_S)
        await until(lambda: not wire._pool._idle and wire._pool._sweeper is None)


async def test_an_old_connection_is_not_used_again(wire, monkeypatch):
    """The provider's name may mean another address by now."""
    monkeypatch.setattr(pool, "AGE_S_MAX", 0.1)
    async with serving(says(GOOD)) as server:
        for _ in range(3):
            await ask(wire, server)
            await asyncio.sleep(0.06)
        assert server.connections == 2


async def test_a_connection_that_the_server_closed_is_not_asked(wire):
    async with serving(says(GOOD, then="close")) as server:
        for number in range(1, 6):
            assert await ask(wire, server)
            await asyncio.sleep(0.01)
            assert server.connections == number


async def test_a_close_that_nobody_has_read_is_seen(wire):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        asked = asyncio.ensure_future(wire.post(f"{url}/x", {}, b"{}", **WHOLE))
        theirs, _ = await asyncio.to_thread(listener.accept)
        await asyncio.to_thread(theirs.recv, 1000)
        theirs.sendall(GOOD)
        async with await asked as answer:
            await answer.read()
        (idle,) = next(iter(wire._pool._idle.values()))
        assert idle.usable
        theirs.close()  # The loop does not turn between this and the next line.
        assert not idle.usable


async def test_not_more_is_kept_than_may_be_needed(wire, monkeypatch):
    monkeypatch.setattr(pool, "IDLE_MAX", 3)
    async with serving(says(0.1, GOOD)) as server:
        await asyncio.gather(*(ask(wire, server) for _ in range(10)))
        assert server.connections == 10
        assert kept(wire) == 3


async def test_origins_do_not_share_connections(wire):
    async with serving(says(GOOD)) as one, serving(says(GOOD)) as other:
        for server in (one, other, one, other):
            await ask(wire, server)
        assert (one.connections, other.connections) == (1, 1)


async def test_closing_ends_everything(wire):
    async with serving(says(GOOD)) as one, serving(says(then="silence")) as other:
        await ask(wire, one)
        task = asyncio.ensure_future(ask(wire, other))
        await until(lambda: other.requests)
        await wire.close()
        with pytest.raises(Exception, match="broke"):
            await task
        await asyncio.wait_for(one.gone.wait(), SLACK_S)
        await asyncio.wait_for(other.gone.wait(), SLACK_S)
        assert not wire._pool._all


async def test_a_slow_reader_makes_the_provider_wait(wire):
    """No more than a bounded part of an answer is ever here."""
    part, parts = b"x" * 65_536, 400
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % (len(part) * parts)
    sent = 0

    async def script(_, writer):
        nonlocal sent
        writer.write(head)
        for _ in range(parts):
            writer.write(part)
            await writer.drain()
            sent += len(part)

    async with (
        serving(script) as server,
        await wire.post(server.url, {}, b"{}", **STREAMED) as answer,
    ):
        await asyncio.sleep(0.5)
        stalled = sent
        await asyncio.sleep(0.2)
        assert sent == stalled < len(part) * parts, "the kernel's buffers are full, and ours is bounded"
        assert answer._unread < 1 << 20
        assert len(await answer.read()) == len(part) * parts
