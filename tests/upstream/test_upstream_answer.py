"""How long an answer is waited for: only the time in which somebody waits for it counts."""

import asyncio

import pytest

from gateway.upstream.answer import Answer, Patience
from gateway.upstream.errors import LostWaiting


class Loop:
    """The running loop, with a clock of its own."""

    def __init__(self):
        self.now = 0.0

    def time(self):
        return self.now

    def create_future(self):
        return asyncio.get_running_loop().create_future()


class Source:
    """Where the bytes come from."""

    due = float("inf")

    def __init__(self):
        self.aborted = False

    def pause(self):
        """Nothing comes by itself."""

    def resume(self):
        """Nothing comes by itself."""

    def abort(self):
        self.aborted = True

    def watch(self, due):
        self.due = due


class Coming:
    """An answer that has begun, of whom at most 60 seconds are waited for, 10 of them in a row."""

    def __init__(self):
        self.loop, self.source = Loop(), Source()
        self.answer = Answer(self.loop, self.source, Patience(head=10, idle=10, total=60))
        self.answer.begin(200, {})

    async def more(self, after_s):
        """What comes after so many seconds in which it is waited for."""
        waiting = asyncio.create_task(self.answer.next_chunk())
        await asyncio.sleep(0)
        self.loop.now += after_s
        self.answer.look()
        if not self.answer.over:
            self.answer.feed(b".")
            self.answer.flush()
        return await waiting


async def test_a_reader_that_is_slow_is_not_its_fault():
    """As a caller may be: what the provider has made by then waits for it."""
    coming = Coming()
    for _ in range(5):
        assert await coming.more(9.0) == b"."
        coming.loop.now += 100.0
    assert coming.loop.now > 500.0
    assert not coming.source.aborted


async def test_all_waits_together_last_so_long_and_no_longer():
    coming = Coming()
    for _ in range(6):
        await coming.more(9.0)
        coming.loop.now += 100.0
    with pytest.raises(LostWaiting):
        await coming.more(7.0)
    assert coming.source.aborted


async def test_one_wait_is_no_longer_than_one_may_be():
    coming = Coming()
    coming.loop.now += 100.0
    with pytest.raises(LostWaiting):
        await coming.more(11.0)


async def test_until_its_head_is_here_all_time_counts():
    loop, source = Loop(), Source()
    answer = Answer(loop, source, Patience(head=10, idle=10, total=60))
    loop.now = 10.0
    waiting = asyncio.create_task(answer.head())
    await asyncio.sleep(0)
    answer.look()
    with pytest.raises(LostWaiting):
        await waiting


async def test_what_a_reader_that_was_cancelled_raised_is_not_the_next_ones():
    """Its caller is lost in the turn of the loop in which a piece comes: others may listen to the rest."""
    coming = Coming()

    def lost(chunk):
        raise ConnectionResetError(chunk)

    first = asyncio.create_task(coming.answer.each(lost))
    await asyncio.sleep(0)
    first.cancel()
    coming.answer.feed(b"one")
    coming.answer.flush()
    with pytest.raises(asyncio.CancelledError):
        await first
    heard = []
    second = asyncio.create_task(coming.answer.each(lambda chunk: heard.append(chunk) or True))
    await asyncio.sleep(0)
    coming.answer.feed(b"two")
    coming.answer.flush()
    coming.answer.end()
    assert await second is False
    assert heard == [b"two"]
