"""The rates of a price in words: dollars, and what for."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.core.money import Money
from gateway.core.price import Price
from gateway.prices.diff import PARENTS, STANDARD, bands
from gateway.prices.guard import by_name

PER_MILLION = 10**6
PER_THOUSAND = 1000


def rates(price: Price) -> Iterator[dict[str, object]]:
    """Every rate of every tier and band."""
    for tier, schedule in [(STANDARD, price.standard), *sorted(price.tiers.items())]:
        for above in bands(schedule):
            for rate, picos in by_name(schedule.at(above + 1 if above else 0)).items():
                usd, per = dollars(picos, rate)
                yield {"tier": tier, "above_tokens": above, "rate": rate, "usd": usd, "per": per}


def dollars(picos: int, rate: str) -> tuple[str, str]:
    """A rate in words: dollars, and what for. Tokens go by the million, calls singly, all else by the thousand."""
    if rate == "request":
        return Money(picos).decimal, "call"
    if rate in PARENTS or rate in {"input", "output"}:
        return Money(picos * PER_MILLION).decimal, "1M tokens"
    return Money(picos * PER_THOUSAND).decimal, f"1K {rate}"
