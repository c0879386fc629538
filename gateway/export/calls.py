"""A table of calls: one row for each line of the ledger, with every figure that it has in a column of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from types import MappingProxyType

from gateway.core.entry import Entry
from gateway.core.lines import CLASSES
from gateway.core.money import Money

Value = str | int | Decimal | bool | None

_COLUMNS: Mapping[str, tuple[type, Callable[[Entry], Value]]] = MappingProxyType(
    {
        "id": (str, lambda e: e.id),
        "request_id": (str, lambda e: e.request_id),
        "at": (str, lambda e: moment(e.at)),
        "org": (str, lambda e: e.caller.org),
        "team": (str, lambda e: e.caller.team),
        "user": (str, lambda e: e.caller.user),
        "key_id": (str, lambda e: e.caller.key_id),
        "tags": (str, lambda e: " ".join((*e.caller.tags, *e.caller.brought_tags))),
        "session": (str, lambda e: e.session),
        "asked_model": (str, lambda e: e.asked_model),
        "provider": (str, lambda e: e.provider),
        "model": (str, lambda e: e.model),
        "served_model": (str, lambda e: e.served_model),
        "tier": (str, lambda e: e.tier),
        "service_tier": (str, lambda e: e.service_tier),
        "selfhosted": (bool, lambda e: e.selfhosted),
        "outcome": (str, lambda e: e.outcome.value),
        "status": (int, lambda e: e.status),
        "stream": (bool, lambda e: e.stream),
        "first_token_ms": (int, lambda e: e.first_token_ms),
        "duration_ms": (int, lambda e: e.duration_ms),
        "cost_status": (str, lambda e: e.cost.status.value),
        "cost_usd": (Decimal, lambda e: dollars(e.cost.total)),
        "input_usd": (Decimal, lambda e: dollars(e.cost.input)),
        "cache_usd": (Decimal, lambda e: dollars(e.cost.cache)),
        "output_usd": (Decimal, lambda e: dollars(e.cost.output)),
        "fees_usd": (Decimal, lambda e: dollars(e.cost.fees)),
        "saved_usd": (Decimal, lambda e: dollars(Money.of_nanos(e.saved_nanos))),
        "held_usd": (Decimal, lambda e: dollars(Money.of_nanos(e.held_nanos))),
        "price_ids": (str, lambda e: " + ".join(sorted(e.price_ids))),
        **{f"{name}_tokens": (int, attrgetter(f"usage.{name}")) for name in CLASSES},
        "reason": (str, lambda e: e.reason),
        "attempts": (str, lambda e: "; ".join(e.attempts)),
        "adjusts": (str, lambda e: e.adjusts),
        "answer_id": (str, lambda e: e.answer_id),
        "replica": (str, lambda e: e.replica),
        "backend": (str, lambda e: e.backend),
    }
)

COLUMNS: Mapping[str, type] = MappingProxyType({name: kind for name, (kind, _) in _COLUMNS.items()})
"""The columns in order, and what is in each of them. Money is in dollars, exact to the pico-dollar; None is unknown."""


def row(entry: Entry) -> dict[str, Value]:
    """One line of the ledger."""
    return {name: value(entry) for name, (_, value) in _COLUMNS.items()}


def dollars(amount: Money | None) -> Decimal | None:
    """Dollars, exact; None where nobody knows."""
    return None if amount is None else Decimal(amount.decimal)


def moment(at: float) -> str:
    """Unix seconds as ISO 8601, UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
