"""Claims on idempotency keys: one call has a key, whoever asks, until it is freed or a day has gone."""

import asyncio

import pytest
from stores.redis_server import RedisServer

from gateway.core.errors import Unavailable
from gateway.stores import redis_claims
from gateway.stores.claims import CLAIM_KEPT_S, Claim, State
from gateway.stores.redis_claims import RedisClaims
from gateway.stores.sqlite_claims import SqliteClaims

ONE, TWO = Claim("d1", "req_1", "a"), Claim("d2", "req_2", "b")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    running = RedisServer(tmp_path_factory.mktemp("claims") / "redis").start()
    yield running
    running.kill()


@pytest.fixture(params=["sqlite", "redis"])
async def pair(request, tmp_path):
    """Two processes' views of one store."""
    if request.param == "sqlite":
        found = [SqliteClaims(tmp_path / "state.db") for _ in range(2)]
    else:
        redis = request.getfixturevalue("server")
        redis.say("FLUSHALL")
        found = [RedisClaims(redis.patient_url) for _ in range(2)]
    yield found
    for store in found:
        await store.close()


def state(claim, state):
    return Claim(claim.digest, claim.request_id, claim.replica, state)


async def test_the_first_has_it_and_others_are_told_whose_it_is(pair):
    here, there = pair
    assert await here.claim("k", ONE) is None
    assert await there.claim("k", TWO) == ONE
    assert await here.claim("k", TWO) == ONE
    assert await there.claim("other", TWO) is None


async def test_of_many_at_once_one_has_it(pair):
    claims = [Claim("d", f"req_{n}", "a") for n in range(20)]
    told = await asyncio.gather(*(pair[n % 2].claim("k", claim) for n, claim in enumerate(claims)))
    assert told.count(None) == 1
    assert {claim.request_id for claim in told if claim} == {claims[told.index(None)].request_id}


async def test_ended_stays_ended_and_freed_is_free(pair):
    here, there = pair
    await here.claim("k", ONE)
    for _ in range(2):  # A word repeated changes nothing.
        await here.end("k", ONE, State.ENDED)
    assert await there.claim("k", TWO) == state(ONE, State.ENDED)
    await here.claim("free", ONE)
    await here.end("free", ONE, None)
    assert await there.claim("free", TWO) is None
    await here.end("free", ONE, None)
    assert await here.claim("free", ONE) == TWO, "a late word of an earlier call is not heard"


async def test_a_process_that_comes_again_has_broken_off_what_it_was_at(pair):
    here, there = pair
    await here.claim("runs", ONE)
    await here.claim("over", ONE)
    await here.end("over", ONE, State.ENDED)
    await there.claim("theirs", TWO)
    await there.resume("a")
    assert await there.claim("runs", TWO) == state(ONE, State.UNRESOLVED)
    assert await there.claim("over", TWO) == state(ONE, State.ENDED)
    assert await there.claim("theirs", ONE) == TWO


async def test_a_call_that_nobody_will_end_is_resolved_by_its_name_once(pair):
    here, there = pair
    await here.claim("k", ONE)
    assert not await there.resolve("req_1"), "it runs"
    await there.resume("a")
    assert await there.resolve("req_1")
    assert not await there.resolve("req_1")
    assert not await there.resolve("req_nobody")
    assert await there.claim("k", TWO) is None


async def test_after_a_day_it_is_forgotten(tmp_path):
    now = 1000.0
    store = SqliteClaims(tmp_path / "state.db", lambda: now)
    await store.claim("k", ONE)
    await store.claim("l", ONE)
    now += CLAIM_KEPT_S - 1
    await store.sweep()
    assert await store.claim("k", TWO) == ONE
    now += 1
    assert await store.claim("k", TWO) is None, "also before it is swept"
    await store.sweep()
    assert await store.claim("k", ONE) == TWO
    assert await store.claim("l", TWO) is None
    await store.resume(None)
    assert await store.claim("l", ONE) == state(TWO, State.UNRESOLVED)
    await store.close()


async def test_redis_forgets_by_itself_also_what_has_ended(server, monkeypatch):
    monkeypatch.setattr(redis_claims, "CLAIM_KEPT_S", 1)
    store = RedisClaims(server.patient_url)
    await store.claim("short", ONE)
    await store.end("short", ONE, State.ENDED)
    async with asyncio.timeout(20):
        while await store.claim("short", TWO) is not None:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.1)
    await store.sweep()
    await store.close()


async def test_a_store_that_is_gone_says_so(tmp_path):
    redis = RedisServer(tmp_path / "redis").start()
    store = RedisClaims(redis.url)
    redis.kill()
    with pytest.raises(Unavailable):
        await store.claim("k", ONE)
    await store.close()
    store = SqliteClaims(tmp_path / "state.db")
    store._database.execute("DROP TABLE claims")
    with pytest.raises(Unavailable):
        await store.claim("k", ONE)
    await store.close()
