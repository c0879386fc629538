"""Gateways stopped and started in turn under load: no call is lost or cut, and all books agree in the end."""

import asyncio
import signal
from collections import Counter

import aiohttp
import pytest
from balancer import balancing
from crowd import PATIENCE, chat
from replica_fleet import PEPPER, fleet
from road import PROVIDERS, billed, entries, eventually, road, spent
from rolling import GRACE, LIMITS, Load, address, assert_store_agrees, stopped
from stores.redis_server import BINARY

ROUNDS = 2

needs_redis = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")


@needs_redis
async def test_two_gateways_in_turn_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("PEPPER", PEPPER)
    with fleet(tmp_path, GRACE + LIMITS, "--first-token-ms", "20") as made:
        async with balancing(lambda: [address(gate) for gate in made.gates]) as (balancer, url):
            await balancer.all_ready(2)
            load = Load(url, made.first)

            async def roll():
                await asyncio.sleep(1)
                for number in [0, 1] * ROUNDS:
                    await stopped(made.gates[number])
                    await asyncio.to_thread(made.restart, number)
                    await balancer.all_ready(2)
                await asyncio.sleep(1)

            await load.during(roll)
            print(dict(load.done))
            assert balancer.refused == 0
        for gate in made.gates:
            await asyncio.to_thread(gate.rest)
            assert gate.metric("fareway_drift_units") == 0
            for limit in ("all/usd/lifetime", "all/concurrent/while running", "team:*/tokens/lifetime"):
                assert gate.metric("fareway_limit_held", limit=limit) == 0
        lines, bill = made.entries(), made.gates[0].bill()
        assert Counter(line["outcome"] for line in lines) == {"ok": load.done.total()}
        assert {line["replica"] for line in lines} == {(g.gate.home / "replica").read_text() for g in made.gates}
        assert spent(lines) == billed(bill)
        await asyncio.gather(*(stopped(gate) for gate in made.gates))
        assert_store_agrees(made, lines)


async def test_workers_end_in_order_under_load(tmp_path):
    """One gateway with two workers, told to stop: what was begun ends, and all that came after the word is told so."""
    config = f"server: {{workers: 2, ready_grace: 1s, drain: 60s}}\n{PROVIDERS}{LIMITS}"
    with road(tmp_path, config, "--first-token-ms", "20") as way:
        load = Load(way.url, way.first)

        async def stop():
            await asyncio.sleep(3)
            way.gate.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            load.stopped = True  # Nobody else is there to go to. Until now calls were taken.

        await load.during(stop)
        assert await asyncio.to_thread(way.gate.process.wait, 90) == 0
        lines = entries(way.gate.home)
        assert Counter(line["outcome"] for line in lines) == {"ok": load.done.total()}
        assert spent(lines) == billed(way.bill())
        assert not list((way.gate.home / "journal").rglob("*.journal"))


async def test_not_ready_is_said_first(tmp_path):
    """Then callers are told that each answer is the last, and at the end nobody is taken any more."""
    with road(tmp_path, f"{GRACE}{PROVIDERS}") as way:
        async with aiohttp.ClientSession(timeout=PATIENCE) as session:

            async def get(path):
                async with session.get(f"{way.url}{path}") as answer:
                    return answer.status, answer.headers.get("Connection")

            assert await get("/readyz") == (200, None)
            way.gate.process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                while (told := await get("/readyz")) == (200, None):  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(0.01)
            assert told == (503, "close")
            assert await get("/healthz") == (200, "close")
            headers = {"Authorization": f"Bearer {way.first}"}
            async with session.post(f"{way.url}/v1/chat/completions", json=chat(), headers=headers) as answer:
                assert (answer.status, answer.headers.get("Connection")) == (200, "close")
            await asyncio.to_thread(eventually, lambda: way.gate.process.poll() is not None)
            with pytest.raises(aiohttp.ClientConnectorError):
                await get("/readyz")
