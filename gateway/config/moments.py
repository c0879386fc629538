"""Moments as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from gateway.config.units import UnreadableError, duration


def exact_moment(value: object) -> float:
    """Unix seconds of '2026-12-01' or '2026-12-01T08:00Z'; UTC where no offset is said. Raises UnreadableError."""
    try:
        at = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise UnreadableError("must be a date, such as 2026-12-01, or a moment, such as 2026-12-01T08:00Z") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def moment(text: str, now: float) -> float:
    """Unix seconds of '2026-11-01' (the start of that day, UTC) or of '30d' ago. Raises UnreadableError."""
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        return now - duration(text)
    except ValueError as error:
        raise UnreadableError(f"{text!r} is neither a date nor a duration: {error}") from None
