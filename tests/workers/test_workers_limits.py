"""Limits that several workers share: never passed, and used up to the end."""

import asyncio
import json
from decimal import Decimal

import pytest
from crowd import chat, crowd
from road import NANOS, PROVIDERS, billed, eventually, road, spent

CALLERS = 64
STOPPED_LATE = Decimal("1.005")
"""Of a budget that streams use up. On a machine full of tests an abort may be noticed late, and providers go on
meanwhile: see the bound of progressive holds in docs/money.md, and the bar of B3."""


def config(workers, limits=""):
    return f"server: {{workers: {workers}}}\n{PROVIDERS}limits:\n{limits}"


@pytest.mark.parametrize("workers", [2, 4])
async def test_a_budget_is_never_passed_and_nearly_all_of_it_is_used(tmp_path, workers):
    """Each call holds several times its cost, so the end of the money is where workers must give back."""
    budget = Decimal("0.02")
    with road(tmp_path, config(workers, f"  - {{node: all, amount: {budget} usd, window: lifetime}}\n")) as way:
        body = chat(max_tokens=100)
        answers = await crowd(way, way.first, callers=CALLERS, calls=2500, body=body)
        assert set(answers.statuses) == {200, 429}
        cost = spent(way.entries())
        assert cost == billed(way.bill())
        assert cost <= budget
        assert cost >= budget * Decimal("0.97")
        (balance,) = [amount for name, amount in way.balances().items() if "/usd/" in name]
        assert balance <= budget * NANOS
        error = json.loads(answers.refusals[-1][1])["error"]
        assert "of $0.02" in error["message"]
        eventually(lambda: way.metric("fareway_workers") == workers)
        assert way.metric("fareway_drift_units") == 0
        assert sum(
            way.metric("fareway_entries_total", outcome="ok", cost_status=status) for status in ("exact", "reported")
        ) == len(way.entries())


async def test_requests_in_a_window_are_exact_across_workers(tmp_path):
    limits = "  - {node: all, amount: 150 requests, window: month}\n"
    with road(tmp_path, config(4, limits)) as way:
        answers = await crowd(way, way.first, callers=CALLERS, calls=400, body=chat())
        assert answers.statuses == {200: 150, 429: 250}
        assert len(way.bill()) == 150


async def test_calls_in_flight_are_limited_across_workers(tmp_path):
    """The provider is slow, so that it sees how many are there at once."""
    limits = "  - {node: all, amount: 6 concurrent}\n"
    with road(tmp_path, config(4, limits), "--first-token-ms", "300") as way:
        answers = await crowd(way, way.first, callers=30, calls=30, body=chat())
        assert answers.statuses[200] >= 6
        assert answers.statuses[200] + answers.statuses[429] == 30
        await asyncio.sleep(1)  # A refusal is remembered until the workers have spoken with the store again.
        later = await crowd(way, way.first, callers=6, calls=6, body=chat())
        assert later.statuses == {200: 6}, "what is free again is to be had by anybody"


async def test_streams_of_several_workers_grow_as_long_as_there_is_money_anywhere(tmp_path):
    """Sixteen long streams on one budget: they end when it is used up, and not because another worker leased it."""
    budget = Decimal("0.006")
    limits = f"  - {{node: all, amount: {budget} usd, window: lifetime}}\n"
    with road(tmp_path, config(4, limits), "--tokens-per-second", "300", "--output-tokens", "3000") as way:
        body = chat(stream=True, max_tokens=6000)
        answers = await crowd(way, way.first, callers=16, calls=16, body=body)
        assert answers.statuses[200] >= 8
        lines = way.entries()
        assert "stopped" in {line["outcome"] for line in lines}
        eventually(lambda: len(way.bill()) == len(lines))
        assert budget * Decimal("0.85") <= billed(way.bill()) <= spent(lines) <= budget * STOPPED_LATE
