"""Public bugs of LiteLLM's budgets, class by class: each would be seen here in a running gateway.

Those about concurrent first calls and calls without a price are in test_regressions_of_budgets.py, those of hang-ups in
test_hang_ups.py. Numbers are issues or pull requests of BerriAI/litellm.
"""

import asyncio
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import harness
import openai
import pytest
from road import NANOS, PROVIDERS, Road, assert_in_order, billed, eventually, metric, road, said, spent

sys.path.append(str(Path(__file__).parents[1] / "replicas"))
sys.path.append(str(Path(__file__).parents[1] / "workers"))
from crowd import chat, crowd
from replica_fleet import fleet
from stores.redis_server import BINARY

needs_redis = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")
pytestmark = pytest.mark.xdist_group("regressions-of-limits")

BUDGET = Decimal("0.004")
MONEY = f"""limits:
  - {{node: "team:default", amount: {BUDGET} usd, window: lifetime}}
  - {{node: "team:tokyo", amount: 0.000001 usd, window: day, timezone: Asia/Tokyo}}
  - {{node: "team:second", amount: 5 requests, window: second}}
"""
SHARED = f"limits:\n  - {{node: all, amount: {BUDGET} usd, window: lifetime}}\n"
CALL = {"model": "sim-small", "messages": said("Go. [[sim: tokens=20]]"), "max_tokens": 20}
ACCOUNT = "team:default/usd/lifetime"


@pytest.fixture
def way(tmp_path):
    with road(tmp_path, PROVIDERS + MONEY) as running:
        yield running


@contextmanager
def two_lives(folder, *options):
    """A gateway that is to end and to be started again within the block, and its configuration."""
    sim = harness.simulator(folder / "sim", *options)
    config = PROVIDERS.replace("SIM_URL", sim.url) + SHARED
    gate = harness.gateway(folder / "gate", config)
    way = Road(sim, gate, *gate.tokens)
    try:
        yield way, config
    finally:
        way.gate.stop()
        sim.stop()


def restarted(way: Road, config: str) -> None:
    """A new process in the home of one that has ended."""
    way.gate = harness.gateway(way.gate.home, config)
    assert_in_order(way.gate.stderr)


def test_litellm_26672_a_key_above_its_budget_is_refused_also_after_a_restart(tmp_path):
    """There a key at 99.10 of 30 dollars was still served."""
    with two_lives(tmp_path) as (way, config):
        with way.client() as client:
            client.chat.completions.create(**CALL)
        cost = spent(way.entries())
        assert way.gate.stop() == 0
        lowered = config.replace(str(BUDGET), f"{cost / 2:f}")
        restarted(way, lowered)
        with way.client() as client, pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(**CALL)
        assert refused.value.response.headers["x-should-retry"] == "false"
        assert len(way.bill()) == 1


async def test_litellm_30661_workers_without_a_redis_share_one_counter(tmp_path):
    """There every worker had a budget of its own: exceeded by hundreds of dollars, for months."""
    with road(tmp_path, PROVIDERS + f"server: {{workers: 2}}\n{SHARED}") as way:
        answers = await crowd(way, way.first, callers=32, calls=300, body=chat(max_tokens=100))
        assert answers.statuses[200]
        assert answers.statuses[429]
        assert billed(way.bill()) <= BUDGET


async def test_litellm_34733_37454_windows_roll_over_under_load_and_each_keeps_to_its_limit(way):
    """There a reset was a plain SET, of which the last one won, and came late by the offset of the zone."""
    key, until = way.key("--team=second"), time.monotonic() + 4
    async with way.aclient(key) as client:

        async def caller():
            while time.monotonic() < until:
                try:
                    await client.chat.completions.create(**CALL)
                except openai.RateLimitError:
                    await asyncio.sleep(0.05)

        await asyncio.gather(*(caller() for _ in range(10)))
    windows = Counter()
    for line in way.entries():
        windows.update(line["charges"])
    counted = {name: n for name, n in windows.items() if name.startswith("team:second/requests/")}
    assert len(counted) >= 3
    assert set(counted.values()) <= {1, 2, 3, 4, 5}
    assert {name: n for name, n in way.balances().items() if name in counted} == counted


def test_litellm_34896_38938_a_day_ends_at_midnight_where_the_limit_says(way):
    """There it ended nine hours late in Tokyo."""
    with way.client(way.key("--team=tokyo")) as client, pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(**CALL)
    tokyo = datetime.now(ZoneInfo("Asia/Tokyo"))
    midnight = (tokyo + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    told = datetime.fromisoformat(refused.value.response.headers["x-fareway-budget-reset"])
    assert told == midnight or told - midnight == timedelta(days=1), "or it was midnight just now"


def test_litellm_27639_28283_30460_36926_40050_what_counts_against_a_budget_is_the_bill(way):
    """There the counter stood at two to six times what was spent, and calls were refused."""
    with way.client() as client:
        for n in range(10):
            client.chat.completions.create(**CALL | {"stream": n % 2 == 0})
    way.rest()
    text = way.metrics()
    assert metric(text, "fareway_limit_spent", limit=ACCOUNT) == billed(way.bill()) * NANOS > 0
    assert metric(text, "fareway_limit_held", limit=ACCOUNT) == 0


def test_litellm_35569_a_call_that_fails_leaves_no_hold_and_no_charge(way):
    """There what was reserved stayed beside what was charged."""
    failing = CALL | {"messages": said("Go. [[sim: fail=500]]")}
    with way.client() as client:
        for _ in range(2):
            with pytest.raises(openai.APIStatusError):
                client.chat.completions.create(**failing)
        client.chat.completions.create(**CALL)
    way.rest()
    text = way.metrics()
    assert metric(text, "fareway_limit_held", limit=ACCOUNT) == 0
    assert metric(text, "fareway_limit_spent", limit=ACCOUNT) == billed(way.bill()) * NANOS > 0


async def test_litellm_38647_large_caps_of_streams_do_not_starve_a_budget(way):
    """There the worst cases of calls in flight filled a budget of which nothing was spent."""
    asked = {"model": "sim-small", "messages": said("Go. [[sim: tokens=40 tps=100]]"), "max_tokens": 128_000}
    async with way.aclient() as client:

        async def caller():
            async for _ in await client.chat.completions.create(**asked, stream=True):
                pass

        await asyncio.gather(*(caller() for _ in range(4)))
    assert [line["outcome"] for line in way.entries()] == ["ok"] * 4


def test_litellm_30330_a_hold_ends_with_the_process_that_had_it(tmp_path):
    """There the hold of a killed process stayed for ever, and refused the next call with nothing spent."""
    with two_lives(tmp_path, "--tokens-per-second", "20") as (way, config):
        with way.client() as client:
            stream = client.chat.completions.create(**CALL | {"stream": True, "messages": said("[[sim: tokens=200]]")})
            next(iter(stream))
            way.gate.kill()
            stream.close()
        restarted(way, config)
        eventually(way.bill)
        (line,) = way.entries()
        assert line["outcome"] == "unresolved"
        assert billed(way.bill()) <= spent([line]) < BUDGET
        with way.client() as client:
            assert client.chat.completions.create(**CALL).choices
        way.rest()
        assert way.metric("fareway_limit_held", limit="all/usd/lifetime") == 0


@needs_redis
async def test_litellm_28247_gateways_that_tell_a_store_anew_do_not_add_up(tmp_path):
    """There every one of N pods added what it knew to the counter: N times what was spent."""
    with fleet(tmp_path, SHARED) as made:
        for gate in made.gates:
            await crowd(gate, made.first, callers=2, calls=10, body=chat(max_tokens=20))
        cost = billed(made.gates[0].bill())
        made.redis.say("FLUSHALL")
        record = "{fareway:1}:record:all/usd/lifetime@always"
        eventually(lambda: made.redis.say("HGET", record, "spent").split(b"\r\n")[-2:-1] == [b"%d" % (cost * NANOS)])
        await asyncio.sleep(1)
        assert made.redis.say("HGET", record, "spent").split(b"\r\n")[1] == b"%d" % (cost * NANOS)


@needs_redis
async def test_litellm_35528_35533_32232_35273_without_its_store_a_gateway_neither_opens_nor_hangs(tmp_path):
    """There limits let everything pass, or every pod had one of its own, or callers were blocked for ever."""
    with fleet(tmp_path, SHARED, patient=False) as made:
        for stop in (made.redis.freeze, made.redis.kill):
            stop()
            began = time.monotonic()
            answers = [await crowd(gate, made.first, callers=4, calls=60, body=chat()) for gate in made.gates]
            assert all(set(each.statuses) <= {200, 503} for each in answers)
            assert sum(each.statuses[503] for each in answers) > 0, "no more than was leased"
            assert time.monotonic() - began < 120
        assert billed(made.gates[0].bill()) <= BUDGET
