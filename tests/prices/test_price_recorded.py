"""Recorded answers of real providers cost what they cost, to the digit."""

import json
from datetime import datetime

import pytest

from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.core.usage import Extras, Usage

APIS = {"chat.completions", "embeddings", "openai-compat chat", "models chat.completions"}
UNPRICED = {
    "mistral_stream.sse": "what the alias meant on that day is not known",
    "mistral_voxtral_audio.json": "what the alias meant on that day is not known",
    "openrouter_gemini_cache_read_write_overlap.json": "counters overlap, the list is wrong: reported cost rules",
}
LIST_PRICE = {"openrouter_anthropic_cache.json": "0.00256995"}  # Reported, and the list price says the same.


def split(usage):
    """Disjoint counters from an OpenAI-like usage block, each provider's habits settled as its `note` says."""
    given, made = usage.get("prompt_tokens_details", {}), usage.get("completion_tokens_details", {})
    prompt, completion, total = usage["prompt_tokens"], usage.get("completion_tokens", 0), usage["total_tokens"]
    cached, audio = min(given.get("cached_tokens", 0), prompt), given.get("audio_tokens", 0)
    written, reasoning = given.get("cache_write_tokens", 0), made.get("reasoning_tokens", 0)
    missing = total - prompt - completion  # xAI's reasoning, Google's thoughts: beside the completion, not in it.
    return Usage(
        input=prompt - cached - audio - written,
        cache_read=cached,
        cache_write=written,
        input_audio=audio,
        output=completion if missing else completion - reasoning,
        output_reasoning=missing or reasoning,
    )


def test_recorded_answers(shared, book):
    """Every OpenAI-like recording with an expected cost costs exactly that, at the price of its day."""
    index = json.loads((shared / "data" / "recorded" / "index.json").read_text())
    checked = []
    for entry in index:
        if entry["api"] not in APIS or entry["file"] in UNPRICED:
            continue
        expected = entry["expected_cost_usd"] or LIST_PRICE[entry["file"]]
        at = datetime.fromisoformat(entry["created"] or f"{book.date}T00:00:00+00:00").timestamp()
        usage = split(entry["usage_final"])
        assert usage.tokens == entry["usage_final"]["total_tokens"]
        price = book.price(entry["provider"], entry["model"], at)
        assert price is not None, entry["file"]
        cost = price.of(usage, entry["service_tier"])
        assert cost.total == Money.usd(expected), entry["file"]
        assert cost.status is CostStatus.EXACT
        checked.append(entry["file"])
    assert len(checked) >= 13
    print(len(checked), "recorded answers cost what was expected")


@pytest.mark.parametrize(("file", "why"), UNPRICED.items())
def test_recordings_without_an_expected_cost(shared, file, why):
    """Those left out have no expected cost, for a reason."""
    index = json.loads((shared / "data" / "recorded" / "index.json").read_text())
    (entry,) = (entry for entry in index if entry["file"] == file)
    assert entry["expected_cost_usd"] is None, f"no longer so: {why}"


def test_what_voxtral_hears_is_charged_by_the_minute_and_not_by_the_token(book):
    """As mistral_voxtral_audio.json, of which no charge is known: three seconds at 0.004 a minute, and its text."""
    heard = Usage(input=9, input_audio=375, output=248, extras=Extras(audio_ms=3000))
    cost = book.price("mistral", "voxtral-small-latest", 1_787_150_225).of(heard)
    assert (cost.fees.picos, cost.total.picos) == (3000 * 66_667, 9 * 100_000 + 248 * 400_000 + 3000 * 66_667)
    assert cost.status is CostStatus.EXACT


@pytest.mark.parametrize(
    ("day", "rates"),
    [
        ("2025-09-28", (550_000, 140_000, 2_190_000)),
        ("2025-09-29", (280_000, 28_000, 420_000)),
        ("2026-04-23", (280_000, 28_000, 420_000)),
        ("2026-04-24", (140_000, 28_000, 280_000)),
        ("2026-04-26", (140_000, 2_800, 280_000)),
        ("2026-07-24", (140_000, 2_800, 280_000)),
    ],
)
def test_deepseeks_legacy_names(book, day, rates):
    """deepseek-reasoner through its price changes, at noon UTC."""
    base = book.price(
        "deepseek", "deepseek-reasoner", datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()
    ).standard.base
    assert (base.input, base.cache_read, base.output) == rates


def test_deepseek_v4_had_no_peak_hours_before_they_began(book):
    """The snapshot's hours have no date; the correction gives them one."""
    for model, flat, peak in (("deepseek-v4-flash", 140_000, 300_000), ("deepseek-v4-pro", 435_000, 1_320_000)):
        before = book.price("deepseek", model, datetime.fromisoformat("2026-08-16T02:00:00+00:00").timestamp())
        after = book.price("deepseek", model, datetime.fromisoformat("2026-10-15T02:00:00+00:00").timestamp())
        assert (before.standard.base.input, after.standard.base.input) == (flat, peak)
