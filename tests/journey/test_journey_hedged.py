"""A second call where the first is late: one answer, two entries, and books that agree with the provider's bill."""

import asyncio
from collections import Counter
from decimal import Decimal

import harness
import openai
import pytest
from road import Road, assert_in_order, billed, entries, eventually, road, said, spent

pytestmark = pytest.mark.xdist_group("hedged")

CONFIG = """
providers:
  quick: {base_url: SIM_URL/v1, prices: sim, key: SECRET}
  late: {base_url: SIM_URL/v1, prices: sim, key: SECRET, bills_after_abort: false, headers: {x-sim: slow_headers=30}}
  charging: {base_url: SIM_URL/v1, prices: sim, key: SECRET, headers: {x-sim: slow_headers=3}}
  breaking: {base_url: SIM_URL/v1, prices: sim, key: SECRET, headers: {x-sim: slow_headers=2 cut=0}}
  failing: {base_url: SIM_URL/v1, prices: sim, key: SECRET, headers: {x-sim: fail=500}}
  slower: {base_url: SIM_URL/v1, prices: sim, key: SECRET, bills_after_abort: false, headers: {x-sim: slow_headers=6}}
  hanging: {base_url: SIM_URL/v1, prices: sim, key: SECRET, bills_after_abort: false, headers: {x-sim: hang}}
models:
  quick: {deployments: [quick/sim-small, quick/sim-medium]}
  late: {deployments: [late/sim-small, quick/sim-medium]}
  charging: {deployments: [charging/sim-small, quick/sim-medium]}
  first: {deployments: [charging/sim-small, slower/sim-medium]}
  rescued: {deployments: [breaking/sim-small, charging/sim-medium]}
  second: {deployments: [charging/sim-small, failing/sim-medium]}
  lost: {deployments: [breaking/sim-small, failing/sim-medium]}
  waiting: {deployments: [late/sim-small, hanging/sim-medium]}
routing: {policy: policies.hedged, params: {after: 500ms}, retry: {rounds: 0, budget: 100%}, breaker: {failures: 1000}}
tiers: {economy: [quick]}
auto: {policy: policies.hedged, params: {after: 60s}}
limits:
  - {node: all, amount: 1000 usd, window: lifetime}
  - {node: "key:*", amount: 1000000 tokens, window: lifetime}
  - {node: "user:single", amount: 1 concurrent}
"""


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("hedged"), CONFIG) as found:
        yield found


def ask(way, model, *, stream=False, key=None, text="Go on. [[sim: tokens=20]]", **more):
    """Make a call and read its answer; the answer's headers."""
    with way.client(key, timeout=60) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=model, messages=said(text), stream=stream, max_tokens=50, **more
        )
        if stream:
            with raw.parse() as chunks:
                assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        else:
            assert raw.parse().choices[0].message.content
        return raw.headers


def books(way, headers):
    """The entries of a call by provider, and its charges by model, which are never more."""
    request_id = headers["x-fareway-request-id"]
    lines = way.entries_of(request_id)
    bill = {c["model"]: c for c in way.bill() if c["gateway_request_id"] == request_id}
    for line in lines:
        if line["model"] in bill:
            assert spent([line]) >= billed([bill[line["model"]]]), (line, bill)
    assert set(bill) <= {line["model"] for line in lines}
    assert len({line["id"] for line in lines}) == len(lines)
    return {line["provider"]: line for line in lines}, bill


def assert_balanced(way):
    """What the accounts have spent is what the entries say."""
    nanos = sum(line["charges"].get("all/usd/lifetime@always", 0) for line in way.entries())
    assert way.balances()["all/usd/lifetime@always"] == nanos


@pytest.mark.parametrize("stream", [False, True])
def test_where_the_first_is_in_time_nobody_else_is_asked(way, stream):
    lines, bill = books(way, ask(way, "auto", stream=stream))
    assert [(line["outcome"], line["model"]) for line in lines.values()] == [("ok", "sim-small")]
    assert len(bill) == 1


def test_a_late_stream_is_broken_off_where_that_ends_the_charging(way):
    headers = ask(way, "late", stream=True)
    assert headers["x-fareway-provider"] == "quick"
    assert headers["x-fareway-route-reason"].startswith("hedge to quick/sim-medium: nothing came in 500 ms; ")
    eventually(lambda: "sim-small" in books(way, headers)[1])
    lines, bill = books(way, headers)
    assert {name: line["outcome"] for name, line in lines.items()} == {"late": "outrun", "quick": "ok"}
    assert bill["sim-small"]["ended"] == "aborted"
    assert lines["quick"]["cost_status"] == "exact"
    assert lines["late"]["cost_status"] == "uncertain", "all that it held: nothing came"
    assert lines["late"]["entry"]["cost"]["total"]["picos"] == lines["late"]["entry"]["held_nanos"] * 1000
    assert sorted(line["id"].rpartition(".")[2] for line in lines.values()) == ["1", "2"]
    assert_balanced(way)


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_charges_on_is_read_to_its_end(way, stream):
    """Also any call that does not stream. The caller has its answer before."""
    lines, bill = books(way, ask(way, "charging", stream=stream))
    assert {name: line["outcome"] for name, line in lines.items()} == {"charging": "outrun", "quick": "ok"}
    assert {charge["ended"] for charge in bill.values()} == {"complete"}
    assert {line["cost_status"] for line in lines.values()} == {"exact"}
    assert spent(lines.values()) == billed(bill.values())
    assert_balanced(way)


@pytest.mark.parametrize("stream", [False, True])
def test_the_first_may_still_win(way, stream):
    lines, _ = books(way, headers := ask(way, "first", stream=stream))
    assert headers["x-fareway-provider"] == "charging"
    assert {name: line["outcome"] for name, line in lines.items()} == {"charging": "ok", "slower": "outrun"}
    assert lines["charging"]["entry"]["attempts"] == ["nothing came in 500 ms: slower/sim-medium was asked, too"]
    assert lines["charging"]["cost_status"] == "exact"


def test_where_the_first_breaks_off_the_second_answers(way):
    lines, _ = books(way, headers := ask(way, "rescued"))
    assert headers["x-fareway-provider"] == "charging"
    assert {name: line["outcome"] for name, line in lines.items()} == {"breaking": "failed", "charging": "ok"}
    assert lines["charging"]["entry"]["attempts"][0].startswith("nothing came in 500 ms")
    assert lines["charging"]["entry"]["attempts"][1].startswith("breaking/sim-small: ")


@pytest.mark.parametrize("stream", [False, True])
def test_where_the_second_fails_the_first_is_waited_for(way, stream):
    lines, _ = books(way, headers := ask(way, "second", stream=stream))
    assert headers["x-fareway-provider"] == "charging"
    assert {name: line["outcome"] for name, line in lines.items()} == {"charging": "ok"}


def test_where_both_fail_the_caller_is_told(way):
    with pytest.raises(openai.InternalServerError) as raised:
        ask(way, "lost")
    lines, _ = books(way, raised.value.response.headers)
    assert {name: line["outcome"] for name, line in lines.items()} == {"breaking": "failed"}
    assert_balanced(way)


def test_without_room_for_both_only_the_first_is_asked(way):
    """Of calls at a time, or under the call's own ceiling."""
    single = way.key("--team", "t", "--user", "single")
    held = Decimal(books(way, ask(way, "charging"))[0]["quick"]["entry"]["held_nanos"]) / 10**9
    for lines, _ in (
        books(way, ask(way, "charging", key=single)),
        books(way, ask(way, "charging", extra_headers={"x-fareway-max-cost": str(held)})),
    ):
        (line,) = lines.values()
        assert (line["provider"], line["outcome"]) == ("charging", "ok")
        assert line["entry"]["attempts"][0].startswith(
            "nothing came in 500 ms, and there is no room for a second call: "
        )


async def test_a_caller_that_leaves_ends_both(way):
    before = len(way.entries())
    async with way.aclient() as client:
        call = asyncio.create_task(
            client.chat.completions.create(model="waiting", messages=said("Wait."), stream=True, max_tokens=50)
        )
        await asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") == 2)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    await asyncio.to_thread(eventually, lambda: len(way.entries()) >= before + 2)  # Nobody waits for either.
    await asyncio.to_thread(way.rest)
    lines = way.entries()[before:]
    assert sorted((line["provider"], line["outcome"]) for line in lines) == [
        ("hanging", "hung_up"),
        ("late", "hung_up"),
    ]
    bill = [c for c in way.bill() if c["gateway_request_id"] == lines[0]["request_id"]]
    assert {charge["ended"] for charge in bill} <= {"aborted"}
    assert spent(lines) >= billed(bill)
    assert_balanced(way)


async def test_only_a_share_of_calls_is_hedged(tmp_path):
    """Ten in advance, and no more where the share is nothing."""
    with road(tmp_path, CONFIG.replace("budget: 100%", "budget: 0%")) as way:
        async with way.aclient(timeout=60) as client:
            calls = (client.chat.completions.create(model="charging", messages=said(f"{n}")) for n in range(14))
            await asyncio.gather(*calls)
        lines = await asyncio.to_thread(way.entries)
        assert Counter(line["outcome"] for line in lines) == {"ok": 14, "outrun": 10}
        assert spent(lines) == billed(way.bill())


async def test_killed_with_both_under_way(tmp_path):
    """Both are in the journal: the next process books both at all that they held."""
    sim = harness.simulator(tmp_path / "sim")
    secret = tmp_path / "secret"
    secret.write_text("key")
    config = CONFIG.replace("SIM_URL", sim.url).replace("SECRET", f'"${{file:{secret}}}"')
    gate = harness.gateway(tmp_path / "gate", config)
    way = Road(sim, gate, *gate.tokens)
    try:
        async with way.aclient(timeout=60) as client:
            call = asyncio.create_task(client.chat.completions.create(model="waiting", messages=said("Wait.")))
            await asyncio.to_thread(eventually, lambda: way.metric("fareway_inflight_requests") == 2)
            gate.kill()
            await asyncio.gather(call, return_exceptions=True)
        way.gate = harness.gateway(gate.home, config)
        lines = way.entries()
        assert [(line["outcome"], line["id"][-2:]) for line in lines] == [("unresolved", ".1"), ("unresolved", ".2")]
        assert_balanced(way)
        assert_in_order(way.gate.stderr)
    finally:
        way.gate.stop()
        sim.stop()
    assert spent(entries(way.gate.home)) >= billed(way.bill())
