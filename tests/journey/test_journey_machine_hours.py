"""A machine that is paid by the hour, real processes all: what its calls are booked at while they run, and that its
hours add up to what was paid once they are closed, whoever was killed and whoever hung up."""

import asyncio
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import harness
import msgspec
import pytest
from openai import OpenAIError
from road import Road, assert_in_order, entries, eventually, said

from gateway.core.entry import Entry
from gateway.fleet.backend import Backend
from gateway.fleet.hours import GRACE_S, HOUR_S, Hours
from gateway.fleet.machine import Machine
from gateway.fleet.rate import SECOND_NS, constant
from gateway.ledger import sqlite
from gateway.planning.gpus import Tier

MODEL = "local/sim-small"
DOLLARS = 10**12
HOURLY = 36  # Dollars: a cent a second.
CONFIG = """
providers:
  local: {kind: sim, base_urls: [SIM_URL/v1], gpu: {type: mine, price: 36/h, prefill: 1000/s, decode: 10/s}}
WORKERS
prices:
  overrides:  # Nobody looks at it: the machine is paid by the hour.
    - {provider: local, model: sim-small, input: 1/M, output: 1/M}
limits:
  - {node: all, amount: 1000 usd, window: month}
"""
SLOW = ("--first-token-ms", "100", "--tokens-per-second", "50")


@contextmanager
def machine(folder: Path, *options: str, workers: int = 0):
    """A gateway before one machine of ours."""
    sim = harness.simulator(folder / "sim", *options)
    text = CONFIG.replace("SIM_URL", sim.url).replace("WORKERS", f"server: {{workers: {workers}}}" if workers else "")
    gate = harness.gateway(folder / "gate", text)
    try:
        yield Road(sim, gate, *gate.tokens)
    finally:
        gate.stop()
        sim.stop()
    assert_in_order(gate.stderr)


def booked(home: Path) -> list[Entry]:
    return [msgspec.convert(line["entry"], Entry) for line in entries(home)]


def closed(home: Path, sim: str) -> list[Entry]:
    """The ledger of a gateway that runs no more, once this hour is over."""
    backend = Backend("local", sim.removeprefix("http://"), sim, machine=Machine("mine", 1, Tier.ON_DEMAND, RATE))
    later = time.time() + HOUR_S + GRACE_S

    async def close() -> None:
        ledger, added = sqlite.SqliteLedger(home / "ledger.db"), []
        reading = lambda: sqlite.reading(home / "ledger.db")  # noqa: E731
        hours = Hours([backend], reading, ledger.find, added.append, lambda: later, reach_s=lambda: 600, waiting=list)
        for _ in range(2):  # The second time there is nothing to be added.
            await hours.catch_up()
            assert await ledger.record(added) == len(added)
            added.clear()
            hours._last = None
        ledger.close()

    asyncio.run(close())
    return booked(home)


RATE = constant(HOURLY * DOLLARS)


def assert_paid(made: list[Entry]) -> None:
    """To the pico-dollar, hour by hour since the machine was first seen."""
    (opened,) = [entry.at for entry in made if entry.id.startswith("opened:")]
    hours = range(int(opened // HOUR_S), int(time.time() // HOUR_S) + 1)
    for hour in hours:
        picos = sum(entry.cost.known.picos for entry in made if hour * HOUR_S <= entry.at < (hour + 1) * HOUR_S)
        since = max(int(opened * SECOND_NS), hour * HOUR_S * SECOND_NS)
        assert picos == RATE.owed(since, (hour + 1) * HOUR_S * SECOND_NS) // (HOUR_S * SECOND_NS)


def test_a_call_is_booked_at_the_machines_time_and_told_so(tmp_path):
    with machine(tmp_path, *SLOW) as road, road.client() as client:
        raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=said("Hello!"), max_tokens=20)
        streamed = client.chat.completions.with_raw_response.create(
            model=MODEL, messages=said("Hello!"), max_tokens=20, stream=True, stream_options={"include_usage": True}
        )
        list(streamed.parse())
        (whole,), (stream,) = (road.entries_of(one.headers["x-fareway-request-id"]) for one in (raw, streamed))
        for line in (whole, stream):
            entry = msgspec.convert(line["entry"], Entry)
            use = entry.occupied
            lasted_ns = use.ended_ns - use.began_ns
            assert entry.cost.known.picos == pytest.approx(lasted_ns * DOLLARS // 100 / SECOND_NS, abs=2)
            assert entry.cost.known.picos == entry.cost.input.picos + entry.cost.output.picos
            assert entry.cost.status == "estimated"
            assert entry.cost.price_id.startswith("gpu:local@127.0.0.1:")
            assert 0 < entry.cost.known.nanos_up <= entry.held_nanos
            assert use.prefill > 0
            assert use.marginal_picos is not None
        assert raw.headers["x-fareway-cost-usd"] == str(msgspec.convert(whole["entry"], Entry).cost.known)[1:]
        assert "x-fareway-cost-marginal-usd" in raw.headers
        assert (
            road.document(whole["request_id"])["entries"][0]["machine"]["ended_ns"]
            == msgspec.convert(whole["entry"], Entry).occupied.ended_ns
        )
        use = msgspec.convert(stream["entry"], Entry).occupied
        assert use.began_ns < use.first_token_ns < use.ended_ns
        held = [value for name, value in road.balances().items() if "/usd/" in name]
        assert held == [
            whole["charges"][name] + stream["charges"][name] for name in whole["charges"] if "/usd/" in name
        ]
        url = road.sim.url
    made = closed(road.gate.home, url)
    assert_paid(made)
    assert not [entry for entry in made if entry.adjusts], "one process alone knows what its calls owe"


def test_calls_at_the_same_time_share(tmp_path):
    with machine(tmp_path, *SLOW) as road:

        async def several() -> None:
            async with road.aclient() as client:
                await asyncio.gather(
                    *(
                        client.chat.completions.create(model=MODEL, messages=said("Hello!"), max_tokens=30)
                        for _ in range(8)
                    )
                )

        asyncio.run(several())
        lines = road.entries()
        uses = [msgspec.convert(line["entry"], Entry) for line in lines if line["outcome"] == "ok"]
        began = min(entry.occupied.began_ns for entry in uses)
        ended = max(entry.occupied.ended_ns for entry in uses)
        assert len(uses) == 8
        assert sum(entry.cost.known.picos for entry in uses) <= RATE.owed(began, ended) // (HOUR_S * SECOND_NS)
        url = road.sim.url
    assert_paid(closed(road.gate.home, url))


def test_workers_that_know_nothing_of_each_other_callers_that_hang_up_and_a_gateway_that_is_killed(tmp_path):
    with machine(tmp_path, *SLOW, "--output-tokens", "2000", workers=2) as road:
        asyncio.run(_hurly_burly(road))
        road.gate.kill()
        before = len(entries(road.gate.home))
        road.gate.start()
        eventually(lambda: len(entries(road.gate.home)) > before)
        with road.client() as client:
            client.chat.completions.create(model=MODEL, messages=said("Hello!"), max_tokens=5)
        road.rest()
        url = road.sim.url
    outcomes = {entry.outcome for entry in booked(road.gate.home)}
    assert {"ok", "hung_up", "unresolved"} <= outcomes
    made = closed(road.gate.home, url)
    assert_paid(made)
    assert {entry.adjusts.partition(":")[0] for entry in made if entry.adjusts}, "two that shared paid twice before"


async def _hurly_burly(road: Road) -> None:
    """Calls that are answered, calls whose callers leave, and calls that are left under way."""
    async with road.aclient(timeout=60) as client:

        async def stream(tokens: int, leave_after: int) -> None:
            with suppress(OpenAIError):
                got = await client.chat.completions.create(
                    model=MODEL, messages=said("Hello!"), max_tokens=tokens, stream=True
                )
                async for number in _numbered(got):
                    if number == leave_after:
                        await got.close()
                        return

        under_way = [asyncio.create_task(stream(5000, 5000)) for _ in range(4)]
        await asyncio.gather(*(stream(20, 100) for _ in range(6)), *(stream(2000, 5) for _ in range(4)))
        await asyncio.to_thread(eventually, lambda: len(entries(road.gate.home)) >= 10)
        for task in under_way:
            task.cancel()
        road.gate.kill()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _numbered(stream):
    number = 0
    async for _ in stream:
        yield (number := number + 1)
