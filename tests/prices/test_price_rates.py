"""From published rates to integers: fallbacks, bands, rounding."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prices.feed import Step, Stepped
from gateway.prices.rates import card, free, picos, schedule


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


def test_no_input_rate_is_no_price():
    """Models sold by the hour or the page have no token price, and unknown is not free."""
    assert schedule(card({"audio_hours": Decimal(1)})) is None
    assert schedule(card({"output_mtok": Decimal(1)})) is None


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
