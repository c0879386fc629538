"""From published rates to integers: fallbacks, bands, rounding."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.price import CostStatus, Price
from gateway.core.usage import Extras, Usage
from gateway.prices.feed import Step, Stepped
from gateway.prices.rates import Steps, card, free, picos, schedule, times


@given(st.decimals(min_value=0, max_value=1000, places=6))
def test_published_rates_stay_exact(amount):
    """A rate with up to six decimals is whole pico-dollars per token: a million tokens cost it to the digit."""
    assert Fraction(picos(amount, 10**6) * 10**6, 10**12) == Fraction(amount)


@given(st.decimals(min_value=0, max_value=1000, allow_nan=False, places=20))
def test_finer_rates_are_rounded_up_by_less_than_one(amount):
    """Nothing ever costs less than published, nor a whole pico-dollar per token more."""
    exact = Fraction(amount) * 10**6
    assert exact <= picos(amount, 10**6) < exact + 1


def test_classes_without_a_rate_pay_their_parents():
    """Only what is published can be a discount."""
    rates = schedule(card({"input_mtok": Decimal(2), "output_mtok": Decimal(8)})).base
    inputs = ("cache_read", "cache_write", "cache_write_1h", "input_audio", "cache_read_audio", "input_image")
    assert {getattr(rates, name) for name in inputs} == {2_000_000}
    assert {getattr(rates, f"output_{kind}") for kind in ("reasoning", "audio", "image")} == {8_000_000}
    assert rates.request == 0


@pytest.mark.parametrize(
    ("published", "rate", "usd"),
    [
        ({"cache_write_mtok": 3}, "cache_write_1h", 3),
        ({"cache_write_mtok": 3, "cache_write_1h_mtok": 4}, "cache_write_1h", 4),
        ({"cache_write_5m_mtok": 3}, "cache_write", 3),
        ({"cache_read_mtok": 1}, "cache_read_audio", 1),
        ({"cache_read_mtok": 1, "input_audio_mtok": 9}, "cache_read_audio", 9),
        ({"cache_read_mtok": 1, "input_audio_mtok": 9, "cache_audio_read_mtok": 5}, "cache_read_audio", 5),
        ({"output_reasoning_mtok": 7}, "output_reasoning", 7),
    ],
)
def test_fallbacks(published, rate, usd):
    """Each class takes the nearest published rate."""
    prices = {"input_mtok": 2, "output_mtok": 8, **published}
    rates = schedule(card({unit: Decimal(amount) for unit, amount in prices.items()})).base
    assert getattr(rates, rate) == usd * 10**6


def test_a_fee_per_thousand_requests():
    """$5 per thousand calls is half a cent a call."""
    assert schedule(card({"input_mtok": Decimal(1), "requests_kcount": Decimal(5)})).base.request == 5 * 10**9


@pytest.mark.parametrize("published", [{}, {"output_mtok": 1}, {"output_mtok": 1, "audio_hours": 1}])
def test_no_input_rate_is_no_price(published):
    """Unknown is not free, and half a price is none."""
    assert schedule(card({unit: Decimal(amount) for unit, amount in published.items()})) is None


@pytest.mark.parametrize(
    ("unit", "usd", "name", "picos_each"),
    [
        ("audio_hours", "0.36", "audio_ms", 10**5),
        ("input_audio_hours", "0.04", "audio_ms", 11_112),  # 11,111.1: rounded up, and listed.
        ("input_mchars", "15", "characters", 15 * 10**6),
        ("input_document_kpages", "4", "pages", 4 * 10**9),
        ("web_searches_kcount", "10", "web_searches", 10**10),
        ("storage_searches_kcount", "2.5", "file_searches", 25 * 10**8),
    ],
)
def test_what_is_sold_without_tokens_is_a_price(unit, usd, name, picos_each):
    """A recording, a page, a search: exact where it is counted, uncertain where tokens come that have no rate."""
    price = Price("p", schedule(card({unit: Decimal(usd)})))
    counted = price.of(Usage(extras=Extras(**{name: 3})))
    assert (counted.total.picos, counted.status) == (3 * picos_each, CostStatus.EXACT)
    for usage in (Usage(), Usage(extras=Extras()), Usage(input=5), Usage(input=5, extras=Extras(**{name: 3}))):
        assert price.of(usage).status is CostStatus.UNCERTAIN


def test_the_earlier_of_two_units_for_one_thing_counts():
    both = card({"audio_hours": Decimal(9), "input_audio_hours": Decimal("0.36")})
    assert both["audio_ms"].base == 10**5


@given(st.fractions(0, 10), st.integers(0, 10**9))
def test_a_multiple_is_rounded_up_once(factor, rate):
    steps = Steps(rate, ((100, 2 * rate),))
    made = times(
        {"input": steps, "request": steps, "web_searches": steps, "cache_read_audio": steps}, factor, Fraction(1)
    )
    assert factor * rate <= made["input"].base < factor * rate + 1
    assert factor * 2 * rate <= made["input"].at(101) < factor * 2 * rate + 1
    assert made["request"] == made["web_searches"] == made["cache_read_audio"] == steps


@pytest.mark.parametrize(("tokens", "expected"), [(99, 1), (100, 1), (101, 2), (200, 2), (201, 3)])
def test_thresholds_are_strict_and_move_the_whole_call(tokens, expected):
    """`start` tokens still pay the lower rate; rates with different thresholds make as many bands."""
    low = Stepped(Decimal(1), (Step(100, Decimal(2)), Step(200, Decimal(3))))
    high = Stepped(Decimal(10), (Step(200, Decimal(30)),))
    rates = schedule(card({"input_mtok": low, "output_mtok": high})).at(tokens)
    assert rates.input == rates.cache_read == expected * 10**6
    assert rates.output == (30 if tokens > 200 else 10) * 10**6


def test_free():
    """A list of zeros charges nothing."""
    assert free(card({"input_mtok": Decimal(0), "output_mtok": Decimal(0)}).values())
    assert not free(card({"input_mtok": Decimal(0), "output_mtok": Decimal(1)}).values())
