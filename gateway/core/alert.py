"""Something that a person should know of."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field


class AlertKind(StrEnum):
    """What happened. The word before the dot is its family."""

    BUDGET_THRESHOLD = "budget.threshold"
    BUDGET_EXCEEDED = "budget.exceeded"  # All of it is spent.
    BUDGET_FORECAST = "budget.forecast"  # Its window will end above it.
    SPEND_ANOMALY = "spend.anomaly"  # An hour costs far more than such hours do.
    PRICE_CHANGED = "price.changed"  # Of a model in use.
    PRICE_UNKNOWN = "price.unknown"  # A model without one was called.
    PRICE_QUARANTINED = "price.quarantined"  # A feed waits for a yes.
    PRICE_STALE = "price.stale"
    PROVIDER_DOWN = "provider.down"  # A deployment is left alone after failing repeatedly.
    PROVIDER_RECOVERED = "provider.recovered"
    STORE_DEGRADED = "store.degraded"  # What gateways share does not answer.
    STORE_RECOVERED = "store.recovered"
    LEDGER_DRIFT = "ledger.drift"  # The books disagree.
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    TEST = "test"

    @property
    def family(self) -> str:
        """What rules may name for all of its kinds."""
        return self.value.partition(".")[0]


class Alert(Struct, frozen=True):
    """The same `id` is told once, whoever notices it and however often."""

    id: str
    kind: AlertKind
    at: float  # Unix seconds.
    sentence: str  # For people.
    data: Mapping[str, str] = field(default_factory=dict)  # For programs. No secret, and nothing of a prompt.
