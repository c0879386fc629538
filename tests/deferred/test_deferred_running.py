"""Sending calls that have time: none is asked twice under one name, and none is forgotten."""

import asyncio
from collections import Counter
from contextlib import suppress
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from gateway.core.caller import Caller
from gateway.core.money import ZERO, Money
from gateway.core.request import Asked
from gateway.deferred.asking import Answer
from gateway.deferred.choosing import Offer, Way
from gateway.deferred.record import Later, Place, State
from gateway.deferred.running import Running
from gateway.deferred.settling import Found
from gateway.deferred.shelf import NotKept, Shelf
from gateway.journey.refused import ProviderRefused
from gateway.upstream.errors import Lost

ACCEPTED, SWITCH, DEADLINE = 1000.0, 1000.1, 1100.0
LATER = Later("later_a_1", Caller(key_id="k"), "openai-chat", "m", Asked(b""), {}, ACCEPTED, DEADLINE)
YES = Answer(200, {}, b"Yes.")
NO, NOT_NOW = ProviderRefused(400, {}, b"No."), ProviderRefused(503, {}, b"Not now.")
PATIENCE_S = 20


class Stage:
    """A call that an idle machine could answer, and all around it. What is asked at once comes to `outcomes`, one after
    the other; the idle machine says nothing before, and then fails."""

    def __init__(self, shelf):
        self.shelf = shelf
        self.outcomes = []
        self.asked = []
        self.ended = asyncio.Queue()
        self.now = ACCEPTED
        self.busy = asyncio.Event()  # The idle machine has been asked.
        self.at_once = asyncio.Event()  # It is asked at once,
        self.answers_after = asyncio.Event()  # and answered once this has come.
        self.answers_after.set()
        self.ways = tuple(Offer(way, "own/m", "own", ZERO) for way in (Way.SYNC, Way.IDLE))
        self.lanes = SimpleNamespace(
            resume=self._nothing,
            due=lambda _: (),
            full=lambda: (),
            collect=self._nothing,
            cancel=self._nothing,
        )

    async def end(self):
        """The way and the state in which it ended."""
        asking = SimpleNamespace(answer=self._answer, call=lambda *_: None, key=lambda *_: None)
        running = Running(
            self.shelf,
            asking,
            SimpleNamespace(ours=Counter(), of=self._of),
            self.lanes,
            asyncio.Event(),
            clock=lambda: self.now,
            ended=lambda way, state: self.ended.put_nowait((way, state)),
            margin_s=DEADLINE - SWITCH,
            keep_s=60.0,
        )
        task = asyncio.create_task(running.run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self.ended.get()
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _answer(self, later, _, offer):
        self.asked.append((later.request_id, offer.way))
        if offer.way is Way.IDLE:
            self.busy.set()
            await self.at_once.wait()
            raise Lost("It broke off.")
        self.now = max(self.now, SWITCH)
        self.at_once.set()
        await self.answers_after.wait()
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _of(self, *_):
        return SimpleNamespace(offers=self.ways, duration_s=0.0)

    async def _nothing(self, *_):
        pass


@pytest.fixture
async def stage(tmp_path):
    shelf = Shelf(tmp_path / "deferred.db")
    await shelf.add(LATER, b"{}", None, 1)
    yield Stage(shelf)
    await shelf.close()


@pytest.mark.parametrize("error", [NO, Lost("It broke off."), RuntimeError("A bug.")], ids=["no", "lost", "bug"])
async def test_what_failed_at_once_has_failed_though_another_way_failed_beside_it(stage, error):
    stage.outcomes = [error]
    assert await stage.end() == (Way.SYNC, State.FAILED)
    assert stage.asked == [("later_a_1-1", Way.IDLE), ("later_a_1-2", Way.SYNC)]
    kept = await stage.shelf.find(LATER.id)
    assert kept.later.request_ids == ["later_a_1-1", "later_a_1-2"], "the books have both"


async def test_after_both_ways_have_failed_it_is_asked_under_a_new_name(stage, monkeypatch):
    monkeypatch.setattr("gateway.deferred.again.FIRST_WAIT_S", 0.0)
    stage.outcomes = [NOT_NOW, YES]
    assert await stage.end() == (Way.SYNC, State.DONE)
    assert [name for name, _ in stage.asked] == ["later_a_1-1", "later_a_1-2", "later_a_1-3"]


IN_BATCH = replace(
    LATER, state=State.RUNNING, way=Way.BATCH, runs=1, switch_at=ACCEPTED, place=Place("own", "b", "later_a_1-1", "e")
)


async def test_results_that_take_too_long_keep_nobody_waiting_and_are_not_given(stage, monkeypatch):
    monkeypatch.setattr("gateway.deferred.running.SWITCH_S_MAX", 0.01)
    assert await stage.shelf.put(IN_BATCH, due=ACCEPTED, batch="b")
    given = asyncio.Event()

    async def slow(_, give):
        await stage.at_once.wait()
        await give(Found(IN_BATCH, Answer(200, {}, b"From the batch.")))
        given.set()

    stage.lanes.collect, stage.outcomes, stage.answers_after = slow, [YES], given
    assert await stage.end() == (Way.SYNC, State.DONE)
    kept = await stage.shelf.find(LATER.id)
    assert (kept.answer, kept.later.request_ids) == (YES.body, ["later_a_1-1", "later_a_1-2"])
    assert await stage.shelf.in_batch("b") == [], "what the batch did is in the books"


async def test_a_call_that_was_switched_away_from_its_batch_joins_none_again(stage, monkeypatch):
    """It is refused for now; and calls take less time than when it was switched, so that there is some left."""
    monkeypatch.setattr("gateway.deferred.again.FIRST_WAIT_S", 0.0)

    async def gather(later, *_):
        stage.ended.put_nowait((Way.BATCH, later.state))

    stage.lanes.gather = gather
    stage.ways = (Offer(Way.SYNC, "openai/m", "openai", Money(2)), Offer(Way.BATCH, "openai/m", "openai", Money(1)))
    await stage.shelf.put(replace(IN_BATCH, deadline=10 * DEADLINE), due=ACCEPTED, batch="b")
    stage.outcomes = [NOT_NOW, YES]
    assert await stage.end() == (Way.SYNC, State.DONE)
    assert [name for name, _ in stage.asked] == ["later_a_1-2", "later_a_1-3"]


async def test_a_call_that_its_batch_gave_up_before_the_process_died_is_asked_at_once_and_the_crash_counts(stage):
    """It once stood in a batch, and does so no more."""
    given_up = replace(IN_BATCH, way=Way.SYNC, runs=2, given_up=(Way.BATCH, Way.IDLE), switch_at=DEADLINE)
    assert await stage.shelf.put(given_up)
    stage.outcomes = [YES]
    assert await stage.end() == (Way.SYNC, State.DONE)
    assert stage.asked == [("later_a_1-3", Way.SYNC)]
    assert (await stage.shelf.find(LATER.id)).later.crashes == 1


@pytest.mark.parametrize("step", ["find", "body"])
async def test_a_switch_that_meets_a_file_that_is_away_is_made_up_for(stage, monkeypatch, step):
    monkeypatch.setattr("gateway.deferred.shelf.AGAIN_S", 0.0)
    assert await stage.shelf.put(IN_BATCH, batch="b")
    working, failures = getattr(stage.shelf, step), [NotKept("It is another process's.")]

    async def away_once(name):
        if failures:
            raise failures.pop()
        return await working(name)

    monkeypatch.setattr(stage.shelf, step, away_once)
    stage.outcomes = [YES]
    assert await stage.end() == (Way.SYNC, State.DONE)
    assert stage.asked == [("later_a_1-2", Way.SYNC)]


async def test_who_has_no_time_left_is_asked_though_others_have_taken_all_places(stage, monkeypatch):
    monkeypatch.setattr("gateway.deferred.running.AT_ONCE", 1)
    monkeypatch.setattr("gateway.deferred.running.LOOK_EVERY_S", 0.01)
    await stage.shelf.put(LATER, due=SWITCH)
    for number in range(2):
        patient = replace(LATER, id=f"later_b_{number}", caller=Caller(key_id="other"), deadline=10 * DEADLINE)
        await stage.shelf.add(patient, b"{}", None, 2)
    stage.outcomes = [YES]
    ending = asyncio.create_task(stage.end())
    await stage.busy.wait()
    stage.now = SWITCH
    assert await ending == (Way.SYNC, State.DONE)
    assert stage.asked == [("later_b_0-1", Way.IDLE), ("later_a_1-1", Way.SYNC)]
