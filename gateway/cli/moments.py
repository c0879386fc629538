"""Moments as people write them on a command line."""

from __future__ import annotations

from gateway.cli.settings import Unusable
from gateway.config import moments


def moment(text: str, now: float) -> float:
    """See `gateway.config.moments.moment`. Raises Unusable."""
    try:
        return moments.moment(text, now)
    except ValueError as error:
        raise Unusable(str(error)) from None
