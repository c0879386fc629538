"""Moments as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from gateway.cli.settings import Unusable
from gateway.config.units import duration


def moment(text: str, now: float) -> float:
    """Unix seconds of '2026-11-01' (the start of that day, UTC) or of '30d' ago. Raises Unusable."""
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
        return now - duration(text)
    except ValueError as error:
        raise Unusable(f"{text!r} is neither a date nor a duration: {error}") from None
