"""A price as JSON: whole, with every band, tier and fee, so that a charge can be explained for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import msgspec

from gateway.core.price import Price, Rates, Schedule

_GIVEN = tuple(field.name for field in fields(Rates) if field.init)
"""The rest is worked out from these."""


def encoded(price: Price) -> bytes:
    """The price as JSON. Rates are pico-dollars, of one token or one of what else is counted."""
    tiers = {name: _bands(schedule) for name, schedule in price.tiers.items()}
    return msgspec.json.encode({"id": price.id, "standard": _bands(price.standard), "tiers": tiers})


def decoded(text: bytes | str) -> Price:
    """The same price again. Raises ValueError, KeyError or TypeError for what is none.

    A rate that this version does not know is left out.
    """
    found = msgspec.json.decode(text)
    tiers = {name: _schedule(bands) for name, bands in found["tiers"].items()}
    return Price(found["id"], _schedule(found["standard"]), tiers)


def _bands(schedule: Schedule) -> list[tuple[int, dict[str, Any]]]:
    return [(above, _rates(rates)) for above, rates in ((0, schedule.base), *schedule.above)]


def _rates(rates: Rates) -> dict[str, Any]:
    values = {name: getattr(rates, name) for name in _GIVEN}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def _schedule(bands: list[tuple[int, dict[str, Any]]]) -> Schedule:
    read = [(above, Rates(**{k: v for k, v in rates.items() if k in _GIVEN})) for above, rates in bands]
    (_, base), *rest = read
    return Schedule(base, tuple(rest))
