"""Budgets in dollars, for /metrics: of each node whose share used is among the largest, and of the others together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import nlargest
from math import isfinite

from gateway.core.limit import Unit
from gateway.limits.accounts import Account
from gateway.limits.leases import Leases
from gateway.telemetry.metrics import Gauges
from gateway.telemetry.places import NODES_MAX, OTHER
from gateway.telemetry.tallies import NANOS_PER_DOLLAR

Labels = tuple[str, ...]
Figures = dict[Labels, float]

LABELS = ("node", "window", "mode")

FRESH_S = 1.0
"""So old may the figures be: one page asks for each of them, and there may be a hundred thousand accounts."""


class Budgets:
    """Figures are about the whole limit, whoever spends it: by the store's last word, where gateways share one."""

    def __init__(self, leases: Leases, clock: Callable[[], float]) -> None:
        self._leases = leases
        self._clock = clock
        self._shown: Mapping[Labels, list[Account]] = {}
        self._looked = float("-inf")

    def add_to(self, gauges: Gauges) -> None:
        """Show them."""

        def dollars(amount: Callable[[Account], int]) -> Callable[[], Figures]:
            return lambda: {
                labels: sum(map(amount, accounts)) / NANOS_PER_DOLLAR for labels, accounts in self._latest().items()
            }

        add = gauges.add
        add("fareway_budget_limit_dollars", "What may be spent.", LABELS, dollars(lambda a: a.limit.amount))
        add("fareway_budget_spent_dollars", "Spent of it.", LABELS, dollars(lambda a: a.spent_by_all))
        held = "Set aside of it for calls that run."
        add("fareway_budget_held_dollars", held, LABELS, dollars(lambda a: a.held + a.others.held))
        ends = "When something of it is free again, in Unix time."
        add("fareway_budget_reset_timestamp_seconds", ends, LABELS, self._resets)

    def _resets(self) -> Figures:
        soonest = {labels: min(a.resets_at for a in accounts) for labels, accounts in self._latest().items()}
        return {labels: at for labels, at in soonest.items() if isfinite(at)}

    def _latest(self) -> Mapping[Labels, list[Account]]:
        now = self._clock()
        if not 0 <= now - self._looked < FRESH_S:
            self._shown, self._looked = shown(self._leases.accounts, now), now
        return self._shown


def shown(accounts: Iterable[Account], now: float) -> dict[Labels, list[Account]]:
    """By its labels, what is to be shown of the budgets that run now."""
    budgets = [a for a in accounts if a.limit.unit is Unit.USD and not a.own and a.window.start <= now < a.window.end]
    largest = nlargest(NODES_MAX, budgets, key=_share)
    found: dict[Labels, list[Account]] = {(a.node, a.limit.window, str(a.limit.mode)): [a] for a in largest}
    named = {a.id for a in largest}
    for account in budgets:
        if account.id not in named:
            found.setdefault((OTHER, account.limit.window, str(account.limit.mode)), []).append(account)
    return found


def _share(account: Account) -> float:
    return (account.spent_by_all + account.held) / max(1, account.limit.amount)
