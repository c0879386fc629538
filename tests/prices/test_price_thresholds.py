"""Long context: where each vendor's rates step, to the token, for the whole call."""

from datetime import datetime
from fractions import Fraction

import pytest

from gateway.core.price import CostStatus
from gateway.core.usage import Usage

NOW = datetime.fromisoformat("2026-11-16T12:00:00+00:00").timestamp()
LONG = [  # Provider, model, the last size at the lower rates, times input, times output.
    ("openai", "gpt-5.4", 272_000, 2, "1.5"),
    ("openai", "gpt-5.4-pro", 272_000, 2, "1.5"),
    ("openai", "gpt-5.5", 272_000, 2, "1.5"),
    ("openai", "gpt-5.6-sol", 272_000, 2, "1.5"),
    ("openai", "gpt-6-sol", 272_000, 2, "1.5"),
    ("openai", "gpt-6.1-terra", 272_000, 2, "1.5"),
    ("anthropic", "claude-haiku-5-5", 100_000, 5, "5"),
    ("google", "gemini-2.5-pro", 200_000, 2, "1.5"),
    ("google", "gemini-3-pro-preview", 200_000, 2, "1.5"),
    ("google", "gemini-3.1-pro-preview", 200_000, 2, "1.5"),
    ("google", "gemini-1.5-pro", 128_000, 2, "2"),
    ("x-ai", "grok-4.3", 199_999, 2, "2"),  # From 200,000 on: inclusive.
]


@pytest.mark.parametrize("case", LONG)
def test_the_whole_call_steps_after_the_threshold(book, case):
    """At threshold - 1, threshold, threshold + 1; cached input counts towards the size (tokscale #862)."""
    provider, model, last, given, made = case
    price = book.price(provider, model, NOW)
    low, high = price.standard.base, price.standard.at(last + 1)
    assert high.input == low.input * given
    assert high.cache_read == low.cache_read * given
    assert high.output == low.output * Fraction(made)
    for size in (last - 1, last, last + 1):
        rates = high if size > last else low
        usage = Usage(input=10, cache_read=size - 10, output=7)
        expected = 10 * rates.input + (size - 10) * rates.cache_read + 7 * rates.output
        assert price.of(usage).total.picos == expected


@pytest.mark.parametrize(("provider", "model", "last"), [case[:3] for case in LONG])
def test_a_single_prompt_decides_where_turns_were_added_up(book, provider, model, last):
    """Sums of turns are no prompt: the first one's size counts, and a sum beyond the threshold is not sure."""
    price = book.price(provider, model, NOW)
    for prompt, rates in ((last, price.standard.base), (last + 1, price.standard.at(last + 1))):
        cost = price.of(Usage(input=last + 1, prompt=prompt))
        assert cost.total.picos == (last + 1) * rates.input
        assert (cost.status is CostStatus.EXACT) == (prompt > last)


def test_tiers_step_where_the_standard_does(book):
    """Those that do: priority has one rate for all sizes, as published."""
    price = book.price("openai", "gpt-5.5", NOW)
    for tier in ("flex", "batch"):
        below, above = (price.of(Usage(input=size), tier).total.picos // size for size in (272_000, 272_001))
        assert below < above


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-sonnet-4-6"])
def test_anthropics_long_context_ended_on_2026_03_13(book, model):
    for day, steps in (("2026-03-12", True), ("2026-03-14", False)):
        price = book.price("anthropic", model, datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp())
        assert (price.standard.at(200_001).input > price.standard.at(200_000).input) == steps
