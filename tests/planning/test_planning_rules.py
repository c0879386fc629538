"""Arithmetic with money, and what is decided by rules."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.money import Money
from gateway.planning.amounts import decimals, dollars, fine, over, percent, split, summed, times, up
from gateway.planning.breakeven import Hosting, break_even, curve
from gateway.planning.decide import Case, Data, decided, volume_band


@given(st.integers(-(10**15), 10**15), st.lists(st.integers(0, 1000), min_size=1))
@settings(deadline=None)
def test_what_is_divided_adds_up(picos, weights):
    parts = split(Money(picos), weights)
    assert summed(parts) == Money(picos)
    whole = sum(weights) or len(weights)
    exact = [picos * Fraction(weight if sum(weights) else 1, whole) for weight in weights]
    assert all(abs(part.picos - share) < 1 for part, share in zip(parts, exact, strict=True))


def test_arithmetic_is_exact_to_the_pico_dollar():
    assert times(Money(10), Fraction(1, 3)) == Money(3)
    assert over(Money(10), 4) == Money(2)
    assert [up(number) for number in (0, Fraction(1, 9), 1, Fraction(10, 9))] == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("usd", "told"),
    [
        ("0", "0.00"),
        ("12.345", "12.35"),
        ("1", "1.00"),
        ("0.07", "0.07"),
        ("0.1", "0.10"),
        ("0.99999", "1.00"),
        ("0.000000000007", "0.000000000007"),
        ("0.000008192708", "0.000008193"),
    ],
)
def test_amounts_as_one_reads_them(usd, told):
    assert fine(Money.usd(usd)) == told


def test_amounts_with_as_many_decimals_as_asked():
    assert dollars(Money.usd("2.5"), 0) == "3"
    assert dollars(Money.usd("-2.005")) == "-2.01"
    assert decimals(Fraction(1, 3), 4) == "0.3333"
    assert percent(Fraction(1, 8)) == "12.5 %"


@pytest.mark.parametrize(
    ("case", "model", "serving"),
    [
        (Case(), "use a general model", "API"),
        (Case(Data.MUCH, quality_critical=True), "full training", "self-host"),
        (Case(Data.MUCH), "fine-tune", "API"),
        (Case(Data.LITTLE), "retrieval (RAG)", "API"),
        (Case(Data.LITTLE, latency_critical=True), "fine-tune", "self-host"),
        (Case(Data.LITTLE, unique_domain=True), "fine-tune", "API"),
        (Case(sensitive=True), "use a general model", "self-host"),
        (Case(iterating=True, monthly_requests=10**7), "use a general model", "API"),
        (Case(monthly_requests=9_999), "use a general model", "API"),
        (Case(monthly_requests=200_000), "use a general model", "API, beside own hardware in a trial"),
    ],
)
def test_decisions(case, model, serving):
    told = decided(case)
    assert (told.model, told.serving) == (model, serving)
    assert len(told.reasons) >= 2


def test_every_reason_to_host_is_told():
    told = decided(Case(Data.MUCH, quality_critical=True, sensitive=True))
    assert "sensitive data must not leave" in told.reasons
    assert "no API has your model" in told.reasons


@pytest.mark.parametrize(
    ("requests", "band"),
    [(9_999, "API"), (10_000, "evaluate both"), (100_000, "evaluate both"), (100_001, "consider self-hosting")],
)
def test_bands_of_volume(requests, band):
    assert volume_band(requests) == band


def test_the_curve_goes_from_nothing_to_the_most():
    found = break_even(Money.usd("0.03"), 700, Hosting(Money.usd("1.21"), Fraction(5000)))
    points = curve(found, 1000, points=4)
    assert [point[0] for point in points] == [0, 250, 500, 750, 1000]
    assert points[0][1:] == (Money(0), Money.usd(3500))
