"""Idempotency-Keys between gateways that share a Redis, and between workers that share a home: never charged twice."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
from crowd import PATIENCE, chat
from replica_fleet import PEPPER, fleet
from road import PROVIDERS, billed, eventually, road, spent
from stores.redis_server import BINARY

SLOW = "Slowly. [[sim: tokens=30 tps=20]]"
IN_PROGRESS, ANSWERED = "idempotency_in_progress", "idempotency_already_answered"


async def call(url, token, key, text=SLOW):
    """One call over a connection of its own: what it was told, and the headers."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(timeout=PATIENCE, connector=connector, headers=headers) as session,
        session.post(f"{url}/v1/chat/completions", json=chat(text)) as answer,
    ):
        body = await answer.json()
        told = answer.headers.get("x-fareway-idempotent", "") if answer.status == 200 else body["error"]["code"]
        return told, answer.headers


async def heard(*asked):
    """The same once the store has heard how the first call ended, and answers."""
    async with asyncio.timeout(30):
        while (told := await call(*asked))[0] in (IN_PROGRESS, "service_unavailable"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return told


async def test_two_workers_charge_once(tmp_path):
    with road(tmp_path, f"server: {{workers: 2}}\n{PROVIDERS}") as way:
        told = await asyncio.gather(*(call(way.url, way.first, "k") for _ in range(12)))
        words = Counter(word for word, _ in told)
        assert words[""] == 1
        assert words["joined"] + words[IN_PROGRESS] == 11, words
        assert words["joined"]
        assert words[IN_PROGRESS]
        (first,) = [head["x-fareway-request-id"] for word, head in told if not word]
        await heard(way.url, way.first, "k")
        later = await asyncio.gather(*(call(way.url, way.first, "k") for _ in range(12)))
        assert {word for word, _ in later} <= {"joined", "replayed", ANSWERED}
        assert ANSWERED in {word for word, _ in later}
        assert {h["x-fareway-first-request-id"] for w, h in later if w == ANSWERED} == {first}
        assert len(way.bill()) == 1
        assert spent(way.entries()) == billed(way.bill())


async def test_a_worker_that_died_leaves_its_calls_unresolved(tmp_path):
    with road(tmp_path, f"server: {{workers: 2}}\n{PROVIDERS}") as way:
        running = asyncio.create_task(call(way.url, way.first, "k"))
        await asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") > 0)
        pid = way.gate.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)
        with pytest.raises(aiohttp.ClientError):
            await running
        async with asyncio.timeout(30):
            while (told := await attempt(way.url, way.first, "k")) in ("", IN_PROGRESS):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert told == "idempotency_unresolved"
        assert len(way.bill()) <= 1


async def attempt(*asked):
    """What is said, or nothing where nobody listens."""
    try:
        return (await call(*asked))[0]
    except aiohttp.ClientError:
        return ""


needs_redis = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")


@needs_redis
async def test_two_gateways_charge_once(tmp_path):
    with fleet(tmp_path) as made:
        one, two = made.gates
        running = asyncio.create_task(call(one.url, made.first, "k"))
        await asyncio.to_thread(eventually, lambda: one.metric("fareway_inflight_requests") > 0)
        word, head = await call(two.url, made.first, "k")
        assert (word, head["Retry-After"]) == (IN_PROGRESS, "1")
        assert (await call(two.url, made.first, "k", "Else."))[0] == "idempotency_key_reused"
        word, first = await running
        assert word == ""
        word, head = await heard(two.url, made.first, "k")
        assert (word, head["x-should-retry"]) == (ANSWERED, "false")
        assert head["x-fareway-first-request-id"] == first["x-fareway-request-id"]
        assert (await call(one.url, made.first, "k"))[0] == "replayed"
        assert len(one.bill()) == 1
        assert spent(made.entries()) == billed(one.bill())


@needs_redis
async def test_one_that_was_killed_leaves_its_calls_unresolved_when_it_comes_again(tmp_path, monkeypatch):
    with fleet(tmp_path) as made:
        one, two = made.gates
        running = asyncio.create_task(call(one.url, made.first, "k"))
        await asyncio.to_thread(eventually, lambda: one.metric("fareway_inflight_requests") > 0)
        one.gate.kill()
        with pytest.raises(aiohttp.ClientError):
            await running
        assert (await call(two.url, made.first, "k"))[0] == IN_PROGRESS
        made.restart(0)
        word, head = await call(two.url, made.first, "k")
        assert word == "idempotency_unresolved"
        config = ("--config", str(two.gate.home / "fareway.yaml"))
        monkeypatch.setenv("PEPPER", PEPPER)
        two.command("limits", "resolve", *config, head["x-fareway-first-request-id"])
        assert (await call(two.url, made.first, "k"))[0] == ""


@needs_redis
async def test_without_the_store_only_calls_with_a_key_are_refused(tmp_path):
    """Nobody could say whether they are the first. A call whose end the store did not hear is told later."""
    with fleet(tmp_path, patient=False) as made:
        one, two = made.gates
        running = asyncio.create_task(call(one.url, made.first, "k"))
        await asyncio.to_thread(eventually, lambda: one.metric("fareway_inflight_requests") > 0)
        made.redis.freeze()
        word, head = await call(two.url, made.first, "k")
        assert (word, head["Retry-After"]) == ("service_unavailable", "1")
        assert (await call(one.url, made.first, "other", "Other."))[0] == "service_unavailable"
        assert (await running)[0] == "", "it had been claimed"
        assert (await call(one.url, made.first, "k"))[0] in ("joined", "replayed"), "for that nobody need be asked"
        assert len(one.bill()) == 1
        made.redis.thaw()

        assert (await heard(two.url, made.first, "k"))[0] == ANSWERED
        assert (await heard(one.url, made.first, "other", "Other."))[0] == ""
        assert len(one.bill()) == 2
