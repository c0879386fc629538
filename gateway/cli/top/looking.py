"""What a running gateway tells of itself, asked over its admin API."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from gateway.cli.settings import Unusable

PATIENCE_S = 5
RECENT_S = 60
_REFUSED = 4

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What was told at one moment. Rows as the admin API has them."""

    at: float  # Unix seconds.
    recent: list[Row]  # Sums of the last RECENT_S, by deployment's provider and model, and by outcome.
    today_usd: str | None
    month_usd: str | None
    budgets: list[Row]
    deployments: list[Row]
    last: list[Row]  # Calls, newest first.

    @classmethod
    def nothing(cls, now: float) -> Look:
        """Before anything was told."""
        return cls(now, [], None, None, [], [], [])


class Unanswered(Exception):
    """The gateway cannot be reached, or speaks of something else: it may be starting again."""


def look(url: str, key: str, now: float) -> Look:
    """Ask for everything that is shown. `url`: of the admin API. Raises Unanswered, and Unusable where this key may
    not see it."""

    def data(path: str) -> list[Row]:
        return _data(f"{url}/admin/v1{path}", key)

    day = datetime.fromtimestamp(now, UTC).date()
    month = data(f"/usage?since={day.replace(day=1)}&by=day")
    return Look(
        at=now,
        recent=data(f"/usage?since={RECENT_S}s&by=provider,model,outcome"),
        today_usd=_sum([row for row in month if row["by"]["day"] == day.isoformat()]),
        month_usd=_sum(month),
        budgets=data("/budgets"),
        deployments=data("/deployments"),
        last=data(f"/requests?since={RECENT_S}s&limit=20"),
    )


def _data(url: str, key: str) -> list[Row]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})  # noqa: S310 - looked at before.
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - the same.
            found: list[Row] = json.load(answer)["data"]
            return found
    except urllib.error.HTTPError as error:
        with error:
            if error.code in {401, 403}:
                raise Unusable(f"{url}: this key may not see that ({error.code})", _REFUSED) from None
        raise Unanswered(f"{url} answers {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        raise Unanswered(f"no answer: {error}") from None


def _sum(rows: list[Row]) -> str | None:
    """Dollars; None where calls were made and none of them has a price."""
    known = [Decimal(row["cost_usd"]) for row in rows if row["cost_usd"] is not None]
    return str(sum(known, Decimal(0))) if known or not rows else None
