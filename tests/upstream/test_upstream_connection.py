"""The framing, without a network: whatever the cuts, an answer is whole, or it is lost. Never another's, never less."""

import asyncio
import itertools

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.upstream.answer import UNREAD_BYTES_MAX, Patience
from gateway.upstream.connection import HEAD_BYTES_MAX, Connection
from gateway.upstream.errors import Lost, Unreached

PATIENCE = Patience(head=60, idle=60, total=60)


class Transport:
    """What a connection does to its transport."""

    def __init__(self):
        self.sent = b""
        self.closed = ""
        self.reading = True
        self.unsent = 0

    def writelines(self, parts):
        self.sent += b"".join(parts)

    def is_closing(self):
        return bool(self.closed)

    def close(self):
        self.closed = self.closed or "closed"

    def abort(self):
        self.closed = self.closed or "aborted"

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True

    def get_extra_info(self, name):
        return {"socket": self}.get(name)

    def fileno(self):
        return 0

    def get_write_buffer_size(self):
        return self.unsent


class Line:
    """One connection, one call sent on it."""

    def __init__(self):
        self.freed = []
        self.transport = Transport()
        self.connection = Connection(
            asyncio.get_running_loop(), memoryview(bytearray(100)), lambda *said: self.freed.append(said[2])
        )
        self.connection.connection_made(self.transport)
        self.answer = self.ask()

    def ask(self):
        return self.connection.ask(b"HEAD ", b"BODY", PATIENCE)

    def hear(self, raw, cuts=()):
        """These bytes, cut there; whatever comes after the connection has closed is not heard."""
        edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(raw)}), len(raw)]
        for start, end in itertools.pairwise(edges):
            if self.transport.closed:
                return
            self.connection.data_received(raw[start:end])

    def hang_up(self, error=None):
        self.transport.close()
        self.connection.connection_lost(error)


async def outcome(answer):
    """Body, or Lost. Nothing here waits."""
    try:
        async with asyncio.timeout(1):
            await answer.head()
            return await answer.read()
    except Lost:
        return Lost


bodies = st.binary(max_size=300)
interims = st.lists(
    st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"])
)
cut_lists = st.lists(st.integers(0, 1500), max_size=12)


@st.composite
def chunked(draw, body):
    """The body in chunks of any sizes, perhaps with an extension or a trailer."""
    left, raw = body, b""
    while left:
        size = draw(st.integers(1, len(left)))
        extension = draw(st.sampled_from([b"", b";a=b", b';c="d e"']))
        raw += b"%x%b\r\n%b\r\n" % (size, extension, left[:size])
        left = left[size:]
    return raw + b"0\r\n" + draw(st.sampled_from([b"", b"x-sum: 1\r\n"])) + b"\r\n"


@st.composite
def answers(draw, framings=("length", "chunks", "close")):
    """Raw bytes of a good answer, its body, and how it ends."""
    body, framing = draw(bodies), draw(st.sampled_from(framings))
    head = b"HTTP/1.1 %d OK\r\nX-A: 1\r\nx-a: 2\r\n" % draw(st.sampled_from([200, 201, 400, 429, 500]))
    if framing == "length":
        raw = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == "chunks":
        raw = head + b"Transfer-Encoding: chunked\r\n\r\n" + draw(chunked(body))
    else:
        raw = head + b"\r\n" + body
    return b"".join(draw(interims)) + raw, body, framing


@given(answers(), cut_lists)
@settings(max_examples=300)
async def test_a_good_answer_is_whole_however_it_is_cut(answer, cuts):
    raw, body, framing = answer
    line = Line()
    line.hear(raw, cuts)
    if framing == "close":
        assert line.freed == []
        line.hang_up()
    assert await outcome(line.answer) == body
    assert line.answer.headers["x-a"] == "1, 2"
    assert (line.freed == [None]) == (framing != "close")
    assert line.transport.sent == b"HEAD BODY"


@given(answers(("length", "chunks")), cut_lists, st.integers(0, 10**6), st.booleans())
@settings(max_examples=300)
async def test_an_answer_that_is_cut_short_is_lost(answer, cuts, at, reset):
    raw, _, _ = answer
    line = Line()
    line.hear(raw[: at % len(raw)], cuts)
    assert line.freed == []
    line.hang_up(ConnectionResetError() if reset else None)
    assert await outcome(line.answer) is Lost


@given(answers(("length", "chunks")), st.binary(min_size=1, max_size=80), cut_lists)
@settings(max_examples=200)
async def test_what_follows_an_answer_ends_the_connection(answer, surplus, cuts):
    """Nobody asked for it, and it is not what the next call will be answered."""
    raw, body, _ = answer
    line = Line()
    line.hear(raw + surplus, [cut for cut in cuts if cut < len(raw)])
    assert await outcome(line.answer) == body
    assert line.transport.closed or not surplus.strip(b"\r\n")
    assert line.freed == [] or not surplus.strip(b"\r\n")


@given(answers(), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=4), cut_lists)
@settings(max_examples=500)
async def test_a_damaged_answer_is_an_answer_or_lost_and_nothing_else(answer, damage, cuts):
    raw = bytearray(answer[0])
    for at, byte in damage:
        raw[at % len(raw)] = byte
    line = Line()
    line.hear(bytes(raw), cuts)
    line.hang_up()
    found = await outcome(line.answer)
    assert found is Lost or isinstance(found, bytes)
    if line.freed:
        assert isinstance(found, bytes)


@given(st.binary(max_size=400), cut_lists)
async def test_garbage_is_lost(raw, cuts):
    line = Line()
    line.hear(raw, cuts)
    line.hang_up()
    assert await outcome(line.answer) is Lost
    assert line.freed == []


async def test_one_answer_after_the_other():
    line = Line()
    for number in range(5):
        answer = line.answer if number == 0 else line.ask()
        line.hear(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number)
        assert await outcome(answer) == b"%d" % number
    assert len(line.freed) == 5


async def test_unread_answers_pause_only_their_own_connection_time():
    """An answer that is whole and not yet read no longer touches the connection, which has a new call by then."""
    line = Line()
    body = b"x" * (UNREAD_BYTES_MAX + 1)
    line.hear(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), ())
    line.connection.data_received(body[:-1])
    assert line.transport.reading, "so much is allowed"
    line.connection.data_received(body[-1:])
    assert line.transport.reading, "it is whole: the connection is free"
    second = line.ask()
    line.hear(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + body)
    assert not line.transport.reading
    assert await outcome(line.answer) == body
    assert not line.transport.reading, "this is the second answer's pause"
    assert await second.next_chunk() == body
    assert line.transport.reading


async def test_a_reader_with_something_else_to_wait_for_pauses_the_provider_at_once():
    """A caller that is slow: nothing piles up here meanwhile."""
    line, took = Line(), []
    line.hear(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ())
    reading = asyncio.create_task(line.answer.each(lambda part: bool(took.append(part))))
    await asyncio.sleep(0)
    line.connection.data_received(b"abc")
    assert await reading
    assert not line.transport.reading
    reading = asyncio.create_task(line.answer.each(lambda part: took.append(part) is None))
    await asyncio.sleep(0)
    assert line.transport.reading
    line.connection.data_received(b"defghi")
    assert not await reading
    assert took == [b"abc", b"defghi"]


async def test_what_its_reader_raises_is_raised_once_and_another_takes_the_rest():
    """As where a caller has left, and others listen."""
    line, took = Line(), []
    line.hear(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", ())
    reading = asyncio.create_task(line.answer.each(lambda _: {}["gone"]))
    await asyncio.sleep(0)
    line.connection.data_received(b"abc")
    with pytest.raises(KeyError):
        await reading
    reading = asyncio.create_task(line.answer.each(lambda part: took.append(part) is None))
    await asyncio.sleep(0)
    line.connection.data_received(b"defghi")
    assert not await reading
    assert took == [b"defghi"]


SPOILED = {
    "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a folded header": b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 0\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "a null": b"HTTP/1.1 200 OK\r\nX-A: \x00\r\nContent-Length: 0\r\n\r\n",
    "a length of words": b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n12345",
    "a length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n12345",
    "two lengths in one": b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n12345",
    "a length beyond 64 bits": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "a chunk beyond 64 bits": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff1\r\n",
    "a chunk with a sign": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\n12345\r\n0\r\n\r\n",
    "a chunk in 0x": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\n12345\r\n0\r\n\r\n",
    "chunks with bare line feeds": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\n12345\n0\n\n",
    "a flood of interim answers": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 2_000,
    "a flood of trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 20_000,
    "one endless trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: " + b"b" * 100_000,
    "an endless chunk extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=" + b"b" * 100_000,
}


@pytest.mark.parametrize("name", SPOILED)
@pytest.mark.parametrize("step", [1_000, 10**9], ids=["in pieces", "at once"])
async def test_spoiled_framing_is_lost_at_once(name, step):
    line = Line()
    raw = SPOILED[name]
    line.hear(raw, range(0, len(raw), step))
    assert line.transport.closed == "aborted"
    assert await outcome(line.answer) is Lost


async def test_a_body_may_be_longer_than_any_head():
    line = Line()
    body = b"x" * (3 * HEAD_BYTES_MAX)
    line.hear(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body), [90])
    assert await outcome(line.answer) == body


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_a_body_has_none(status):
    line = Line()
    line.hear(b"HTTP/1.1 %d No\r\n\r\n" % status)
    assert (await outcome(line.answer), line.freed) == (b"", [None])


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 200 OK\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive\r\n", True),
        (b"HTTP/1.0 200 OK\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
async def test_a_connection_is_kept_if_the_provider_keeps_it(head, kept):
    line = Line()
    line.hear(head + b"Keep-Alive: timeout=7\r\nContent-Length: 2\r\n\r\nok")
    assert await outcome(line.answer) == b"ok"
    assert line.freed == (["timeout=7"] if kept else [])
    assert line.transport.closed == ("" if kept else "closed")


async def test_an_answer_before_the_question_was_sent_ends_the_connection():
    """A provider that refuses a body does not read it: the rest would be taken for the next call."""
    line = Line()
    line.transport.unsent = 1
    line.hear(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
    assert await outcome(line.answer) == b"no"
    assert (line.freed, line.transport.closed) == ([], "aborted")


async def test_bytes_that_nobody_asked_for_end_the_connection():
    line = Line()
    line.hear(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    line.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    assert line.transport.closed == "aborted"
    with pytest.raises(Unreached):
        line.ask()


async def test_what_comes_after_hanging_up_is_forgotten():
    line = Line()
    line.hear(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    line.answer.close()
    assert line.transport.closed == "aborted"
    line.connection.data_received(b"defghij")
    line.connection.connection_lost(None)
    assert line.freed == []
    assert line.connection.ended.done()


async def test_a_connection_that_ended_takes_no_call():
    line = Line()
    line.hang_up()
    with pytest.raises(Unreached):
        line.ask()


def test_the_parser_is_the_strict_one():
    """A leniency that a new version switches on by itself would be seen here first."""
    parser = httptools.HttpResponseParser(object())
    with pytest.raises(httptools.HttpParserError):
        parser.feed_data(SPOILED["length and chunks"])
