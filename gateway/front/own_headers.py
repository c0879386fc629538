"""Headers of ours on a request. One that we do not know is mistyped: a ceiling of that name would hold nothing back."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.problems import closest
from gateway.core.errors import BadRequest
from gateway.dashboard.door import CSRF
from gateway.deferred.deadline import DEADLINE, WEBHOOK
from gateway.journey import cache_wish, session
from gateway.journey.carriage import LOSSY
from gateway.journey.question import HOLD
from gateway.journey.reached import FIT
from gateway.limits.accounts import CEILING
from gateway.tenants import TAGS

PREFIX = "x-fareway-"
NAME_SHOWN_MAX = 60

SAID = frozenset({CEILING, FIT, HOLD, LOSSY, TAGS, DEADLINE, WEBHOOK, CSRF, session.HEADERS[0]}) | {
    *(cache_wish.HEADER, cache_wish.TTL, cache_wish.NAMESPACE, cache_wish.TOOLS),
}
"""That a request may say."""

TOLD = frozenset(
    PREFIX + name
    for name in (
        *("request-id", "first-request-id", "idempotent", "count", "overhead-ms", "cascade", "cascade-cost-usd"),
        *("cost-status", "cost-usd", "cost-marginal-usd", "saved-usd", "price-id", "budget-remaining-usd"),
        *("model", "provider", "tier", "backend", "route-reason", "dropped", "fitted", "downgraded", "queued-ms"),
        *("budget-scope", "budget-reset", "limit-reason", "limit-soft"),
    )
)
"""That answers say. Whoever passes calls on may send them back: they mean nothing then."""

_KNOWN = SAID | TOLD


def refuse_unknown(headers: Mapping[str, str]) -> None:
    """Raise BadRequest where a header begins as ours do and is none. Names are in lower case."""
    for name in headers:
        if name.startswith(PREFIX) and name not in _KNOWN:
            shown = name[:NAME_SHOWN_MAX]
            near = closest(shown.removeprefix(PREFIX), (known.removeprefix(PREFIX) for known in SAID))
            hint = f'did you mean "{PREFIX}{near}"?' if near else "names that begin so are the gateway's own."
            raise BadRequest(f"There is no header {shown}: {hint}", shown)
