"""The wire against servers that do everything wrong: what is certain to have cost nothing, and what may have cost."""

import asyncio
import gzip
import socket

import pytest
from hostile import BODY, GOOD, JSON, STREAMED, says, serving

from gateway.core.errors import UpstreamError
from gateway.upstream import answer as answers
from gateway.upstream import connection, pool
from gateway.upstream.errors import Lost, LostWaiting, Unreached
from gateway.upstream.wire import Wire

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SLACK_S = 5.0


@pytest.fixture
async def wire():
    found = Wire(connect_s=0.5, first_byte_s=0.5, idle_s=0.5, total_s=5)
    yield found
    await found.close()


async def post(wire, url, **more):
    return await wire.post(f"{url}/v1/chat/completions", {"x-one": "1"}, b'{"a":1}', **(STREAMED | more))


async def asked(wire, server, **more):
    """A whole answer."""
    async with await post(wire, server.url, **more) as answer:
        return answer, await answer.read()


async def test_a_good_answer(wire):
    async with serving(says(GOOD)) as server:
        answer, body = await asked(wire, server)
    assert (answer.status, body) == (200, BODY)
    (request,) = server.requests
    head, _, sent = request.partition(b"\r\n\r\n")
    assert sent == b'{"a":1}'
    assert b"x-one: 1" in head
    assert b"Accept-Encoding: identity" in head
    assert b"User-Agent" not in head, "the caller's own travels, and ours says nothing"


@pytest.mark.parametrize(
    ("method", "body", "told"),
    [("GET", b"", False), ("DELETE", b"", False), ("POST", b"", True), ("PUT", b"", True), ("PATCH", b"{}", True)],
)
async def test_any_method_is_sent_as_it_is_and_tells_its_length_where_one_is_expected(wire, method, body, told):
    left = []
    async with serving(says(GOOD)) as server:
        asking = wire.send(method, f"{server.url}/v1/x?a=b", {}, body, streams=True, leaving=lambda: left.append(1))
        async with await asking as answer:
            assert await answer.read() == BODY
    (request,) = server.requests
    assert request.startswith(f"{method} /v1/x?a=b HTTP/1.1\r\n".encode())
    assert (b"Content-Length: %d" % len(body) in request) is told
    assert left == [1]


async def test_what_may_not_leave_any_more_does_not(wire):
    """Its connection is closed: nobody has it now."""

    def leaving():
        raise ConnectionResetError("the caller has left")

    async with serving(says(GOOD)) as server:
        for _ in range(2):  # Over a new connection, and over one that was used before.
            with pytest.raises(ConnectionResetError, match="caller"):
                await asked(wire, server, leaving=leaving)
            await asked(wire, server)
    assert len(server.requests) == 2


async def test_connections_are_used_again_after_good_answers(wire):
    chunked = EVENTS + b"4\r\ndata\r\n0\r\n\r\n"
    for script in (
        says(GOOD),
        says(chunked),
        says(JSON + b"Content-Length: 0\r\n\r\n"),
        says(GOOD[:40], 0.02, GOOD[40:]),
    ):
        async with serving(script) as server:
            for _ in range(5):
                await asked(wire, server)
            assert server.connections == 1


async def test_a_connection_with_an_unread_answer_is_cut(wire):
    """Which tells the provider to stop, and keeps the rest from being taken for another answer."""
    async with serving(says(EVENTS + b"4\r\ndata\r\n", then="silence")) as server:
        async with await post(wire, server.url) as answer:
            assert await answer.next_chunk() == b"data"
        await asyncio.wait_for(server.gone.wait(), SLACK_S)
        async with await post(wire, server.url):
            assert server.connections == 2


async def test_a_cancelled_call_is_cut_too(wire):
    async with serving(says(then="silence")) as server:
        task = asyncio.create_task(post(wire, server.url))
        while not server.requests:  # noqa: ASYNC110 - it is a list
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.gone.wait(), SLACK_S)


async def test_nobody_listens(wire):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(Unreached):
        await post(wire, f"http://127.0.0.1:{port}")


async def test_a_name_that_means_nothing(wire):
    with pytest.raises(Unreached):
        await post(wire, "http://no-such-host.invalid")


async def test_a_server_that_does_not_accept(wire):
    """Its queue is full, so that connecting takes for ever: no byte of the call has left."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        others = [socket.socket() for _ in range(4)]
        try:
            for other in others:
                other.setblocking(False)
                other.connect_ex(full.getsockname())
            wire._first_byte_s = 30
            with pytest.raises(Unreached):
                await asyncio.wait_for(post(wire, f"http://127.0.0.1:{full.getsockname()[1]}"), SLACK_S)
        finally:
            for other in others:
                other.close()


async def test_a_server_that_speaks_no_tls(wire):
    wire._first_byte_s = 30
    async with serving(says(GOOD)) as server:
        with pytest.raises(Unreached):
            await asyncio.wait_for(post(wire, server.url.replace("http://", "https://")), SLACK_S)


LOST = {  # In all of these the call was sent: the provider may have begun to work.
    "closed": says(then="close"),
    "reset": says(then="reset"),
    "closed in the status line": says(b"HTTP/1.1 20", then="close"),
    "closed in the head": says(JSON, then="close"),
    "reset in the head": says(JSON, 0.05, then="reset"),
    "garbage": says(b"\x00\xff garbage\r\n\r\n", then="close"),
    "garbage that stays": says(b"garbage\r\n\r\n"),
    "another protocol": says(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "a status of words": says(b"HTTP/1.1 fine OK\r\n\r\n"),
    "a status of four digits": says(b"HTTP/1.1 2000 OK\r\n\r\n"),
    "a giant header": says(JSON + b"x-giant: " + b"x" * 100_000 + b"\r\n\r\n"),
    "a giant name": says(JSON + b"x" * 100_000 + b": 1\r\n\r\n"),
    "a giant reason": says(b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n"),
    "countless headers": says(JSON + b"".join(b"x-%d: 1\r\n" % n for n in range(10_000)) + b"\r\n"),
    "a header without a colon": says(JSON + b"nonsense\r\nContent-Length: 0\r\n\r\n"),
    "two lengths": says(JSON + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "a negative length": says(JSON + b"Content-Length: -1\r\n\r\n"),
}


@pytest.mark.parametrize("name", LOST)
async def test_no_answer_is_lost(wire, name):
    async with serving(LOST[name]) as server:
        with pytest.raises(Lost) as raised:
            await asked(wire, server)
    assert not isinstance(raised.value, LostWaiting)
    assert raised.value.status == 502
    assert len(server.requests) == 1, "a call that may have been taken is not sent again behind our back"


WAITING = {
    "silence": says(then="silence"),
    "half a status line": says(b"HTTP/1.1 2", then="silence"),
    "half a head": says(JSON, then="silence"),
    "a head that drips": says(
        *[b for n in range(100) for b in (b"HTTP/1.1 200 OK\r\nx-slow: " if n == 0 else b"x", 0.05)]
    ),
    "100 for ever": says(*[b for _ in range(100) for b in (b"HTTP/1.1 100 Continue\r\n\r\n", 0.05)]),
}


@pytest.mark.parametrize("name", WAITING)
async def test_no_answer_in_time_is_lost_waiting(wire, name):
    async with serving(WAITING[name]) as server:
        begun = asyncio.get_running_loop().time()
        with pytest.raises(LostWaiting) as raised:
            await post(wire, server.url)
        assert 0.4 < asyncio.get_running_loop().time() - begun < SLACK_S
        await asyncio.wait_for(server.gone.wait(), SLACK_S)
    assert raised.value.status == 504
    assert len(server.requests) == 1


async def test_an_answer_that_does_not_stream_has_all_the_time_there_is(wire):
    """Its first byte comes when all of it is made."""
    async with serving(says(1.0, GOOD)) as server:
        assert (await asked(wire, server, streams=False))[1] == BODY


BROKEN = {
    "shorter than it says": says(JSON + b"Content-Length: 100\r\n\r\nabc", then="close"),
    "reset": says(JSON + b"Content-Length: 100\r\n\r\nabc", 0.05, then="reset"),
    "cut between chunks": says(EVENTS + b"4\r\ndata\r\n", then="close"),
    "cut in a chunk": says(EVENTS + b"9\r\ndata", then="close"),
    "cut in a chunk's size": says(EVENTS + b"4\r\ndata\r\n1", then="close"),
    "cut before the last line": says(EVENTS + b"4\r\ndata\r\n0\r\n", then="close"),
    "reset between chunks": says(EVENTS + b"4\r\ndata\r\n", 0.05, then="reset"),
    "a chunk size of words": says(EVENTS + b"4\r\ndata\r\nfour\r\n", then="silence"),
    "a chunk longer than it says": says(EVENTS + b"4\r\ndatadata\r\n0\r\n\r\n", then="silence"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_body_that_breaks_off_is_lost_and_never_a_clean_end(wire, name):
    async with serving(BROKEN[name]) as server:
        with pytest.raises(Lost) as raised:
            await asked(wire, server)
    assert not isinstance(raised.value, LostWaiting)


@pytest.mark.parametrize("name", ["cut between chunks", "shorter than it says"])
async def test_what_came_before_the_break_is_given_out(wire, name):
    async with serving(BROKEN[name]) as server, await post(wire, server.url) as answer:
        assert await answer.next_chunk() in (b"data", b"abc")
        for _ in range(2):  # It stays broken.
            with pytest.raises(Lost):
                await answer.next_chunk()


async def test_a_body_that_falls_silent_is_lost_waiting(wire):
    async with serving(says(EVENTS + b"4\r\ndata\r\n", then="silence")) as server:
        async with await post(wire, server.url) as answer:
            assert await answer.next_chunk() == b"data"
            with pytest.raises(LostWaiting):
                await answer.next_chunk()
        await asyncio.wait_for(server.gone.wait(), SLACK_S)


async def test_a_body_that_drips_is_read_until_all_the_time_is_used():
    wire = Wire(connect_s=1, first_byte_s=1, idle_s=0.5, total_s=1)
    script = says(EVENTS, *[b for _ in range(200) for b in (b"1\r\nx\r\n", 0.05)])
    async with serving(script) as server, await post(wire, server.url) as answer:
        for _ in range(5):
            assert await answer.next_chunk() == b"x"
        with pytest.raises(LostWaiting):
            await answer.read()
    await wire.close()


async def test_an_answer_beyond_all_measure_is_lost(wire, monkeypatch):
    monkeypatch.setattr(answers, "READ_BYTES_MAX", 100_000)
    async with serving(says(JSON + b"Content-Length: 1000000\r\n\r\n", *[b"x" * 10_000] * 100)) as server:
        with pytest.raises(Lost):
            await asked(wire, server)


async def test_a_body_without_an_end_ends_with_the_connection(wire):
    """HTTP/1.0, and old servers: there is no telling whether it is whole."""
    async with serving(says(b"HTTP/1.0 200 OK\r\n\r\n" + BODY, then="close")) as server:
        assert (await asked(wire, server))[1] == BODY


@pytest.mark.parametrize("status", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
async def test_what_comes_before_the_answer_is_not_the_answer(wire, status):
    early = b"HTTP/1.1 " + status + b"\r\nLink: </x>\r\n\r\n"
    async with serving(says(early, early, 0.02, GOOD)) as server:
        answer, body = await asked(wire, server)
    assert (answer.status, body) == (200, BODY)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(wire, status):
    """Our key would go with it, to wherever it says."""
    async with serving(says(GOOD)) as other:
        location = f"HTTP/1.1 {status} Go\r\nLocation: {other.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(says(location)) as server:
            answer, _ = await asked(wire, server)
        assert answer.status == status
        assert other.requests == []


async def test_a_compressed_answer_passes_as_it_is(wire):
    """It was not asked for, and a small one could hold a huge one."""
    packed = gzip.compress(b"x" * 10_000_000)
    head = JSON + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with serving(says(head + packed)) as server:
        answer, body = await asked(wire, server)
    assert body == packed
    assert answer.headers["content-encoding"] == "gzip"


async def test_cookies_are_not_kept(wire):
    async with serving(says(GOOD.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=1; Path=/\r\n\r\n", 1))) as server:
        for _ in range(2):
            await asked(wire, server)
    assert not any(b"cookie" in request.lower() for request in server.requests)


async def test_bytes_after_an_answer_are_never_the_next_answer(wire):
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    async with serving(says(GOOD + evil)) as server:
        for _ in range(4):
            try:
                _, body = await asked(wire, server)
            except Lost:
                continue
            assert body == BODY
            await asyncio.sleep(0.02)


async def test_an_idle_connection_is_let_go_before_the_server_does(wire, monkeypatch):
    """A call into a connection that is being closed may or may not have been taken."""
    assert pool.IDLE_S["http"] < 5
    monkeypatch.setitem(pool.IDLE_S, "http", 0.1)
    short = Wire(connect_s=1, first_byte_s=1, idle_s=1, total_s=5)
    async with serving(says(GOOD)) as server:
        await asked(short, server)
        await asyncio.sleep(0.5)
        await asked(short, server)
        assert server.connections == 2
    await short.close()


async def test_many_at_once():
    patient = Wire(connect_s=30, first_byte_s=30, idle_s=30, total_s=60)
    async with serving(says(0.2, GOOD)) as server:
        answers = await asyncio.gather(*(asked(patient, server, streams=False) for _ in range(200)))
    assert all(body == BODY for _, body in answers)
    await patient.close()


async def test_a_document_is_fetched_whole_or_not_at_all(wire):
    async with serving(says(GOOD)) as server:
        assert (await wire.get(server.url, {}, 100))[::2] == (200, BODY)
        with pytest.raises(UpstreamError, match="larger"):
            await wire.get(server.url, {}, len(BODY) - 1)
        assert (await wire.get(server.url, {}, len(BODY)))[2] == BODY


async def test_a_document_may_have_moved_and_not_in_circles(wire):
    async with serving(says(GOOD)) as other:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {other.url}/there\r\nContent-Length: 0\r\n\r\n".encode()
        circle = b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"
        async with serving(says(moved)) as server:
            assert (await wire.get(server.url, {"If-None-Match": "x"}, 100))[2] == BODY
            assert other.requests[0].startswith(b"GET /there HTTP/1.1\r\n")
            assert (await wire.get(server.url, {}, 100, follow=False))[0] == 302
            assert len(other.requests) == 1
        async with serving(says(circle)) as server:
            with pytest.raises(UpstreamError, match="somewhere else"):
                await wire.get(server.url, {}, 100)
            assert len(server.requests) == 6


async def test_a_document_is_not_followed_to_another_host(wire):
    """Whoever writes a feed could have us ask our own network, such as a cloud's metadata."""
    async with serving(says(GOOD)) as other:
        there = other.url.replace("127.0.0.1", "localhost")
        moved = f"HTTP/1.1 302 Found\r\nLocation: {there}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with serving(says(moved)) as server:
            with pytest.raises(UpstreamError, match="another host"):
                await wire.get(server.url, {}, 100)
        assert other.requests == []


async def test_a_document_is_not_asked_for_at_an_address_of_the_link(wire, monkeypatch):
    """It is the address at the other end that counts: what a name is said to be may be another one each time."""
    monkeypatch.setattr(connection, "link_local", lambda address: address == "127.0.0.1")
    async with serving(says(GOOD)) as server:
        there = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(Unreached, match="address of the link"):
            await wire.get(there, {}, 100)
        assert (server.connections, server.requests) == (1, [])
        assert (await wire.get(there, {}, 100, follow=False))[2] == BODY, "a page of an engine of one's own"
        with pytest.raises(Unreached, match="address of the link"):
            await wire.get(there, {}, 100)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "there", [b"http://[bad/", b"http://\xe2\x84\x80.de/", b"/caf\xe9", b"/caf\xc3\xa9", b"ftp://a/"]
)
async def test_a_document_that_moved_to_nowhere_is_an_error_of_the_wire(wire, there):
    moved = b"HTTP/1.1 302 Found\r\nLocation: " + there + b"\r\nContent-Length: 0\r\n\r\n"
    async with serving(says(moved)) as server:
        with pytest.raises(UpstreamError):
            await wire.get(server.url, {}, 100)


@pytest.mark.parametrize("name", [*LOST, *BROKEN])
async def test_a_document_from_a_hostile_server_is_an_error_and_nothing_else(wire, name):
    async with serving((LOST | BROKEN)[name]) as server:
        with pytest.raises(UpstreamError):
            await wire.get(server.url, {}, 1000)
