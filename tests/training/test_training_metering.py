"""What a training job costs is held before and booked after, exactly, whatever happens on the way."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metered import ADMIN, ANN, INTERVAL_MS, SILENT_MS, START_MS, World, job, usd

from gateway.core.entry import Outcome
from gateway.core.errors import BadRequest, Conflict, LimitReached
from gateway.core.limit import Fare
from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.training.job import Progress, State

NOTHING = Progress()


@pytest.fixture
def world_of(tmp_path):
    made = []

    def make(*limits, **more):
        made.append(World(tmp_path, *limits, **more))
        return made[-1]

    yield make
    for world in made:
        world.close()


async def beat(world, ms, progress=NOTHING):
    """So much later the job is heard of."""
    world.now_ms += ms
    return await world.desk.heartbeat(ADMIN, "job_1", progress)


async def end(world, ms=0):
    world.now_ms += ms
    return await world.desk.end(ADMIN, "job_1", State.DONE, NOTHING)


STEPS = st.lists(
    st.tuples(st.sampled_from(["beat", "beat", "beat", "look", "restart", "kill"]), st.integers(0, 2 * INTERVAL_MS)),
    max_size=12,
)


@given(STEPS, st.integers(0, 3 * INTERVAL_MS), st.integers(1, 10**13), st.integers(1, 64), st.booleans())
@settings(max_examples=40)
async def test_whatever_happens_a_job_costs_its_price_times_its_time(steps, last, rate, gpus, poor):
    """Heartbeats at any time, processes that end or die, a limit that has no room: the entries add up to the pico."""
    with tempfile.TemporaryDirectory() as home:
        one = job(rate=rate, gpus=gpus)
        limit = one.lasting(2 * INTERVAL_MS if poor else 10**10)
        world = World(Path(home), usd(limit.decimal))
        try:
            try:
                await world.desk.start(ADMIN, one)
            except LimitReached:  # Rounded down to less than its first interval.
                assert await world.booked() == 0
                return
            for what, ms in steps:
                world.now_ms += ms
                if what == "look":
                    await world.look()
                elif what == "beat":
                    if (await world.desk.find(ADMIN, "job_1")).state is State.RUNNING:
                        await beat(world, 0)
                else:
                    await world.restart(killed=what == "kill")
            if (await world.desk.find(ADMIN, "job_1")).state is State.RUNNING:
                await end(world, last)
            await world.look()
            over = await world.desk.find(ADMIN, "job_1")
            assert over.over
            assert await world.jobs.unfinished() == []
            assert await world.booked() == one.lasting(over.ended - START_MS).picos
            assert await world.drift() == 0
            assert all(account.held == 0 for account in world.leases.accounts)
        finally:
            world.close()


async def test_two_intervals_are_held_and_what_is_over_is_booked(world_of):
    world = world_of(usd("100"))
    started = await world.desk.start(ADMIN, job())
    assert started.state is State.RUNNING
    each = job().lasting(INTERVAL_MS)
    assert world.account().held == 2 * each.nanos_up
    assert world.journal.open_count == world.desk.metering.held_count == 2
    await beat(world, INTERVAL_MS // 2)
    assert await world.entries() == []
    await beat(world, INTERVAL_MS)
    (entry,) = await world.entries()
    assert (entry.outcome, entry.provider, entry.tier, entry.caller) == (Outcome.TRAINED, "training", "training", ANN)
    assert (entry.cost.total, entry.duration_ms, entry.usage.requests) == (each, INTERVAL_MS, 0)
    assert world.account().spent == each.nanos_up
    assert world.account().held == 2 * each.nanos_up
    assert [one.id for one, _ in world.told] == ["job_1"]


async def test_a_job_without_room_does_not_begin(world_of):
    world = world_of(usd("0.1"))
    with pytest.raises(LimitReached):
        await world.desk.start(ADMIN, job())
    assert await world.jobs.all() == []
    assert world.journal.open_count == world.account().held == 0


async def test_it_hears_that_it_is_to_stop_while_its_time_is_still_paid_for(world_of):
    """Room for three intervals: the fourth is refused while the third is still to come."""
    world = world_of(usd("0.55"))
    await world.desk.start(ADMIN, job())
    assert (await beat(world, INTERVAL_MS - 1)).stop == ""
    assert (await beat(world, 1)).stop == ""
    told = await beat(world, INTERVAL_MS)
    assert "team:red" in told.stop
    assert world.account().held > 0
    await end(world, INTERVAL_MS // 2)
    assert world.account().spent <= 550_000_000
    assert await world.booked() == job().lasting(INTERVAL_MS * 5 // 2).picos


async def test_what_a_job_uses_that_does_not_stop_is_booked_all_the_same(world_of):
    world = world_of(usd("0.55"))
    await world.desk.start(ADMIN, job())
    for _ in range(10):
        told = await beat(world, INTERVAL_MS)
    assert told.stop
    assert world.account().spent > 550_000_000
    with pytest.raises(LimitReached):
        await world.limits.hold(ANN, Fare(1))
    await end(world)
    assert await world.booked() == job().lasting(10 * INTERVAL_MS).picos


async def test_its_own_budget_stops_it(world_of):
    world = world_of()
    await world.desk.start(ADMIN, job(budget=job().lasting(2 * INTERVAL_MS).nanos_up))
    told = await beat(world, INTERVAL_MS)
    assert "own budget" in told.stop
    with pytest.raises(BadRequest, match="budget is less"):
        await world.desk.start(ADMIN, job(id="job_2", budget=1))


@pytest.mark.parametrize("more", [{"gpus": 10**6}, {"rate": 10**30}, {"planned": 10**19}, {"budget": 10**19}])
async def test_what_nobody_can_mean_is_refused(world_of, more):
    world = world_of()
    with pytest.raises(BadRequest, match="is a slip"):
        await world.desk.start(ADMIN, job(**more))
    assert await world.jobs.all() == []


async def test_one_that_nobody_hears_of_is_over_at_its_last_heartbeat(world_of):
    world = world_of(usd("100"))
    await world.desk.start(ADMIN, job())
    await beat(world, INTERVAL_MS // 3)
    world.now_ms += SILENT_MS + 1
    await world.look()
    over = await world.desk.find(ADMIN, "job_1")
    assert (over.state, over.ended) == (State.SILENT, START_MS + INTERVAL_MS // 3)
    assert await world.booked() == job().lasting(INTERVAL_MS // 3).picos
    assert world.account().held == 0
    with pytest.raises(Conflict, match="silent"):
        await beat(world, 0)


async def test_while_no_gateway_ran_nobody_was_silent(world_of):
    world = world_of(usd("100"))
    await world.desk.start(ADMIN, job())
    world.now_ms += 10 * SILENT_MS
    await world.restart(killed=False)
    await world.look()
    assert (await beat(world, 5)).state is State.RUNNING
    await end(world)
    assert await world.booked() == job().lasting(10 * SILENT_MS + 5).picos


async def test_what_a_killed_process_held_is_booked_in_full_and_corrected_at_the_end(world_of):
    world = world_of(usd("100"))
    await world.desk.start(ADMIN, job())
    await world.restart(killed=True)
    assert {entry.cost.status for entry in await world.entries()} == {CostStatus.UNCERTAIN}
    assert await world.booked() == job().lasting(2 * INTERVAL_MS).picos
    await end(world, 1000)
    assert await world.booked() == job().lasting(1000).picos
    assert await world.drift() == 0
    await world.look()
    assert await world.booked() == job().lasting(1000).picos, "it is corrected once"


@pytest.mark.parametrize("most", [{"budget": 6 * 10**11}, {"planned": 6 * 10**11}, {}], ids=["budget", "plan", "?"])
async def test_a_dear_job_waits_for_a_yes_and_begins_with_its_first_heartbeat(world_of, most):
    world = world_of(approve_above=Money.usd(500))
    waiting = await world.desk.start(ADMIN, job(**most))
    assert (waiting.state, waiting.cost) == (State.WAITING, Money(0))
    with pytest.raises(Conflict, match="waiting"):
        await beat(world, 5)
    await world.desk.approve(ADMIN, "job_1")
    await world.look()
    world.now_ms += INTERVAL_MS
    running = await beat(world, 0)
    assert (running.state, running.began) == (State.RUNNING, world.now_ms)
    with pytest.raises(Conflict, match="does not wait"):
        await world.desk.approve(ADMIN, "job_1")
    await end(world, 10)
    assert await world.booked() == job().lasting(10).picos


async def test_all_ranks_of_a_job_may_begin_it_at_the_same_time(world_of):
    world = world_of(usd("100"), approve_above=Money(0))
    await world.desk.start(ADMIN, job())
    await world.desk.approve(ADMIN, "job_1")
    ranks = await asyncio.gather(*(beat(world, 0) for _ in range(3)))
    assert {rank.state for rank in ranks} == {State.RUNNING}
    await end(world, 10)
    assert await world.booked() == job().lasting(10).picos
    assert world.desk.metering.held_count == 0
    assert world.account().held == 0
    assert await world.drift() == 0


async def test_a_cheap_job_waits_for_nobody(world_of):
    world = world_of(approve_above=Money.usd(500))
    assert (await world.desk.start(ADMIN, job(budget=5 * 10**11))).state is State.RUNNING


async def test_one_that_waits_may_be_turned_down(world_of):
    world = world_of(approve_above=Money(0))
    await world.desk.start(ADMIN, job())
    assert (await world.desk.stop(ADMIN, "job_1", "no")).state is State.REJECTED
    await world.look()
    assert await world.jobs.unfinished() == []
    assert [one.id for one in await world.desk.seen(ADMIN)] == ["job_1"]
    for said in (world.desk.approve(ADMIN, "job_1"), world.desk.stop(ADMIN, "job_1", "again"), end(world)):
        with pytest.raises(Conflict):
            await said


async def test_model_flops_utilisation():
    one = job(tflops="989", began=START_MS, seen=START_MS + 3_600_000, params=7 * 10**9)
    trained = Progress(tokens=10**8)
    expected = 6 * 7 * 10**9 * 10**8 / (989 * 10**12 * 4 * 3600)
    assert float(job(**one_with(one, trained)).mfu) == pytest.approx(expected)
    assert float(job(**one_with(one, Progress(flops=1e19))).mfu) == pytest.approx(1e19 / (989e12 * 4 * 3600))
    assert one.mfu is None


def one_with(one, progress):
    return {name: getattr(one, name) for name in one.__struct_fields__} | {"progress": progress}
