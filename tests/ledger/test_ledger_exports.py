"""Exports of every vendor are read into the same rows. The samples are made up in the shapes that vendors publish."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import Money
from gateway.ledger.exports import PRICED_AS, READERS, ExportError, read
from gateway.ledger.exports.rows import day_of, dollars, kind_of, number, records, tier_of
from gateway.ledger.sides import plain_name

SAMPLES = Path(__file__).parent / "exports"
MINI, SONNET = "gpt-4o-mini-2024-07-18", "claude-sonnet-4-5-20250929"

PAGE = '{"data": [{"results": [%s]}]}'

READ = {
    ("openai", "openai_usage.json"): [
        (MINI, "input", 600, None, ""), (MINI, "cache_read", 400, None, ""), (MINI, "output", 50, None, ""),
        ("gpt-4o-2024-08-06", "input", 10, None, "batch"), ("gpt-4o-2024-08-06", "output", 5, None, "batch"),
    ],
    ("openai", "openai_costs.json"): [
        (MINI, "input", None, "0.00009", ""), (MINI, "cache_read", None, "0.00003", ""),
        (MINI, "output", None, "0.00003", ""),
    ],
    ("openai", "openai_costs.csv"): [
        (MINI, "input", None, "0.00009", ""), ("web search tool calls", "other", None, "0.01", ""),
    ],
    ("anthropic", "anthropic_usage.json"): [
        (SONNET, "input", 1500, None, ""), (SONNET, "cache_read", 200, None, ""),
        (SONNET, "cache_write", 120, None, ""), (SONNET, "output", 500, None, ""),
        (SONNET, "input", 7, None, "batch"), (SONNET, "output", 3, None, "batch"),
    ],
    ("anthropic", "anthropic_costs.json"): [
        (SONNET, "input", None, "0.0045", ""), (SONNET, "cache_write", None, "0.000075", ""),
        ("", "other", None, "0.10", ""),
    ],
    ("aws", "aws_cur2.csv"): [
        ("Claude3.5Sonnet", "input", 1500, "0.0045", ""), ("Claude3.5Sonnet", "cache_read", 2000, "0.0006", ""),
        ("Claude3.5Sonnet", "cache_write", 2000, "0.0075", ""), ("Claude Sonnet 4.5", "output", 500, "0.0075", ""),
        ("Amazon Bedrock", "other", None, "0.10", ""),
    ],
    ("aws", "aws_legacy.csv"): [("Nova-Pro", "output", 7_000_000, "22.40", "")],
    ("gcp", "gcp.csv"): [
        ("gemini-2.5-flash", "input", 1200, "0.00036", ""), ("gemini-2.5-flash-lite", "output", 10, "0.000004", ""),
        ("claude-sonnet-4.5", "cache_read", 30, "0.000009", ""),
        ("Grounding with Google Search", "other", None, "0.07", ""),
    ],
    ("azure", "azure.csv"): [
        ("gpt-4o-mini-0718", "input", 1500, "0.000225", ""), ("gpt 4.1", "cache_read", 500_000, "0.25", ""),
        ("gpt 4o 0806", "output", 2000, "0.01", "batch"),
    ],
    ("azure", "azure_payg.csv"): [("gpt-4o-0806", "output", 1000, "0.01", "")],
}  # fmt: skip


@pytest.mark.parametrize(("vendor", "file"), READ, ids=lambda value: value)
def test_a_sample_is_read(vendor, file):
    rows = read(vendor, (SAMPLES / file).read_text())
    found = [(r.model, str(r.kind), r.tokens, r.amount and r.amount.decimal, r.tier) for r in rows]
    assert found == READ[vendor, file]
    assert {row.day for row in rows} == {"2026-11-20"}


def test_every_vendor_has_a_sample_and_a_place_in_the_price_book():
    assert {vendor for vendor, _ in READ} == set(READERS) == set(PRICED_AS)
    assert Counter(file for _, file in READ) == Counter(path.name for path in SAMPLES.iterdir())


@pytest.mark.parametrize(
    ("vendor", "text", "says"),
    [
        ("openai", '{"data": [', "not readable as JSON"),
        ("openai", "a,b\n1,2\n", "nothing in it looks like an export of openai"),
        ("openai", "", "nothing in it"),
        ("openai", "[1, null, []]", "nothing in it"),
        ("anthropic", PAGE % '{"starting_at": "2026-11-20", "amount": "0"}', "nothing in it"),
        ("anthropic", PAGE % '{"starting_at": "2026-11-20"}', "nothing in it"),
        ("openai", '{"data": [7, {"results": [7]}]}', "nothing in it"),
        ("openai", PAGE % '{"start_time": "x", "input_tokens": 5}', "'x' is not a day"),
        ("openai", PAGE % '{"start_time": 1795132800, "input_tokens": "many"}', "'many' is not a number"),
        ("openai", PAGE % '{"start_time": 1795132800, "amount": {"value": 1, "currency": "chf"}}', "amounts in chf"),
        (
            "anthropic",
            PAGE % '{"starting_at": "2026-11-20", "uncached_input_tokens": 1, "cache_creation": 7}',
            "not an object",
        ),
    ],
)
def test_what_is_no_export_is_said(vendor, text, says):
    with pytest.raises(ExportError, match=says):
        read(vendor, text)


@given(st.sampled_from(sorted(READERS)), st.text())
def test_garbage_is_an_error_and_nothing_else(vendor, text):
    with pytest.raises(ExportError):
        read(vendor, text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("1795132800", "2026-11-20"),
        ("2026-11-20T23:30:00-05:00", "2026-11-21"),
        ("2026-11-20 23:30:00 UTC", "2026-11-20"),
        ("2026-11-20", "2026-11-20"),
        ("1/2/2026", "2026-01-02"),
    ],
)
def test_days_are_of_utc(text, day):
    assert day_of(text) == day


def test_amounts_are_exact_or_nearest():
    assert dollars("0.1") == Money.usd("0.1")
    assert dollars("12.345678", per=100) == Money.usd("0.12345678")
    assert dollars("1,234.5", "usd") == Money.usd("1234.5")
    assert dollars("0.0000000000006") == Money(1)
    assert dollars(None) == Money(0)
    with pytest.raises(ExportError):
        number("NaN")
    with pytest.raises(ExportError):
        number("1e99999")


def test_numbers_of_json_keep_every_digit():
    (found,) = records('\ufeff{"data": [{"results": [{"amount": 0.123456789012345678}]}]}')
    assert str(found["amount"]) == "0.123456789012345678"


@pytest.mark.parametrize(
    ("words", "kind", "tier"),
    [
        ("uncached_input_tokens", "input", ""),
        ("cached input, batch", "cache_read", "batch"),
        ("cache_creation.ephemeral_1h_input_tokens", "cache_write", ""),
        ("Outp", "output", ""),
        ("Flex output", "output", "flex"),
        ("web search", "other", ""),
    ],
)
def test_words_of_classes_and_tiers(words, kind, tier):
    assert (str(kind_of(words)), tier_of(words)) == (kind, tier)


@pytest.mark.parametrize(
    "names",
    [
        ["us.anthropic.claude-sonnet-4-5-20250929-v1:0", "Claude Sonnet 4.5", "claude-sonnet-4-5", "claude-sonnet-4.5"],
        ["gpt-4o-mini-2024-07-18", "gpt-4o-mini-0718", "gpt 4o mini", "openai/gpt-4o-mini"],
        ["anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3.5-sonnet", "claude-3-5-sonnet-latest"],
        ["amazon.nova-pro-v1:0", "Nova-Pro"],
        ["gemini-2.5-flash", "gemini 2.5 flash"],
    ],
)
def test_names_of_one_model_meet(names):
    assert len({plain_name(name) for name in names}) == 1
