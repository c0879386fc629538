"""The most that a token at a machine can cost: what is held, before anybody knows how many calls will share it."""

from __future__ import annotations

from functools import lru_cache

from gateway.core.occupied import MACHINE_PRICE
from gateway.core.price import Price, Rates, Schedule
from gateway.fleet.rate import Rate

HOUR_S = 3600


def price_id(backend: str, rate: Rate, moment_ns: int) -> str:
    """What a machine's time is booked at: "gpu:local@10.0.0.5:8000:2026-01-15". `backend`: its id."""
    return f"{MACHINE_PRICE}{backend}:{rate.since(moment_ns) or 'start'}"


def ceiling(backend: str, rate: Rate, prefill: int, decode: int, now_ns: int) -> Price:
    """What a token costs a call that has the whole machine to itself, at so many tokens a second read and written.
    `backend`: its id. Held also for the hours in which nothing is paid: the call may last until they end."""
    return _price(price_id(backend, rate, now_ns), rate.listed(now_ns), prefill, decode)


@lru_cache(maxsize=256)
def _price(name: str, picos: int, prefill: int, decode: int) -> Price:
    reads, writes = -(-picos // (HOUR_S * prefill)), -(-picos // (HOUR_S * decode))
    rates = Rates(
        input=reads,
        output=writes,
        cache_read=reads,
        cache_write=reads,
        cache_write_1h=reads,
        cache_write_12h=reads,
        input_audio=reads,
        cache_read_audio=reads,
        input_image=reads,
        cache_read_image=reads,
        input_video=reads,
        output_reasoning=writes,
        output_audio=writes,
        output_image=writes,
    )
    return Price(name, Schedule(rates))
