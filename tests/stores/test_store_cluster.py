"""Leases and keys in a real Redis Cluster: found, followed when they move, and kept when a node dies."""

import asyncio
import shutil
import time
from contextlib import asynccontextmanager

import pytest
from stores.redis_cluster import RedisCluster, eventually
from stores.redis_server import BINARY

from gateway.core.caller import Caller, Key
from gateway.core.errors import Unavailable
from gateway.stores.base import Ask
from gateway.stores.redis_keys import RedisKeys
from gateway.stores.redis_leases import RedisStore

pytestmark = pytest.mark.skipif(not (BINARY and shutil.which("redis-cli")), reason="redis-server is not installed")


KEY = Key("k", b"digest", Caller("k", team="t"))


@pytest.fixture
def cluster(tmp_path):
    made = RedisCluster(tmp_path)
    yield made
    made.stop()


@asynccontextmanager
async def stores(url, count):
    made = [RedisStore(url) for _ in range(count)]
    yield made
    for store in made:
        await store.close()


async def lease(store, name, want, *, keep=0):
    """What a replica has then; asked until the store answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            (word,) = await store.exchange(name, [Ask("x", 100, 0, want, keep=keep)])
        except Unavailable:
            assert time.monotonic() < deadline, "it never answered again"
            await asyncio.sleep(0.05)
        else:
            return word.leased


async def granted(store, name, want, enough):
    deadline = time.monotonic() + 30
    while (leased := await lease(store, name, want)) < enough:
        assert time.monotonic() < deadline, "it was never leased"
        await asyncio.sleep(0.05)
    return leased


async def test_leases_and_keys_are_followed_when_they_move(cluster):
    keys = RedisKeys(cluster.patient_url)
    keys.save(KEY)
    async with stores(cluster.patient_url, 2) as (one, two):
        assert await granted(one, "a", 80, 80) == 80
        assert await granted(two, "b", 60, 20) == 20
        assert await one.wanted("a") == set()
        assert await one.records("a") == ["x"]

        target = cluster.begin_to_move_our_slot()
        assert keys.find("k") == KEY, "one key is found by ASK"
        with pytest.raises(Unavailable):  # Several, of which some do not exist, are to be had nowhere now.
            await one.exchange("a", [Ask("y", 100, 0, 80)])
        cluster.end_moving_our_slot(target)
        assert await lease(one, "a", 80, keep=80) == 80, "MOVED"
        assert await granted(two, "b", 60, 20) == 20
        assert keys.find("k") == KEY
        cluster.owner.kill()  # Which keeps nothing of ours any more.
        assert await lease(one, "a", 80, keep=80) == 80
        assert await granted(two, "b", 60, 20) == 20
    assert keys.all() == {"k": KEY}
    keys.close()


async def test_a_replica_takes_over_from_the_node_that_keeps_our_keys(cluster):
    cluster.replicate()
    keys = RedisKeys(cluster.url)
    keys.save(KEY)
    async with stores(cluster.url, 2) as (one, two):
        await granted(one, "a", 80, 80)
        await granted(two, "b", 60, 20)
        cluster.owner.kill()
        assert await lease(one, "a", 80, keep=80) == 80, "what was leased stays leased"
        assert await lease(two, "b", 60, keep=20) == 20
        assert await granted(two, "b", 60, 20) == 20
    await asyncio.to_thread(eventually, lambda: found(keys) == KEY)
    keys.close()


def found(keys):
    try:
        return keys.find("k")
    except Unavailable:
        return None
