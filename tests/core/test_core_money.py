"""Money is exact: what is read is what is printed, and the only rounding is up."""

import re
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.money import PICOS_PER_DOLLAR, ZERO, Money

picos = st.integers(-(10**45), 10**45)


@given(picos)
def test_what_is_printed_reads_back_as_the_same_amount(amount):
    assert Money.usd(Money(amount).decimal) == Money(amount)


@given(picos)
def test_printing_shows_exactly_the_amount_in_plain_digits(amount):
    text = Money(amount).decimal
    assert re.fullmatch(r"-?\d+\.\d{2,12}", text)
    assert Fraction(text) == Fraction(amount, PICOS_PER_DOLLAR)
    assert not text.endswith("0") or len(text.split(".")[1]) == 2
    assert str(Money(amount)) == f"${text}"


@given(st.integers(-(10**40), 10**40), st.integers(0, 60))
def test_reading_is_exact_or_refused(digits, places):
    """Whole pico-dollars are read exactly, however large; anything finer is refused, never rounded."""
    text = f"{digits}e-{places}"
    exact = Fraction(digits) / 10**places * PICOS_PER_DOLLAR
    if exact.denominator == 1:
        assert Money.usd(text) == Money(int(exact))
        assert Money.usd(Decimal(text)) == Money(int(exact))
    else:
        with pytest.raises(ValueError, match="finer than a pico-dollar"):
            Money.usd(text)


@given(st.integers(-(10**15), 10**15))
def test_whole_dollars_are_read_from_ints(dollars):
    assert Money.usd(dollars).picos == dollars * PICOS_PER_DOLLAR


@pytest.mark.parametrize("text", ["", "ten", "nan", "inf", "-inf", "sNaN", "0x10", "1,5", "$1", "1e400", "1e99999999"])
def test_what_is_no_amount_is_refused_at_once(text):
    """NaN, infinity, text and absurd exponents raise ValueError, and building huge numbers is not tried."""
    began = time.monotonic()
    with pytest.raises(ValueError, match="is not an amount of dollars"):
        Money.usd(text)
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("text", ["0.0000000000001", "1e-13", "1e-400", "123456789012345678.0000000000001"])
def test_a_fraction_of_a_pico_dollar_is_refused_as_such(text):
    with pytest.raises(ValueError, match="finer than a pico-dollar"):
        Money.usd(text)


@given(st.integers(-(10**20), 10**20))
def test_nanos_never_count_too_little_and_less_than_one_too_much(amount):
    nanos = Money(amount).nanos_up
    assert 0 <= nanos * 1000 - amount < 1000


@given(st.integers(-(10**20), 10**20))
def test_whole_nanos_survive_the_way_to_the_store_and_back(nanos):
    assert Money.of_nanos(nanos).nanos_up == nanos


@given(picos, picos)
def test_adding_and_taking_away_are_exact(a, b):
    assert (Money(a) + Money(b)).picos == a + b
    assert Money(a) + Money(b) - Money(b) == Money(a)
    assert (Money(a) < Money(b)) == (a < b)


@pytest.mark.parametrize("other", [1, 1.5, "1", None])
def test_money_adds_only_to_money(other):
    for operation in (lambda: Money(1) + other, lambda: Money(1) - other, lambda: other + Money(1)):
        with pytest.raises((TypeError, AttributeError)):
            operation()


@settings(max_examples=20)
@given(picos)
def test_only_nothing_is_false(amount):
    assert bool(Money(amount)) == (amount != 0)
    assert not ZERO


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("10", "10.00"), ("0.00026", "0.00026"), ("-0.5", "-0.50"), ("1e-12", "0.000000000001")],
)
def test_amounts_print_with_at_least_two_decimals(amount, text):
    assert Money.usd(amount).decimal == text


def test_money_cannot_be_changed():
    with pytest.raises(AttributeError):
        Money(1).picos = 2
