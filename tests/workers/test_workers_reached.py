"""Other ways than to refuse, where several workers share the limits."""

import asyncio
from decimal import Decimal

from crowd import chat, crowd
from road import PROVIDERS, road, spent


def config(limit):
    return f"server: {{workers: 2}}\n{PROVIDERS}limits:\n  - {limit}\n"


async def test_calls_wait_for_room_that_another_worker_has(tmp_path):
    """The provider is slow, and each worker has calls that wait."""
    limit = "{node: all, amount: 3 concurrent, on_reached: queue 60s}"
    with road(tmp_path, config(limit), "--first-token-ms", "100") as way:
        answers = await crowd(way, way.first, callers=16, calls=40, body=chat())
        assert answers.statuses == {200: 40}


async def test_answers_are_cut_to_what_all_workers_have_left(tmp_path):
    budget = Decimal("0.002")
    limit = f"{{node: all, amount: {budget} usd, window: lifetime, on_reached: fit}}"
    with road(tmp_path, config(limit), "--output-tokens", "3000") as way:
        body = chat(max_tokens=4000)
        assert 200 in (await crowd(way, way.first, callers=8, calls=20, body=body)).statuses
        assert any("cut down to" in line["entry"]["reason"] for line in way.entries())
        for _ in range(8):  # To the end of the money.
            await asyncio.sleep(0.6)  # A refusal is remembered until the workers have spoken with the store again.
            await crowd(way, way.first, callers=1, calls=2, body=body)
        assert budget * Decimal("0.95") <= spent(way.entries()) <= budget
