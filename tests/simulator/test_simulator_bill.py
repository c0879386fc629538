"""Every call that costs is on the bill once, however it ends."""

import asyncio
import json
from decimal import Decimal

import pytest

from gateway.simulator import Rates, Settings
from gateway.simulator.bill import MODELS, Prompt


def test_costs_are_exact():
    assert MODELS["sim-large"].cost(Prompt(1_000_000, cached=400_000), 100_000) == Decimal("3.0")
    assert f"{MODELS['sim-small'].cost(Prompt(1, cached=1), 0):f}" == "0.000000025"
    assert MODELS["sim-large"].cost(Prompt(10**6, written=10**6), 0) == Decimal("2.5")
    assert MODELS["sim-caching"].cost(Prompt(10**6, written=10**6), 0) == Decimal("3.75")
    assert MODELS["sim-caching"].cost(Prompt(10**6, written=10**6, hour=True), 0) == Decimal(6)


def test_settings_make_sense():
    for wrong in ({"jitter": 2}, {"fail_rate": -1}, {"output_tokens": 0}, {"cache_blocks": 0}):
        with pytest.raises(ValueError):
            Settings(**wrong)


async def test_an_aborted_stream_is_billed_until_it_was_noticed(sim):
    async with sim.post("[[sim: tps=100 tokens=500]]", stream=True) as answer:
        for _ in range(20):
            await answer.content.readline()
    line = await sim.billed()
    assert line["ended"] == "aborted"
    assert 5 < line["completion_tokens"] < 60
    await asyncio.sleep(0.05)
    assert len(sim.bill) == 1


async def test_an_aborted_plain_call_is_billed_by_the_time_it_ran(sim):
    call = asyncio.ensure_future(sim.post("[[sim: tps=100 tokens=500]]").__aenter__())
    await asyncio.sleep(0.3)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    line = await sim.billed()
    assert line["ended"] == "aborted"
    assert 5 < line["completion_tokens"] < 60


async def test_some_providers_bill_the_rest(simulate):
    async with simulate(abort_bills_rest=True) as sim:
        async with sim.post("[[sim: tps=100 tokens=500]]", stream=True) as answer:
            await answer.content.readline()
        assert (await sim.billed())["completion_tokens"] == 500


async def test_a_fast_stream_whose_reader_leaves_is_billed_once(sim):
    async with sim.post("[[sim: tokens=100000]]", stream=True) as answer:
        await answer.content.readline()
    line = await sim.billed()
    assert (line["ended"], line["completion_tokens"] < 100_000) == ("aborted", True)


async def test_thinking_that_was_aborted_is_billed(sim):
    fields = {"model": "sim-large", "reasoning_effort": "high", "stream": True}
    async with sim.post("[[sim: tps=100 tokens=500]]", **fields):
        await asyncio.sleep(0.2)
    assert 5 < (await sim.billed())["completion_tokens"] < 60


async def test_stopping_the_server_bills_what_runs(simulate):
    async with simulate() as sim:
        async with sim.post("[[sim: tps=50 tokens=500]]", stream=True) as answer:
            await answer.content.readline()
            await sim.running.stop()
        assert [line["ended"] for line in sim.bill] == ["aborted"]


async def test_concurrent_calls_write_whole_lines(sim):
    async def one():
        async with sim.post() as answer:
            return (await answer.json())["id"]

    ids = await asyncio.gather(*(one() for _ in range(50)))
    assert sorted(line["id"] for line in sim.bill) == sorted(ids)


async def test_own_models_at_own_rates(simulate):
    async with simulate(models={"gpt-4o": Rates(Decimal(1), Decimal(0), Decimal(0))}, bill=None) as sim:
        async with sim.post(model="gpt-4o") as answer:
            assert answer.status == 200
        async with sim.post() as answer:
            assert answer.status == 404


async def test_the_prompt_cache_sees_shared_beginnings(simulate):
    common = "the quick brown fox jumps over the lazy dog and then " * 150

    async def cached(sim, text, **fields):
        async with sim.post(text, **fields) as answer:
            usage = (await answer.json())["usage"]
            return usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"]

    async with simulate() as sim:
        first, _ = await cached(sim, common + "one")
        second, whole = await cached(sim, common + "two")
        other_model, _ = await cached(sim, common + "two", model="sim-medium")
        other_start, _ = await cached(sim, "x" + common)
        short, _ = await cached(sim, common[:2000])
        bill = sim.bill
    assert first == other_model == other_start == short == 0
    assert 1024 <= second < whole
    assert second % 128 == 0
    assert bill[1]["cached_tokens"] == second
    assert Decimal(bill[1]["cost_usd"]) < Decimal(bill[0]["cost_usd"])


async def test_the_prompt_cache_forgets(simulate):
    prompts = [f"{start} " + "again and again we travel " * 300 for start in ("one", "two")]
    async with simulate(cache_blocks=8) as sim:
        for text in (*prompts, prompts[0]):
            async with sim.post(text) as answer:
                usage = (await answer.json())["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0


async def test_bill_lines_are_json(sim):
    async with sim.post(headers={"x-sim-tag": 'a "quoted" tag'}):
        pass
    assert json.loads(sim.bill_path.read_text())["caller"] == 'a "quoted" tag'
