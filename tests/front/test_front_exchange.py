"""One request and its answer: the body as it comes, and answers that mean to others what was said."""

import asyncio
from sys import getsizeof

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inside import GET, POST, Caller, echo, eventually, quiet, read_all

from gateway.core.errors import BadRequest, BodyTooLarge, UnsupportedEncoding
from gateway.front.exchange import Exchange

GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
LENGTH = POST + b"Content-Length: 5\r\n"
BODILESS = {204, 304}


async def body_of(raw, *later, bytes_max=100, stall_s=60.0):
    """What the handler got, as bytes or as an error, and what was sent."""
    got = []

    async def handle(exchange):
        try:
            got.append(await exchange.body(bytes_max=bytes_max, stall_s=stall_s))
        except Exception as error:  # noqa: BLE001
            got.append(type(error))
            raise ConnectionResetError from None

    caller = Caller(handle)
    await caller.say(raw)
    for part in later:
        await caller.say(part)
    await eventually(lambda: got)
    sent = bytes(caller.transport.sent)
    caller.hang_up()
    return got[0], sent


async def test_a_body_may_come_with_the_head_or_behind_it():
    assert await body_of(LENGTH + b"\r\nhello") == (b"hello", b"")
    assert await body_of(LENGTH + b"\r\n", b"he", b"llo") == (b"hello", b"")
    assert await body_of(GET) == (b"", b"")


@pytest.mark.parametrize("how", [b"\r\nhello", b"\r\n"])
async def test_a_body_over_the_limit_is_refused_before_it_is_kept(how):
    assert await body_of(LENGTH + how, bytes_max=4) == (BodyTooLarge, b"")


async def test_chunks_over_the_limit_are_refused_before_they_end():
    chunks = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    assert await body_of(chunks, b"5\r\nhello\r\n", bytes_max=4) == (BodyTooLarge, b"")
    assert await body_of(chunks, b"5\r\nhello\r\n0\r\n\r\n", bytes_max=5) == (b"hello", b"")


async def test_a_body_in_tiny_pieces_takes_no_more_memory_than_another():
    exchange, size = Exchange(None, "POST", "/", "", {}, http11=True, keep_alive=True), 0
    for part in [b"whole", *[b"ab"] * 10_000, b"x" * 5000, *[b"c"] * 10_000]:
        exchange.feed(part)
        size += len(part)
    assert sum(map(getsizeof, exchange._parts)) < 1.3 * size
    exchange.end()
    exchange.kept = size
    assert await exchange.body(bytes_max=size, stall_s=1) == b"whole" + b"ab" * 10_000 + b"x" * 5000 + b"c" * 10_000


async def test_a_body_that_stalls_is_refused():
    assert await body_of(LENGTH + b"\r\nhe", stall_s=0.01) == (BadRequest, b"")


async def test_trailers_that_drip_are_no_body():
    """They do not buy more time."""
    got = []

    async def handle(exchange):
        with pytest.raises(BadRequest):
            await exchange.body(bytes_max=100, stall_s=0.2)
        got.append(exchange)
        await exchange.respond(400, {}, b"")

    caller = Caller(handle)
    await caller.say(POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: ")
    for _ in range(1000):
        if got:
            return
        await caller.say(b"x")
        await asyncio.sleep(0.01)
    raise AssertionError


@pytest.mark.parametrize(
    ("coding", "taken"), [("gzip", False), ("identity, gzip", False), ("Identity", True), ("identity \t", True)]
)
async def test_only_a_plain_body_is_taken(coding, taken):
    got, _ = await body_of(LENGTH + f"Content-Encoding: {coding}\r\n\r\nhello".encode())
    assert got == (b"hello" if taken else UnsupportedEncoding)


@pytest.mark.parametrize("expect", [b"100-continue", b"100-Continue", b"100-continue "])
async def test_whoever_asks_first_is_told_to_go_on(expect):
    head = LENGTH + b"Expect: %b\r\n\r\n" % expect
    assert await body_of(head, b"hello") == (b"hello", GO_ON)
    assert await body_of(head + b"hello") == (b"hello", b""), "it did not wait for the word"
    assert await body_of(head, bytes_max=4) == (BodyTooLarge, b"")


async def test_http_1_0_and_other_expectations_are_not_answered():
    head = LENGTH + b"Expect: 100-continue\r\n\r\n"
    assert await body_of(head.replace(b"1.1", b"1.0"), b"hello") == (b"hello", b"")
    assert await body_of(head.replace(b"100-", b"x"), b"hello") == (b"hello", b"")


async def test_nobody_is_told_to_go_on_before_its_turn():
    free = asyncio.Event()

    async def handle(exchange):
        await free.wait()
        await echo(exchange)

    caller = Caller(handle)
    await caller.say(GET + LENGTH + b"Expect: 100-continue\r\n\r\n")
    assert not caller.transport.sent
    free.set()
    await caller.settle()
    assert caller.transport.sent.endswith(GO_ON)
    assert caller.transport.sent.startswith(b"HTTP/1.1 200 OK\r\n")
    await caller.say(b"hello")
    assert len(caller.whole) == 2


values = st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f", codec="utf-8"), max_size=30)
breaking = st.lists(st.sampled_from(["a", "\r\n", "\r", "\n", "\0", "x: y"]), max_size=5).map("".join)
headers = st.dictionaries(st.from_regex(r"\AX-[A-Za-z0-9!#]{1,8}\Z"), values | breaking, max_size=5)
statuses = st.sampled_from([200, 201, 204, 206, 304, 400, 404, 413, 429, 500, 503, 299, 599]) | st.integers(200, 999)
parts = st.lists(st.binary(max_size=300) | st.just(b"x" * 70_000) | st.just(b"HTTP/1.1 200 OK\r\n\r\n"), max_size=4)


@settings(max_examples=100, deadline=None)
@given(
    status=statuses,
    headers=headers,
    parts=parts,
    streamed=st.booleans(),
    method=st.sampled_from(["GET", "HEAD"]),
    version=st.sampled_from(["1.1", "1.0", "1.0\r\nConnection: keep-alive"]),
)
async def test_an_answer_is_read_as_it_was_said(*, status, headers, parts, streamed, method, version):
    async def handle(exchange):
        if not streamed:
            await exchange.respond(status, headers, b"".join(parts))
            return
        await exchange.start(status, headers)
        for part in parts:
            await exchange.write(part)
        await exchange.finish()

    caller = Caller(handle)
    with quiet():
        await caller.say(f"{method} / HTTP/{version}\r\nHost: x\r\n\r\n".encode())
    sent = bytes(caller.transport.sent)
    body = b"" if method == "HEAD" or status in BODILESS else b"".join(parts)
    said = {name.lower(): clean(value) for name, value in headers.items()}
    ((got, fields, read),) = read_all(sent, [method])
    assert (got, read) == (status, body)
    assert {name: fields[name].strip(" \t\r\n") for name in said} == {n: v.decode("latin-1") for n, v in said.items()}
    if version == "1.1":
        assert by_h11(method, sent) == (status, said, body)
        assert not caller.transport.closed
    if status in BODILESS:
        assert not {"transfer-encoding", "content-length"} & set(fields)
    stays = "connection" not in fields if version == "1.1" else fields["connection"] == "keep-alive"
    assert stays == (not caller.transport.closed)
    assert caller.transport.closed in {"", "closed"}


def clean(value):
    return "".join(" " if c in "\r\n\0" else c for c in value).strip(" \t").encode()


def by_h11(method, raw):
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    head, body = client.next_event(), b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert client.trailing_data == (b"", False)
    fields = {name.decode(): value for name, value in head.headers if name.startswith(b"x-")}
    return head.status_code, fields, body


async def test_an_answer_of_204_in_a_stream_is_not_followed_by_chunks():
    """They would be taken for the next answer."""

    async def handle(exchange):
        await exchange.start(204, {})
        await exchange.write(b"x")
        await exchange.finish()

    caller = Caller(handle)
    await caller.say(GET * 2)
    assert [(status, body) for status, _, body in caller.answers] == [(204, b"")] * 2


async def test_whoever_has_left_is_told_nothing():
    exchanges = []

    async def handle(exchange):
        exchanges.append(exchange)
        await asyncio.Event().wait()

    caller = Caller(handle)
    await caller.say(GET)
    task = caller.connection.task
    caller.hang_up()
    (exchange,) = exchanges
    with pytest.raises(ConnectionResetError):
        exchange.may_leave()
    with pytest.raises(ConnectionResetError):
        await exchange.respond(200, {}, b"")
    with pytest.raises(ConnectionResetError):
        await exchange.start(200, {})
    task.cancel()
    await asyncio.wait([task])
