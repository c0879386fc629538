"""Public bugs of others: wrong prices and wrong counters. Each test names its number in our list and its issue.

Those about calls that end early, limits and holds need a running gateway: test_hang_ups.py, tests/limits.
"""

import json
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from gateway.catalog.providers import KNOWN
from gateway.core.costing import priced, settling_price
from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.core.usage import Report, Usage
from gateway.dialects.spoken import DIALECTS
from gateway.prices.bundled import price_book
from gateway.prices.match import find
from gateway.prices.overrides import OverrideError, read_overrides

NOW = datetime(2026, 11, 16, 12, tzinfo=UTC).timestamp()
BOOK = price_book()


def report(dialect, *messages, provider="openai"):
    """What the answer, or the events of a stream, say."""
    said = Report()
    for message in messages:
        said = DIALECTS[dialect].report(json.dumps(message).encode(), KNOWN[provider].quirks, said)
    return said


def cost(said, provider, model, at=NOW):
    """As a call is settled."""

    def price_of(name):
        return BOOK.price(provider, name, at)

    price = settling_price(model, said.model, price_of(model), price_of)
    return priced(said.usage, said.turns, said.service_tier, price, price_of)[0]


def chat(given, made, *, model="gpt-5", tier="default", read=0, written=0, reasoning=0):
    return {
        "object": "chat.completion",
        "model": model,
        "service_tier": tier,
        "choices": [],
        "usage": {
            "prompt_tokens": given,
            "completion_tokens": made,
            "total_tokens": given + made,
            "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        },
    }


def message(model="claude-opus-4-8", **usage):
    return {"type": "message", "role": "assistant", "model": model, "content": [], "usage": usage}


def gemini(prompt, made, thoughts=0, cached=0, **more):
    usage = {"promptTokenCount": prompt, "candidatesTokenCount": made, "thoughtsTokenCount": thoughts}
    usage |= {"cachedContentTokenCount": cached, "totalTokenCount": prompt + made + thoughts}
    return {"candidates": [{"content": {"parts": []}}], "modelVersion": "gemini-2.5-pro", "usageMetadata": usage | more}


def test_04_litellm_37992_an_explicit_zero_is_a_value():
    said = report("openai-chat", chat(0, 0))
    assert said.usage is not None
    assert (cost(said, "openai", "gpt-5").total, cost(said, "openai", "gpt-5").status) == (Money(0), CostStatus.EXACT)


def test_05_litellm_39893_cost_and_tokens_come_from_one_usage():
    """The placeholder of the stream's start is gone from both once the last word is there."""
    start = {"type": "message_start", "message": message(input_tokens=100, output_tokens=1)}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 500}}
    said = report("anthropic-messages", start, delta, provider="anthropic")
    assert (said.usage.input_total, said.usage.output_total) == (100, 500)
    assert cost(said, "anthropic", "claude-opus-4-8").total == Money.usd("0.0005") + Money.usd("0.0125")


def test_06_litellm_37734_an_alias_is_resolved_before_it_is_priced_and_unknown_is_not_zero():
    """A name without a price takes that of the model that answered; without one of either, there is no cost."""
    known, unknown = (report("openai-chat", chat(10, 10, model=name)) for name in ("gpt-5", "nobody-knows-it"))
    assert cost(known, "openai", "our-alias").total == cost(known, "openai", "gpt-5").total
    assert cost(unknown, "openai", "our-alias").total is None


@pytest.mark.parametrize(("tier", "factor"), [("default", 2), ("flex", 1), ("priority", 4)])
def test_07_litellm_31837_the_served_tier_decides(tier, factor):
    """Whatever was asked for; 09, litellm #13810: flex is half. Known since 2026-10-12."""
    said = report("openai-chat", chat(1000, 1000, tier=tier))
    found = cost(said, "openai", "gpt-5")
    assert (found.total, found.status) == (
        Money.usd("0.005625") + Money(5_625_000_000 * (factor - 1)),
        CostStatus.EXACT,
    )


def test_08_pi_3307_a_provider_that_echoes_default_can_be_given_its_own_price():
    """Codex says `default` and charges flex: its own name, its own price."""
    mine = {"provider": "codex", "model": "gpt-5", "input": "0.625/M", "cache_read": "0.0625/M", "output": "5/M"}
    book = price_book(read_overrides([mine], where="prices"))
    usage = Usage(input=1000, cache_read=10, output=100)
    echoed, real = book.price("codex", "gpt-5", NOW).of(usage, "default"), book.price("openai", "gpt-5", NOW)
    assert echoed.total == real.of(usage, "flex").total
    assert echoed.status is CostStatus.EXACT


@pytest.mark.parametrize(("traffic", "factor"), [("ON_DEMAND", 10), ("ON_DEMAND_FLEX", 5), ("ON_DEMAND_PRIORITY", 18)])
def test_10_litellm_38458_37724_vertex_traffic_types_are_read_in_streams(traffic, factor):
    first, last = gemini(1000, 1), gemini(1000, 100, trafficType=traffic)
    found = cost(report("gemini", first, last, provider="vertex"), "google", "gemini-2.5-pro")
    assert (found.total, found.status) == (Money(225_000_000 * factor), CostStatus.EXACT)


def test_11_litellm_35925_reasoning_pays_the_tier_as_well():
    plain, thought = (
        cost(report("openai-chat", chat(10, 1000, tier="priority", reasoning=n)), "openai", "gpt-5") for n in (0, 900)
    )
    assert plain.total == thought.total
    assert thought.output == Money(1000 * 20_000_000)


@pytest.mark.parametrize("native", [False, True])
def test_15_aider_5516_cached_tokens_are_charged_once(native):
    """They lie within `prompt_tokens`; DeepSeek's own hits and misses say the same."""
    said = chat(1000, 0, read=400, model="deepseek-v4-flash")
    if native:
        said["usage"] |= {"prompt_cache_hit_tokens": 400, "prompt_cache_miss_tokens": 600}
        del said["usage"]["prompt_tokens_details"]
    found = report("openai-chat", said, provider="deepseek").usage
    assert (found.input, found.cache_read) == (600, 400)


def test_16_browser_use_5305_cache_writes_are_not_input_as_well():
    """Anthropic counts them beside its `input_tokens`."""
    said = report(
        "anthropic-messages",
        message(input_tokens=10, cache_creation_input_tokens=1000, cache_read_input_tokens=100, output_tokens=0),
        provider="anthropic",
    )
    assert (said.usage.input, said.usage.cache_write, said.usage.cache_read) == (10, 1000, 100)
    assert cost(said, "anthropic", "claude-opus-4-8").total == Money(10 * 5_000_000 + 1000 * 6_250_000 + 100 * 500_000)


def test_17_pi_2588_geminis_prompt_contains_the_cached():
    said = report("gemini", gemini(1000, 0, cached=400), provider="google")
    assert (said.usage.input, said.usage.cache_read, said.usage.input_total) == (600, 400, 1000)


def test_18_langfuse_12306_one_convention_for_all():
    """The same call in three vendors' words has the same counters."""
    said = [
        report("openai-chat", chat(1000, 50, read=300, written=200)),
        report(
            "anthropic-messages",
            message(input_tokens=500, cache_read_input_tokens=300, cache_creation_input_tokens=200, output_tokens=50),
            provider="anthropic",
        ),
        report("gemini", gemini(1000, 50, cached=300), provider="google"),
    ]
    assert {one.usage.input_total for one in said} == {1000}
    assert {one.usage.tokens for one in said} == {1050}
    assert {one.usage.cache_read for one in said} == {300}


def test_19_bifrost_3451_a_stream_costs_what_the_whole_answer_costs():
    used = {"input_tokens": 7, "cache_creation_input_tokens": 9000, "cache_read_input_tokens": 50, "output_tokens": 40}
    whole = report("anthropic-messages", message(**used), provider="anthropic")
    start = {"type": "message_start", "message": message(**used | {"output_tokens": 1})}
    delta = {"type": "message_delta", "delta": {}, "usage": used}
    streamed = report("anthropic-messages", start, delta, provider="anthropic")
    assert replace(streamed.usage, prompt=None) == replace(whole.usage, prompt=None)
    assert cost(streamed, "anthropic", "claude-opus-4-8") == cost(whole, "anthropic", "claude-opus-4-8")


@pytest.mark.parametrize(("short", "long"), [(1000, 0), (0, 1000), (300, 700), (300, 200), (0, 0)])
def test_20_dust_28388_cache_writes_do_not_vanish_in_their_split(short, long):
    """The total counts; what the split leaves over is written for five minutes."""
    split = {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
    said = report(
        "anthropic-messages",
        message(input_tokens=1, output_tokens=1, cache_creation_input_tokens=1000, cache_creation=split),
        provider="anthropic",
    )
    assert (said.usage.cache_write, said.usage.cache_write_1h) == (1000 - long, long)


def test_21_vercel_6082_llm_gemini_75_portkey_1458_thoughts_are_output():
    said = report("gemini", gemini(10, 5, thoughts=95), provider="google")
    assert (said.usage.output_total, said.usage.output_reasoning) == (100, 95)
    assert cost(said, "google", "gemini-2.5-pro").output == Money(100 * 10_000_000)


@pytest.mark.parametrize("dialect", ["gemini", "anthropic-messages", "openai-chat"])
def test_22_tensorzero_5481_griptape_2275_langchainjs_10164_running_totals_are_never_summed(dialect):
    """A hundred pieces that count up to 100 are 100 tokens, not 5,050."""
    pieces = {
        "gemini": lambda n: gemini(10, n),
        "anthropic-messages": lambda n: {"type": "message_delta", "delta": {}, "usage": {"output_tokens": n}},
        "openai-chat": lambda n: chat(10, n) | {"object": "chat.completion.chunk"},
    }[dialect]
    start = [{"type": "message_start", "message": message(input_tokens=10, output_tokens=1)}]
    said = report(dialect, *(start if dialect == "anthropic-messages" else []), *(pieces(n) for n in range(1, 101)))
    assert (said.usage.input_total, said.usage.output_total) == (10, 100)


def test_23_claude_code_hub_869_tokscale_862_long_context_moves_the_whole_call():
    """By the whole prompt, cached tokens included: not the part above, and not class by class."""
    said = report("openai-chat", chat(300_000, 1000, read=200_000, model="gpt-5.5"))
    expected = 100_000 * 10_000_000 + 200_000 * 1_000_000 + 1000 * 45_000_000
    assert cost(said, "openai", "gpt-5.5").total == Money(expected)


@pytest.mark.parametrize(
    ("provider", "model", "dearer_from"),
    [("openai", "gpt-5.5", 272_001), ("google", "gemini-2.5-pro", 200_001), ("x-ai", "grok-4.3", 200_000)],
)
def test_24_helicone_5788_unsloth_9527_thresholds_are_strict_but_for_xai(provider, model, dearer_from):
    price = BOOK.price(provider, model, NOW)
    paid = [price.of(Usage(input=n)).total.picos // n for n in range(dearer_from - 2, dearer_from + 2)]
    assert paid[0] == paid[1] < paid[2] == paid[3] == 2 * paid[0]


def test_25_opencode_42910_openais_cache_writes_are_within_the_input():
    said = report("openai-chat", chat(4020, 5, written=4012, model="gpt-5.6-sol"))
    assert (said.usage.input, said.usage.cache_write) == (8, 4012)
    at = datetime(2026, 7, 15, tzinfo=UTC).timestamp()
    assert cost(said, "openai", "gpt-5.6-sol", at).total == Money(8 * 5_000_000 + 4012 * 6_250_000 + 5 * 30_000_000)


def test_genai_prices_173_a_longer_name_is_not_covered_by_a_shorter_one():
    """An exact id goes before any clause that also matches it."""
    for provider in BOOK.feed.providers.values():
        for model in provider.models:
            assert find(BOOK.feed, provider.id, model.id).model.id.lower() == model.id.lower()


def test_genai_prices_582_deepseek_is_off_peak_at_weekends():
    friday, saturday = (datetime(2026, 11, day, 2, tzinfo=UTC).timestamp() for day in (13, 14))
    rates = [BOOK.price("deepseek", "deepseek-v4-flash", at).standard.base.output for at in (friday, saturday)]
    assert rates == [1_200_000, 600_000]


@pytest.mark.parametrize("written", ["0.0000025", 2.5e-6, "2.5", "2.5/token", "2500000/M"])
def test_litellm_20615_a_price_without_its_unit_is_refused(written):
    """Per token or per million is not guessed."""
    with pytest.raises(OverrideError):
        read_overrides([{"model": "m", "input": written, "output": "1/M"}], where="prices")
