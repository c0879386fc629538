"""A call that waits, as its caller sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.deferred.record import Later, State


def told(later: Later) -> dict[str, Any]:
    """What is known of it. The books tell the rest."""
    return {
        "object": "fareway.request",
        "id": later.id,
        "status": later.state,
        "model": later.model,
        "accepted": moment(later.accepted),
        "deadline": moment(later.deadline),
        "way": later.way or None,
        "reason": later.reason or None,
        "switch_at": moment(later.switch_at) if later.switch_at and later.state is State.WAITING else None,
        "ended": moment(later.ended) if later.ended else None,
        "requests": later.request_ids,
    }


def moment(at: float) -> str:
    """A Unix time as RFC 3339."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
