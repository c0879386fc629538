"""Places and conditions: multiples of published rates, alone and together."""

from datetime import datetime
from fractions import Fraction
from math import ceil

import pytest

from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.core.usage import Extras, Usage
from gateway.prices.book import PriceBook
from gateway.prices.bundled import corrections, price_book, snapshot, surcharges
from gateway.prices.overrides import read_overrides
from gateway.prices.surcharges import read_surcharges

NOW = datetime.fromisoformat("2026-11-16T12:00:00+00:00").timestamp()
JUNE = datetime.fromisoformat("2026-06-30T23:59:59+00:00").timestamp()
JULY = JUNE + 1
MILLION = Usage(input=10**6, cache_read=10**6, output=10**6)


@pytest.mark.parametrize(
    ("provider", "model", "region", "factor"),
    [
        ("openai", "gpt-5.4", "", 1),
        ("openai", "gpt-5.4", "eu", "1.1"),
        ("openai", "gpt-6.1-sol", "us", "1.1"),
        ("openai", "gpt-5.2", "eu", 1),  # Released before 2026-03-05.
        ("openai", "gpt-5.4", "asia", 1),
        ("azure", "gpt-5", "", 1),
        ("azure", "gpt-5", "global", 1),
        ("azure", "gpt-5", "swedencentral", "1.1"),
        ("azure", "gpt-6-sol", "us", "1.1"),
        ("azure", "gpt-6-sol", "eu", "1.2"),
        ("azure", "text-embedding-3-small", "eu", 1),
        ("google", "gemini-3.6-flash", "", 1),
        ("google", "gemini-3.6-flash", "global", 1),
        ("google", "gemini-3.6-flash", "us-central1", "1.1"),
        ("google", "gemini-3-flash-preview", "us-central1", 1),
        ("google", "gemini-2.5-pro", "us-central1", 1),
        ("google", "claude-opus-4-5", "europe-west1", "1.1"),
        ("google", "claude-4-opus", "europe-west1", 1),
        ("mistral", "mistral-small-latest", "enterprise", "1.75"),
    ],
)
def test_a_region_multiplies_every_rate_of_tokens(book, provider, model, region, factor):
    """By its factor, exactly, at the standard and in every tier that is there; once, and rounded up."""
    plain, here = book.price(provider, model, NOW), book.price(provider, model, NOW, region)
    assert here.tiers.keys() == plain.tiers.keys()
    for one, other in ((plain.standard, here.standard), *((plain.tiers[t], here.tiers[t]) for t in plain.tiers)):
        for name in ("input", "cache_read", "cache_write", "output", "output_audio"):
            exact = getattr(one.base, name) * Fraction(factor)
            assert ceil(exact) <= getattr(other.base, name) <= ceil(exact) + 1  # Of what was a multiple already.
        assert (one.base.request, one.base.extras) == (other.base.request, other.base.extras)
    assert here.standard.base.input == ceil(plain.standard.base.input * Fraction(factor))
    assert (here.id == plain.id) == (factor == 1)


def test_a_surcharge_has_a_first_day(book):
    rates = [book.price("google", "gemini-3.5-flash", at, "us-central1").standard.base.input for at in (JUNE, JULY)]
    assert rates[1] == rates[0] * 11 // 10


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("claude-opus-4-6", "1.1"),
        ("claude-sonnet-5-5", "1.1"),
        ("claude-haiku-5-5", "1.1"),
        ("claude-sonnet-4-5", None),
    ],
)
def test_anthropics_place_goes_with_every_other_condition(book, model, place):
    """`inference_geo: us` is 1.1 times for Claude 4.6 and later, in batches and at speed as well."""
    price = book.price("anthropic", model, NOW)
    for tier in ("", *(name for name in price.tiers if "geo:" not in name)):
        alone = price.of(MILLION, tier)
        there = price.of(MILLION, ",".join(sorted(filter(None, [tier, "geo:us"]))))
        if place is None:
            assert there.status is CostStatus.UNCERTAIN
        else:
            assert (there.total.picos, there.status) == (alone.total.picos * Fraction(place), CostStatus.EXACT)


def test_fees_are_the_same_everywhere(book):
    usage = Usage(extras=Extras(web_searches=2))
    assert book.price("anthropic", "claude-opus-4-8", NOW).of(usage, "geo:us").total == Money.usd("0.02")


def test_bedrocks_flex_is_half_and_not_sure(book):
    """The factor is litellm's; no page of AWS was read. The recorded answer costs what its index expects."""
    cost = book.price("aws", "us.amazon.nova-micro-v1:0", NOW).of(Usage(input=13, output=5), "flex")
    assert (cost.total, cost.status) == (Money.usd("0.0000005775"), CostStatus.UNCERTAIN)
    assert book.price("aws", "eu.amazon.nova-lite-v1:0", NOW).standard.base.input == 78_000


@pytest.mark.parametrize(
    ("model", "tier", "usd", "status"),
    [
        ("gemini-2.5-flash", "flex", "0.15 + 0.03 + 1.25", "exact"),  # Cached input is discounted once.
        ("gemini-2.5-flash", "priority", "0.54 + 0.054 + 4.5", "exact"),
        ("gemini-3.1-flash-lite", "flex", "0.125 + 0.0125 + 0.75", "exact"),
        ("gemini-3.5-flash", "flex", "0.75 + 0.075 + 4.5", "uncertain"),
        ("gemini-2.5-flash", "provisioned_throughput", "0.30 + 0.03 + 2.5", "uncertain"),
    ],
)
def test_googles_tiers(book, model, tier, usd, status):
    cost = book.price("google", model, NOW).of(MILLION, tier)
    assert (cost.total, cost.status) == (Money(sum(Money.usd(part).picos for part in usd.split(" + "))), status)


def test_published_tiers_win_over_multiples():
    """A feed that has rates of its own for a tier is believed."""
    (rule,) = read_surcharges([{"provider": "openai", "models": "", "tier": "flex", "times": "99"}])
    price = PriceBook(snapshot(), surcharges=[rule]).price("openai", "gpt-5", NOW)
    assert price.tiers["flex"].base.input == 625_000


def test_what_a_user_wrote_is_what_they_pay():
    """A whole price of one's own is for wherever the call runs; one rate of it is multiplied like the rest."""
    whole = {"provider": "openai", "model": "gpt-5.4", "input": "1/M", "output": "2/M"}
    for entry, rate in ((whole, 1_000_000), (whole | {"output": "2/M", "tier": "flex"}, 2_750_000)):
        book = price_book(read_overrides([entry], where="prices"))
        assert book.price("openai", "gpt-5.4", NOW, "eu").standard.base.input == rate
    part = {"provider": "openai", "model": "gpt-5.4", "input": "1/M"}
    book = price_book(read_overrides([part], where="prices"))
    assert book.price("openai", "gpt-5.4", NOW, "eu").standard.base.input == 1_100_000


@pytest.mark.parametrize(
    "entry",
    [
        {"provider": "p", "models": "", "times": "1.1"},
        {"provider": "p", "models": "", "times": "1.1", "tier": "t", "region": "r"},
        {"provider": "p", "models": "", "times": "1.1", "tier": "t", "place": "r"},
        {"provider": "p", "models": "", "times": "more", "tier": "t"},
        {"provider": "p", "models": "", "times": 1.1, "tier": "t"},
    ],
)
def test_what_is_no_surcharge(entry):
    with pytest.raises(ValueError):
        read_surcharges([entry])


def test_every_bundled_surcharge_concerns_some_model(snapshot):
    """A slip in a pattern would be silent otherwise."""
    for rule in surcharges():
        names = [model.id for model in snapshot.providers[rule.provider].models]
        names += [model.id for model in snapshot.providers["openai"].models] if rule.provider == "azure" else []
        assert any(rule.covers(rule.provider, name, None) for name in names), rule


def test_corrections_of_fees_make_no_price():
    """A fee for every model is none of a model that has no price; and it is no price of one it was not asked for."""
    book = PriceBook(snapshot(), corrections=corrections())
    assert book.price("openai", "no-such-model", NOW) is None
    assert book.price("openai", "gpt-5", NOW).standard.base.extras["code_sessions"] == 3 * 10**10
    assert book.price("azure", "gpt-5", NOW).standard.base.extras["code_sessions"] == 33 * 10**9
    assert book.price("cohere", "rerank-v3.5", NOW).of(Usage(extras=Extras(search_units=3))).total == Money.usd("0.006")
    assert book.price("x-ai", "grok-4.3", NOW).standard.base.extras["web_searches"] == 5 * 10**9
