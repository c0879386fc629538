"""What a failure means for a call that still has time. Pure."""

from __future__ import annotations

from gateway.core.errors import GatewayError, LimitReached, NoPrice, Reason, Unavailable
from gateway.journey.refused import ProviderRefused
from gateway.upstream.errors import Unreached
from gateway.upstream.retry import REFUSED_US, says_next


class BrokeDown(GatewayError):
    """The process died during the call, and once more when it was asked again."""

    code = "broke_down"

    def __init__(self) -> None:
        super().__init__("The gateway broke down twice during this call. It may have been charged: see its entries.")


FIRST_WAIT_S, WAIT_S_MAX = 2.0, 60.0


def again_at(error: GatewayError, failures: int, now: float, deadline: float) -> float | None:
    """When to ask again after so many failures in a row; None where that cannot help before the deadline, or where a
    provider may have charged already."""
    wait = min(WAIT_S_MAX, FIRST_WAIT_S * 2.0 ** min(failures, 10))
    if isinstance(error, LimitReached):
        if error.refusal.reason is Reason.TOO_BIG:
            return None
        if error.refusal.reason is Reason.EXHAUSTED:
            resets_in_s = error.refusal.resets_in_s
            if resets_in_s is None:
                return None
            wait = max(wait, resets_in_s)
    elif not _free(error):
        return None
    return now + wait if now + wait < deadline else None


def _free(error: GatewayError) -> bool:
    """Whether it cost nothing and may be over soon."""
    if isinstance(error, ProviderRefused):
        return says_next(error.status) and error.status not in REFUSED_US
    return isinstance(error, Unreached) or (isinstance(error, Unavailable) and not isinstance(error, NoPrice))
