"""Exact arithmetic between money and other numbers, and how amounts are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from gateway.core.money import PICOS_PER_DOLLAR, ZERO, Money

Number = int | Fraction

HOURS_PER_MONTH = 720
DAYS_PER_MONTH = 30
MONTHS_PER_YEAR = 12


def times(money: Money, factor: Number) -> Money:
    """So many times an amount, to the nearest pico-dollar."""
    return Money(round(money.picos * Fraction(factor)))


def over(money: Money, divisor: Number) -> Money:
    """An amount divided, to the nearest pico-dollar. The divisor is more than none."""
    return Money(round(Fraction(money.picos) / divisor))


def summed(amounts: Iterable[Money]) -> Money:
    """All of them together."""
    return sum(amounts, ZERO)


def split(money: Money, weights: Sequence[Number]) -> list[Money]:
    """An amount divided by weight, to the last pico-dollar: what rounding leaves goes to those who lost most by it.
    Weights that are all nothing count the same."""
    whole = sum(weights)
    shares = [Fraction(weight) / whole if whole else Fraction(1, len(weights)) for weight in weights]
    exact = [money.picos * share for share in shares]
    parts = [int(part // 1) for part in exact]
    left = money.picos - sum(parts)
    lost = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
    for place in lost[:left]:
        parts[place] += 1
    return [Money(part) for part in parts]


def dollars(money: Money, places: int = 2) -> str:
    """Dollars with so many decimals, half up."""
    return decimals(Fraction(money.picos, PICOS_PER_DOLLAR), places)


def fine(money: Money) -> str:
    """Dollars as one likes to read them: cents from a dollar up, four digits that say something below."""
    if not money or abs(money.picos) >= PICOS_PER_DOLLAR:
        return dollars(money)
    return Money.usd(dollars(money, min(12, 16 - len(str(abs(money.picos)))))).decimal


def decimals(number: Number, places: int = 2) -> str:
    """A number with so many decimals, half up."""
    with localcontext(prec=100):
        exact = Decimal(Fraction(number).numerator) / Decimal(Fraction(number).denominator)
        return str(exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP))


def percent(share: Number) -> str:
    """A share as people write it: '88.2 %'."""
    return f"{decimals(share * 100, 1)} %"


def up(number: Number) -> int:
    """The next whole number, or this one."""
    return -int(-Fraction(number) // 1)
