"""One connection of a caller, without a network: what is answered, in which order, and how it ends."""

import asyncio
import logging

import pytest
from inside import GET, LAST, POST, Caller, echo, eventually, quiet

from gateway.front.connection import LINGER_S, WAITING_MAX

BROKEN = b"GET / HTTP/1.1\r\nHost : x\r\n\r\n"
OFFER = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"


def in_s(caller):
    """In how many seconds it would be ended."""
    return caller.connection.deadline - asyncio.get_running_loop().time()


def statuses(caller):
    return [status for status, _, _ in caller.answers]


async def test_requests_that_came_together_are_answered_in_order():
    caller = Caller()
    await caller.say(b"".join(GET.replace(b"/a", b"/%d" % n) for n in range(20)))
    assert [e.path for e in caller.begun] == [f"/{n}" for n in range(20)]
    assert statuses(caller) == [200] * 20
    assert caller.transport.reading
    assert not caller.transport.closed


async def test_one_is_answered_after_the_other_and_nothing_is_read_meanwhile():
    free, at_work = asyncio.Event(), []

    async def handle(exchange):
        at_work.append(exchange)
        assert len(at_work) == 1
        await free.wait()
        at_work.remove(exchange)
        await echo(exchange)

    caller = Caller(handle)
    await caller.say(GET * 3)
    assert len(caller.begun) == 1
    assert not caller.transport.reading
    free.set()
    await caller.settle()
    assert statuses(caller) == [200] * 3
    assert caller.transport.reading


async def test_of_ten_thousand_requests_at_once_only_some_may_wait():
    """Each takes forty times the memory that its bytes do."""
    free = asyncio.Event()

    async def handle(exchange):
        await free.wait()
        await echo(exchange)

    caller = Caller(handle)
    with quiet():
        await caller.say(GET * 10_000)
        assert len(caller.connection._waiting) == WAITING_MAX
        free.set()
        await caller.settle()
    assert statuses(caller) == [200] * (WAITING_MAX + 1) + [400]
    assert caller.transport.ended


async def test_what_is_no_http_is_answered_once_and_then_not_read():
    caller = Caller()
    await caller.say(BROKEN)
    await caller.say(GET)
    await caller.say(BROKEN)
    assert statuses(caller) == [400]
    assert not caller.begun
    assert caller.transport.ended
    assert LINGER_S - 1 < in_s(caller) <= LINGER_S
    caller.connection.abort()
    assert caller.transport.closed == "aborted"


async def test_what_came_before_is_answered_before_it_is_refused():
    caller = Caller()
    await caller.say(GET * 3 + BROKEN + GET)
    assert statuses(caller) == [200, 200, 200, 400]
    assert caller.transport.ended


async def test_a_body_at_fault_is_refused_by_whoever_reads_it():
    caller = Caller()
    await caller.say(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc")
    assert statuses(caller) == [400]
    assert caller.answers[0][1]["connection"] == "close"
    assert caller.transport.ended


@pytest.mark.parametrize(
    "rest", [b"Transfer-Encoding: gzip\r\n\r\n", b"Transfer-Encoding: chun\xe2\x84\xaaed\r\n\r\n", b"x\r\n\r\n"]
)
async def test_an_offer_that_is_no_http_is_refused(rest):
    caller = Caller()
    with quiet():
        await caller.say(POST + OFFER + rest)
    assert statuses(caller) == [400]


async def test_a_request_answered_before_all_of_it_is_here_ends_the_connection():
    """Its rest is never taken for another."""

    async def handle(exchange):
        await exchange.respond(413, {}, b"")

    caller = Caller(handle)
    await caller.say(POST + b"Content-Length: 1000\r\n\r\n" + GET)
    await caller.say(GET)
    assert statuses(caller) == [413]
    assert caller.answers[0][1]["connection"] == "close"
    assert caller.transport.ended


async def test_what_is_sent_into_an_answer_that_has_begun_is_not_kept():
    go = asyncio.Event()

    async def handle(exchange):
        await exchange.start(200, {})
        await go.wait()
        await exchange.finish()

    caller = Caller(handle)
    await caller.say(POST + b"Content-Length: 10000000\r\n\r\n")
    for _ in range(20):
        await caller.say(b"x" * 65536)
    assert not sum(map(len, caller.begun[0]._parts))
    go.set()
    await caller.settle()
    assert statuses(caller) == [200]
    assert caller.transport.ended


@pytest.mark.parametrize("ask", [GET, GET.replace(b"GET", b"HEAD"), POST + b"Content-Length: 9\r\n\r\n"])
async def test_a_fault_of_ours_is_said_and_logged(ask, caplog):
    async def handle(exchange):
        raise LookupError("a secret")

    caller = Caller(handle)
    with caplog.at_level(logging.ERROR):
        await caller.say(ask + LAST)
    assert "unhandled error" in caplog.text
    status, headers, body = caller.answers[0]
    assert (status, headers["connection"]) == (500, "close")
    assert b"secret" not in body
    assert bool(body) == (b"HEAD" not in ask)
    assert len(caller.begun) == 1
    assert caller.transport.ended or caller.transport.closed == "closed", "an abort would take the answer with it"


async def test_a_fault_of_ours_within_an_answer_breaks_it_off(caplog):
    async def handle(exchange):
        await exchange.start(200, {})
        await exchange.write(b"some")
        raise LookupError

    caller = Caller(handle)
    await caller.say(GET)
    assert caller.transport.closed == "aborted"
    assert not caller.transport.sent.endswith(b"0\r\n\r\n")
    assert "unhandled error" in caplog.text


@pytest.mark.parametrize("part", [b"", b"some"])
async def test_an_answer_that_was_never_ended_is_broken_off(part):
    async def handle(exchange):
        if part:
            await exchange.start(200, {})
            await exchange.write(part)

    caller = Caller(handle)
    await caller.say(GET * 2)
    assert caller.transport.closed == "aborted"
    assert len(caller.begun) == 1


async def test_a_handler_that_was_cancelled_breaks_off():
    async def handle(exchange):
        await asyncio.Event().wait()

    caller = Caller(handle)
    with quiet():
        await caller.say(GET)
        task = caller.connection.task
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert caller.transport.closed == "aborted"


@pytest.mark.parametrize("cancels", [False, True])
async def test_whoever_works_for_the_caller_alone_stops_when_it_leaves(cancels):
    ended = []

    async def handle(exchange):
        if cancels:
            exchange.may_leave()
        try:
            await asyncio.sleep(0.05)
            ended.append("done")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    caller = Caller(handle)
    with quiet():
        await caller.say(GET * 2)
        caller.hang_up(ConnectionResetError())
        await eventually(lambda: ended)
        await caller.settle()
    assert ended == ["cancelled" if cancels else "done"]
    assert len(caller.begun) == 1
    assert caller.lost == [caller.connection]


async def test_a_body_whose_caller_has_left_does_not_come():
    failed = []

    async def handle(exchange):
        try:
            await exchange.body(bytes_max=100, stall_s=60)
        except ConnectionResetError:
            failed.append(exchange)
            raise

    caller = Caller(handle)
    with quiet():
        await caller.say(POST + b"Content-Length: 5\r\n\r\nhel")
        caller.hang_up()
        await caller.settle()
    assert failed == caller.begun
    assert not caller.transport.sent


async def test_a_reset_just_before_the_end_is_no_fault():
    """The event loop of the standard library raises it."""

    def write_eof():
        raise OSError(107, "Transport endpoint is not connected")

    caller = Caller()
    caller.transport.write_eof = write_eof
    with quiet():
        await caller.say(BROKEN)
    assert statuses(caller) == [400]
