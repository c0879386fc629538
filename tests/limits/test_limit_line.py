"""Waiting in line for room: woken when there may be some, overtaken by nobody, and not longer than wanted."""

import asyncio

import pytest
from memory_store import MemoryStore

from gateway.core.caller import Caller
from gateway.core.errors import LimitReached
from gateway.core.limit import Fare, Limit, Mode, OnReached, Span, Then, Unit
from gateway.core.money import Money
from gateway.limits.accounts import Account
from gateway.limits.chain import REACHES, Limits
from gateway.limits.holds import Refused
from gateway.limits.leases import Leases
from gateway.limits.line import Line

ANN, BOB = Caller(key_id="ann", team="t"), Caller(key_id="bob", team="t")
QUEUE = OnReached(Then.QUEUE, wait_s=5)
CALL = Fare(nanos=10, output_tokens=5)
DONE = Fare(nanos=10, output_tokens=5, concurrent=0)
NOW = 1_800_000_000.0


async def nothing(_names):
    return {}


class Gate:
    """Calls that wait their turn as a journey does."""

    def __init__(self, *limits, store=None, name="r1"):
        loop = asyncio.get_running_loop()
        self.leases = Leases(store or MemoryStore(), name, nothing)
        self.limits = Limits(limits, self.leases, lambda: NOW + loop.time())
        self.done, self.attempts = [], 0

    async def call(self, name, caller=ANN, *, takes_s=1.0, costs=DONE, wait_s=1000.0, fare=CALL):
        """Hold, wait where it is refused, run, and settle. Raises what it was refused with."""
        hold = await self.held(caller, fare, asyncio.get_running_loop().time() + wait_s)
        await asyncio.sleep(takes_s)
        hold.settle(costs)
        self.done.append(name)

    async def held(self, caller, fare, until):
        place = None
        try:
            while True:
                self.attempts += 1
                try:
                    hold = await self.limits.hold(caller, fare, spot=place)
                except Refused as refused:
                    place = place or refused.account.line.join(caller.key_id)
                    if place is None:
                        raise
                    try:
                        await self.limits.wait(refused, place, until)
                    except TimeoutError:
                        raise refused from None
                else:
                    if place is not None:
                        place.leave(served=True)
                        place = None
                    return hold
        finally:
            if place is not None:
                place.leave(served=False)


def one_at_a_time(amount=1):
    return Limit("all", Unit.CONCURRENT, amount, Span.RUNNING, on_reached=QUEUE)


async def begun(*calls):
    """Calls that came one behind the other."""
    tasks = []
    for call in calls:
        tasks.append(asyncio.create_task(call))
        await asyncio.sleep(0.01)
    return tasks


async def test_keys_take_turns_and_calls_of_one_come_in_order():
    gate = Gate(one_at_a_time())
    calls = [gate.call(name, ANN) for name in ("a1", "a2", "a3", "a4")]
    await asyncio.gather(*await begun(*calls, gate.call("b1", BOB), gate.call("b2", BOB)))
    assert gate.done == ["a1", "a2", "b1", "a3", "b2", "a4"]


async def test_nobody_polls():
    gate = Gate(one_at_a_time(4))
    await asyncio.gather(*(gate.call(n) for n in range(200)))
    assert len(gate.done) == 200
    assert gate.attempts <= 200 * 4, "each tries when it comes and in its turn, and the first again when one has gone"


async def test_a_newcomer_does_not_overtake_one_that_waits_for_more():
    """The money left would do for the small call, and the large one was there before."""
    gate = Gate(Limit("all", Unit.USD, 100, Span.LIFETIME, on_reached=QUEUE))
    large = Fare(nanos=60, output_tokens=0)
    tasks = await begun(
        gate.call("first", fare=large, costs=Fare(nanos=1, output_tokens=0)),
        gate.call("large", fare=large, costs=Fare(nanos=1, output_tokens=0)),
        gate.call("small", BOB, takes_s=0.1),
    )
    await asyncio.gather(*tasks)
    assert gate.done == ["first", "small", "large"], "the small one began right behind the large one, and is quicker"
    assert gate.limits.chain(ANN).at(NOW)[0].spent == 12


async def test_what_takes_nothing_of_the_limit_waits_for_nobody():
    gate = Gate(Limit("all", Unit.TOKENS, 10, Span.LIFETIME, on_reached=QUEUE))
    tasks = await begun(
        gate.call("a", fare=Fare(nanos=0, output_tokens=9)),
        gate.call("b", fare=Fare(nanos=0, output_tokens=9), wait_s=2),
    )
    await gate.call("free", BOB, fare=Fare(nanos=5, output_tokens=0), takes_s=0)
    assert gate.done == ["free"]
    with pytest.raises(LimitReached):
        await asyncio.gather(*tasks)


async def test_whoever_gives_up_lets_the_next_one_pass():
    gate = Gate(Limit("all", Unit.USD, 100, Span.LIFETIME, on_reached=QUEUE))
    first, large, small = await begun(
        gate.call("first", fare=Fare(nanos=60, output_tokens=0), takes_s=10),
        gate.call("large", fare=Fare(nanos=60, output_tokens=0), wait_s=2),
        gate.call("small", BOB),
    )
    with pytest.raises(LimitReached, match="Calls in flight hold the rest"):
        await large
    await small
    assert gate.done == ["small"]
    first.cancel()


async def test_a_caller_that_leaves_gives_its_place_up_at_once():
    gate = Gate(one_at_a_time())
    first, gone, last = await begun(gate.call("first"), gate.call("gone"), gate.call("last", BOB))
    gone.cancel()
    await asyncio.gather(first, gone, last, return_exceptions=True)
    assert gate.done == ["first", "last"]
    assert asyncio.get_running_loop().time() < 2.5


async def test_the_window_rolls_and_the_next_ones_pass():
    gate = Gate(Limit("all", Unit.REQUESTS, 3, Span.SECOND, on_reached=QUEUE))
    await asyncio.gather(*(gate.call(n, takes_s=0) for n in range(10)))
    assert gate.done == list(range(10))
    assert 3 <= asyncio.get_running_loop().time() < 3.1, "four seconds have three each"
    assert gate.attempts < 60


async def test_only_so_many_wait():
    line = Line(spots_max=2)
    places = [line.join("a"), line.join("b"), line.join("a")]
    assert places[2] is None
    assert len(line) == 2
    places[0].leave(served=True)
    assert line.join("a") is not None
    line.stir()
    Line().stir()


async def test_the_last_in_line_wakes_when_its_time_is_over():
    gate = Gate(one_at_a_time())
    tasks = await begun(gate.call("a", takes_s=5), gate.call("b", wait_s=3), gate.call("c", BOB, wait_s=1))
    with pytest.raises(LimitReached):
        await tasks[2]
    assert 1 <= asyncio.get_running_loop().time() < 1.1
    with pytest.raises(LimitReached):
        await tasks[1]
    await tasks[0]


async def syncing(*gates):
    while True:
        for gate in gates:
            await gate.leases.sync(NOW)
        await asyncio.sleep(0.2)


@pytest.mark.parametrize("limit", [one_at_a_time(2), Limit("all", Unit.USD, 25, Span.LIFETIME, on_reached=QUEUE)])
async def test_a_lease_that_comes_later_wakes_who_waits_for_it(limit):
    """Another replica has leased all of it, and gives back when its calls are over."""
    store = MemoryStore(exclusive=False)
    one, two = Gate(limit, store=store, name="a"), Gate(limit, store=store, name="b")
    sync = asyncio.create_task(syncing(one, two))
    nought = Fare(nanos=0, output_tokens=0, requests=0, concurrent=0)
    tasks = await begun(*(one.call(n, takes_s=3, costs=nought) for n in range(2)))
    waiting = await begun(*(two.call(n, BOB, takes_s=0.5, costs=nought, wait_s=20) for n in range(4)))
    await asyncio.gather(*tasks, *waiting)
    assert two.done == [0, 1, 2, 3]
    assert 4 <= asyncio.get_running_loop().time() < 8
    sync.cancel()


async def test_a_limit_that_knows_no_way_refuses_before_one_that_lets_wait():
    """The window of the other one never ends, so it would be told first."""
    gate = Gate(one_at_a_time(0), Limit("team:t", Unit.USD, 5, Span.DAY))
    with pytest.raises(LimitReached, match="team:t"):
        await gate.limits.hold(ANN, CALL)


def soft(amount, mode=Mode.SOFT):
    return Limit("all", Unit.USD, amount, Span.MONTH, mode=mode)


@pytest.mark.parametrize("mode", [Mode.SOFT, Mode.SHADOW])
async def test_a_limit_that_refuses_nothing_tells_what_it_let_pass(mode):
    gate = Gate(soft(25, mode))
    holds = [await gate.limits.hold(ANN, CALL) for _ in range(3)]
    assert [[a.node for a in hold.passed] for hold in holds] == [[], [], ["all"]]
    free = await gate.limits.hold(ANN, Fare(nanos=0, output_tokens=1))
    assert free.passed == ()


async def test_hard_limits_let_nothing_pass():
    gate = Gate(Limit("all", Unit.USD, 25, Span.DAY))
    assert (await gate.limits.hold(ANN, CALL)).passed == ()


async def test_room_is_what_every_hard_limit_and_the_ceiling_leave():
    gate = Gate(Limit("all", Unit.USD, 25, Span.DAY), soft(1), Limit("team:t", Unit.TOKENS, 30, Span.DAY))
    room = await gate.limits.room(ANN)
    for nanos, tokens, fits in ((25, 30, True), (26, 30, False), (25, 31, False), (0, 0, True)):
        fare = Fare(nanos=nanos, output_tokens=tokens)
        assert [room.covers(fare, reach) for reach in REACHES] == [fits] * 3
    ceiling = await gate.limits.room(ANN, Account.ceiling(Money.of_nanos(7)))
    for reach in REACHES:
        assert ceiling.covers(Fare(nanos=7, output_tokens=1), reach)
        assert not ceiling.covers(Fare(nanos=8, output_tokens=1), reach)


async def test_room_elsewhere_is_what_other_replicas_do_not_use():
    store = MemoryStore(exclusive=False)
    limit = Limit("all", Unit.USD, 100, Span.LIFETIME)
    one, two = Gate(limit, store=store, name="a"), Gate(limit, store=store, name="b")
    await one.limits.hold(ANN, CALL)
    await one.leases.sync(NOW)
    room = await two.limits.room(ANN)
    leased = [next(iter(gate.leases.accounts)).leased for gate in (one, two)]
    most = (90, 100 - leased[0], leased[1])
    assert most[0] > most[1] > most[2]
    for reach, nanos in zip(REACHES, most, strict=True):
        assert room.covers(Fare(nanos=nanos, output_tokens=0), reach)
        assert not room.covers(Fare(nanos=nanos + 1, output_tokens=0), reach)


async def test_who_waits_is_told_when_the_limit_changes():
    gate = Gate(Limit("all", Unit.USD, 10, Span.LIFETIME, on_reached=QUEUE))
    tasks = await begun(gate.call("a", fare=Fare(nanos=9)), gate.call("b", fare=Fare(nanos=9), wait_s=2))
    assert gate.done == []
    gate.limits.rule([Limit("all", Unit.USD, 20, Span.LIFETIME, on_reached=QUEUE)])
    await gate.leases.sync(0)
    await asyncio.gather(*tasks)
    assert sorted(gate.done) == ["a", "b"]
