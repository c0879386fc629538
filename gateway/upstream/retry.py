"""What to make of a failed attempt: try the next, try again later, or tell the caller. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

FALLBACK_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Another deployment may do better. Everything else in the 400s is about the request itself."""

REFUSED_US = frozenset({401, 402})
"""Our key or account at the provider: nothing that the caller can mend. A 403 can be about the prompt."""

WAIT_S_MAX = 10.0
"""A provider that asks for more is not waited for: the caller's own client will."""

FIRST_WAIT_S = 0.5  # Doubles with every round, as the official client libraries do.


def says_unwell(status: int) -> bool:
    """Whether this status says something about the deployment to whoever asks next. A 429 is often one caller's."""
    return status >= 500 or status in REFUSED_US


def says_next(status: int) -> bool:
    """Whether this status lets the next candidate have a try."""
    return status in FALLBACK_STATUSES or status in REFUSED_US


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """How long the provider asks us to wait, in seconds: `retry-after-ms`, or seconds or a date in `retry-after`."""
    try:
        if (value := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(value) / 1000)
        if (value := headers.get("retry-after")) is None:
            return None
        if value.strip().replace(".", "", 1).isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def wait_s(rounds_done: int, asked_s: float | None) -> float | None:
    """How long to wait before going through the plan again; None if it is not worth it."""
    backoff = FIRST_WAIT_S * 2 ** (rounds_done - 1)
    wait = max(backoff, asked_s or 0.0)
    return wait if wait <= WAIT_S_MAX else None


class RetryBudget:
    """Repeats may be at most a share of calls, so that a provider in trouble is not buried under them."""

    def __init__(self, share: float, burst: int = 10) -> None:
        self.share = share  # Another one counts from the next call on.
        self._burst = float(burst)
        self._left = float(burst)

    def called(self) -> None:
        """A call was made: a little more may be repeated."""
        self._left = min(self._burst, self._left + self.share)

    def take(self) -> bool:
        """Whether one more repeat is within the share; takes it if so."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
