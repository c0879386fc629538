"""Callers that read slowly or never, without a network, and the clock that runs for them."""

import asyncio
import contextlib

import pytest
from inside import GET, LAST, Caller, echo, eventually, quiet

from gateway.front import connection as module
from gateway.front.connection import IDLE_S


def in_s(caller):
    """In how many seconds it would be ended."""
    return caller.connection.deadline - asyncio.get_running_loop().time()


class Slow:
    """A caller that reads nothing until it is told to, at a connection that waits only this long."""

    def __init__(self, monkeypatch, wait_s=0.1):
        monkeypatch.setattr(module, "WRITE_S_MAX", wait_s)
        self.failed = []
        self.caller = Caller(self.handle)

    async def handle(self, exchange):
        self.caller.transport.unsent = 100_000
        self.caller.connection.pause_writing()
        with contextlib.suppress(ConnectionResetError):
            await exchange.respond(200, {}, b"x" * 100_000)
            return
        self.failed.append(exchange)
        raise ConnectionResetError

    def read(self):
        """Some of it, whenever somebody looks."""
        self.caller.transport.unsent -= 10_000
        if not self.caller.transport.unsent:
            self.caller.connection.resume_writing()
        return self.caller.transport.unsent


async def test_a_caller_that_never_reads_is_cut_off(monkeypatch):
    slow = Slow(monkeypatch)
    with quiet():
        await slow.caller.say(GET * 2)
        await eventually(lambda: slow.failed)
        await slow.caller.settle()
    assert slow.caller.transport.closed == "aborted"
    assert len(slow.caller.begun) == 1


async def test_a_caller_that_reads_slowly_is_not(monkeypatch):
    """Only one that reads nothing at all for so long."""
    slow = Slow(monkeypatch, 0.01)
    slow.caller.transport.get_write_buffer_size = slow.read
    await slow.caller.say(GET)
    await eventually(lambda: slow.caller.whole)
    assert not slow.caller.transport.closed


async def test_a_caller_that_leaves_while_we_wait_for_it_fails_the_answer(monkeypatch):
    slow = Slow(monkeypatch, 60)
    with quiet():
        await slow.caller.say(GET)
        slow.caller.hang_up()
        await slow.caller.settle()
    assert slow.failed


async def test_a_caller_that_left_unread_answers_is_not_waited_for(monkeypatch):
    slow = Slow(monkeypatch, 60)
    with quiet():
        await slow.caller.say(GET)
        slow.caller.hang_up()
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(10):
                await slow.caller.connection.drained()


@pytest.mark.parametrize("ask", [LAST, GET.replace(b"1.1", b"1.0")])
async def test_an_end_that_is_never_read_is_not_waited_for_long(ask):
    """Closing waits for what is still to be written, and nobody else would look at it again."""

    async def handle(exchange):
        await exchange.respond(200, {}, b"x")
        caller.transport.unsent = 1000

    caller = Caller(handle)
    caller.hang_up = lambda: None  # It is closing, and cannot end.
    await caller.say(ask)
    assert caller.transport.closed == "closed"
    assert in_s(caller) <= module.WRITE_S_MAX
    caller.connection.connection_lost(None)


async def test_the_clock_runs_for_heads_and_for_idling_and_not_for_answers():
    free = asyncio.Event()

    async def handle(exchange):
        await free.wait()
        await echo(exchange)

    caller = Caller(handle)
    assert 10 < in_s(caller) <= IDLE_S
    await caller.say(GET[:5])
    first = caller.connection.deadline
    assert in_s(caller) <= 10
    await caller.say(GET[5:10])
    assert caller.connection.deadline == first, "a byte now and then does not buy more time"
    await caller.say(GET[10:])
    assert caller.connection.deadline == float("inf")
    free.set()
    await caller.settle()
    assert 10 < in_s(caller) <= IDLE_S
    await caller.say(GET + GET[:5])
    assert in_s(caller) <= 10
