"""The store that gateways share is down, slow, full, or forgets: what becomes of calls, and of the money."""

import asyncio
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import aiohttp
import pytest
from crowd import crowd
from outages import BODY, BUDGET, HANGS_S, MONEY, down, drained, everywhere, load, up
from replica_fleet import fleet
from road import eventually
from stores.redis_server import BINARY, RedisServer

pytestmark = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")


async def test_a_frozen_store_is_asked_now_and_then_and_no_call_hangs(tmp_path):
    with fleet(tmp_path, MONEY, patient=False) as made:
        await everywhere(made, callers=4, calls=40)
        made.redis.freeze()
        await everywhere(made, callers=4, calls=300)  # What is leased is spent.
        before = made.store_calls("exchange")
        answers = await everywhere(made, callers=8, calls=300)
        asked = made.store_calls("exchange") - before
        seconds = sum(answers.waits) / 16 + 1
        assert set(answers.statuses) <= {200, 503}, answers.statuses
        assert answers.statuses[503]
        assert max(answers.waits) < HANGS_S
        assert asked <= 2 * (3 + seconds), "not one a call"
        assert down(made)
        made.redis.thaw()
        eventually(lambda: up(made))
        await drained(made)


async def test_a_store_that_is_killed_under_load_and_forgot_gives_nothing_twice(tmp_path):
    with fleet(tmp_path, MONEY) as made:
        async with load(made) as answers:
            for _ in range(2):
                await asyncio.sleep(0.7)
                made.redis.kill()
                await asyncio.sleep(0.7)
                made.redis.start()
        assert set(answers.statuses) <= {200, 429, 503}
        await asyncio.sleep(1.5)
        assert await drained(made) >= BUDGET * Decimal("0.9")


async def test_a_store_that_forgot_while_nobody_called_gives_nothing_twice(tmp_path):
    """One replica has leased much and rests; the other wants all."""
    with fleet(tmp_path, MONEY) as made:
        await everywhere(made, callers=4, calls=40)
        made.redis.say("FLUSHALL")
        await asyncio.sleep(1.5)
        for gate in made.gates:
            await crowd(gate, made.first, callers=8, calls=400, body=BODY)
        await drained(made)


def test_a_store_that_may_forget_is_refused_with_the_reason(tmp_path):
    redis = RedisServer(tmp_path / "redis", ("--maxmemory-policy", "allkeys-lru"))
    with (
        pytest.raises(AssertionError, match=r"maxmemory-policy allkeys-lru.*: set it to noeviction"),
        fleet(tmp_path, MONEY, redis=redis, count=1),
    ):
        pass


async def test_far_from_the_limit_no_call_asks_the_store(tmp_path):
    limits = "limits:\n  - {node: all, amount: 100 usd, window: lifetime}\n"
    with fleet(tmp_path, limits, count=1) as made:
        await everywhere(made, calls=400)  # The pace is known, and leased ahead for.
        looks, exchanges = made.store_calls("look"), made.store_calls("exchange")
        answers = await everywhere(made, callers=8, calls=1000)
        assert answers.statuses == {200: 1000}
        exchanges, looks = made.store_calls("exchange") - exchanges, made.store_calls("look") - looks
        assert exchanges <= looks + 1, "one a sync, however many calls"
        assert looks < 500


async def test_an_allowance_is_spent_without_the_store_and_told_when_it_is_back(tmp_path):
    allowed = Decimal("0.001")
    limits = MONEY.replace("lifetime", f"lifetime, store_outage: allow {allowed} usd per replica")
    limits = limits.replace(str(BUDGET), "0.004")
    with fleet(tmp_path, limits) as made:
        one = made.gates[0]
        await everywhere(made, callers=4, calls=20)
        async with events(one, one.admin) as told:
            made.redis.kill()
            await everywhere(made, callers=8, calls=1000)
            refused = await everywhere(made, callers=4, calls=20)
            assert set(refused.statuses) == {503}, "the allowance is spent"
            made.redis.start()
            await asyncio.to_thread(eventually, lambda: '"state":"up"' in "".join(told))
        lent = sum(
            int(gate.metric("fareway_store_outage_allowed_total", limit="all/usd/lifetime")) for gate in made.gates
        )
        assert 0 < lent <= 2 * int(allowed * 10**9)
        assert '"state":"down"' in "".join(told)
        assert '"allowed":{"all/usd/lifetime":"$0.000' in "".join(told)
        await everywhere(made, callers=8, calls=500)
        made.assert_books_agree(Decimal("0.004") + 2 * allowed)
        assert "of all/usd/lifetime was allowed without it" in one.gate.stderr


@asynccontextmanager
async def events(gate, key):
    """Lines of /live as they come."""
    lines = []

    async def follow(session):
        async with session.get(f"{gate.url}/live", headers={"Authorization": f"Bearer {key}"}) as answer:
            watching.set()
            async for line in answer.content:
                lines.append(line.decode())  # noqa: PERF401 - it is read while it grows

    watching = asyncio.Event()
    async with aiohttp.ClientSession() as session:
        task = asyncio.create_task(follow(session))
        await watching.wait()
        yield lines
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
