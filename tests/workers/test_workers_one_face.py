"""Whichever worker is asked: metrics, live events and requests are those of all."""

import asyncio
import json

import aiohttp
from crowd import PATIENCE, chat, crowd
from road import PROVIDERS, eventually, metric, road

THREE = f"server: {{workers: 3}}\n{PROVIDERS}"


async def test_metrics_requests_and_approvals_are_those_of_all_workers(tmp_path):
    with road(tmp_path, THREE) as way:
        answers = await crowd(way, way.first, callers=12, calls=60, body=chat())
        assert answers.statuses == {200: 60}
        lines = way.entries()
        assert len(lines) == 60
        assert len({line["replica"] for line in lines}) == 3, "all have worked"
        for _ in range(6):  # Other connections, other workers.
            text = way.metrics()
            assert metric(text, "fareway_workers") == 3
            assert metric(text, "ml_inference_requests_total", model="sim-small", deployment="api") == 60
            cost = metric(text, "ml_inference_cost_dollars", model="sim-small", deployment="api", tier="economy")
            assert round(cost * 10**12) == sum(line["cost_picos"] for line in lines)
            assert metric(text, "fareway_request_duration_seconds_count", provider="sim") == 60
            assert metric(text, "fareway_breaker_open", deployment="sim/sim-small") == 0
        for line in lines[::10]:
            assert way.document(line["request_id"])["id"] == line["request_id"]


async def test_a_request_is_found_at_once_by_whichever_worker_is_asked(tmp_path):
    with road(tmp_path, THREE) as way:
        headers = {"Authorization": f"Bearer {way.first}"}
        for _ in range(20):
            connector = aiohttp.TCPConnector(force_close=True)
            async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector, headers=headers) as session:
                async with session.post(f"{way.url}/v1/chat/completions", json=chat()) as answer:
                    name = answer.headers["x-fareway-request-id"]
                    await answer.read()
                async with session.get(f"{way.url}/v1/requests/{name}") as found:
                    assert found.status == 200
                    assert (await found.json())["id"] == name


async def test_who_watches_sees_the_calls_of_all_workers(tmp_path):
    with road(tmp_path, THREE) as way:
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            aiohttp.ClientSession(timeout=PATIENCE, connector=connector) as session,
            session.get(f"{way.url}/live", headers={"Authorization": f"Bearer {way.admin}"}) as watching,
        ):
            await watching.content.readline()
            await asyncio.sleep(0.5)  # The others are followed from soon after the start.
            await crowd(way, way.first, callers=12, calls=40, body=chat())
            seen = set()
            async with asyncio.timeout(20):
                while len(seen) < 40:
                    line = await watching.content.readline()
                    if line.startswith(b"data: "):
                        seen.add(json.loads(line[6:])["request_id"])
        assert seen == {line["request_id"] for line in way.entries()}


async def test_a_gateway_of_one_process_says_that_it_is_one(tmp_path):
    with road(tmp_path) as way:
        eventually(lambda: way.metric("fareway_workers") == 1)
