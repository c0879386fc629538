"""Where a charge comes from: what the provider reported, what we made of it, and each rate that was applied."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from gateway.core.entry import Entry
from gateway.core.lines import Line, counted, of_entry
from gateway.core.money import Money
from gateway.core.price import Price

PER_MILLION = 10**6


def provenance(entry: Entry, prices: Mapping[str, Price]) -> dict[str, Any]:
    """For `GET /v1/requests/{id}`. Lines add up to the cost; None where their price is not known any more."""
    explained = of_entry(entry, prices)
    when = datetime.fromtimestamp(entry.adjusted_at, UTC).isoformat(timespec="milliseconds")
    return {
        "usage": {"reported": _reported(entry.usage_raw), "counted": counted(entry.usage), "mended": entry.clamped},
        "lines": None if explained is None else [_line(line, entry) for line in explained],
        "adjusts": entry.adjusts or None,
        "adjusted_at": when if entry.adjusts else None,
    }


def _reported(raw: str) -> Any:
    """The provider's own object; as text where it cannot be read."""
    try:
        return msgspec.json.decode(raw) if raw else None
    except msgspec.DecodeError:
        return raw


def _line(line: Line, entry: Entry) -> dict[str, Any]:
    per = PER_MILLION if line.of_tokens else 1
    return {
        "class": line.kind,
        "count": line.count,
        "rate_usd": None if line.rate is None else Money(line.rate.picos * per).decimal,
        "per": per,
        "amount_usd": line.amount.decimal,
        "model": line.model or entry.served_model,
        "tier": entry.service_tier or "standard",
    }
