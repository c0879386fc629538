"""Telling when a part of a limit is spent: once for each node and window, whoever notices it first.

Accounts are looked at after the store has been told of them; no call pays for it. What is noticed is claimed in the
store, which keeps it: so of several replicas one tells it, and after a restart nobody does again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf

from gateway.core.limit import SHORT_SPANS, Limit, Span, amount_text
from gateway.core.threshold import Passed
from gateway.limits.accounts import Account
from gateway.limits.windows import utc_text
from gateway.stores.base import PassedThresholds

KEPT_S = 30 * 86400
SHORT_KEPT_S = 2 * 86400
"""How long it is known after its window's end that something was told; of windows of an hour or less there are many."""


class Thresholds:
    """See the module. `tell` hears of every one that nobody else has told."""

    def __init__(self, claims: PassedThresholds, tell: Callable[[Passed], None]) -> None:
        self._claims = claims
        self._tell = tell
        self._due: dict[str, Account] = {}

    def note(self, accounts: Iterable[Account]) -> None:
        """These may have passed some."""
        for account in accounts:
            if account.limit.alert and reached(account) != account.alerted:
                self._due[account.id] = account

    async def tell(self, now: float) -> None:
        """Tell what is to be told. Raises Unavailable, and then the next time."""
        due = [(account, account.limit, reached(account)) for account in self._due.values()]
        if news := [event for account, _, count in due for event in _passed(account, count, now)]:
            for event in await self._claims.claim(news):
                self._tell(event)
        self._due.clear()
        for account, limit, count in due:
            if account.limit is limit:
                account.alerted = count
            else:
                self._due[account.id] = account  # Another amount counts by now.


def reached(account: Account) -> int:
    """How many thresholds the spending of all replicas has reached, as far as is known."""
    spent = account.spent_by_all
    return sum(level(account.limit, percent) <= spent for percent in account.limit.alert)


def level(limit: Limit, percent: int) -> int:
    """The amount from which on a threshold is passed; more than nothing."""
    return max(1, -(-limit.amount * percent // 100))


def _passed(account: Account, count: int, now: float) -> list[Passed]:
    limit = account.limit
    period, end = _period(account, now)
    kept_s = SHORT_KEPT_S if limit.span in SHORT_SPANS else KEPT_S
    return [
        Passed(
            name=f"{account.id}{period} {percent}% of {limit.amount}",
            node=account.node,
            limit=limit.id,
            window=limit.window,
            percent=percent,
            spent=amount_text(account.spent_by_all, limit.unit),
            amount=amount_text(limit.amount, limit.unit),
            at=utc_text(now) or "",
            resets_at=utc_text(account.resets_at),
            kept_until=end + kept_s if end < inf else None,
        )
        for percent in limit.alert[account.alerted : count]
    ]


def _period(account: Account, now: float) -> tuple[str, float]:
    """A rolling window never ends: there it is told once in so much time. Which, and when it ends."""
    length = account.limit.rolling_s
    if account.limit.span is not Span.ROLLING:
        return "", account.window.end
    number = int(now // length)
    return f"#{number}", float((number + 1) * length)
