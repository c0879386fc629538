"""Budgets in dollars, for /metrics: of each node whose share used is among the largest, and of the others together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nlargest
from math import isfinite
from typing import NamedTuple

from gateway.core.limit import Unit
from gateway.limits.accounts import Account
from gateway.limits.leases import Leases
from gateway.telemetry.metrics import Gauges
from gateway.telemetry.places import NODES_MAX, OTHER
from gateway.telemetry.tallies import NANOS_PER_DOLLAR

Labels = tuple[str, ...]
Figures = dict[Labels, float]

LABELS = ("node", "window", "mode")


class Budgets:
    """Figures are about the whole limit, whoever spends it: by the store's last word, where gateways share one. Beside
    them what this process holds and has spent, by limit."""

    def __init__(self, leases: Leases, clock: Callable[[], float]) -> None:
        self._leases = leases
        self._clock = clock
        self._told: dict[Labels, Told] = {}
        self._spent: Figures = {}

    def add_to(self, gauges: Gauges) -> None:
        """Show them."""

        def dollars(amount: Callable[[Told], int]) -> Callable[[], Figures]:
            return lambda: {labels: amount(told) / NANOS_PER_DOLLAR for labels, told in self._told.items()}

        add, in_unit = gauges.add, "in the limit's unit (usd: nano-dollars)."
        add("fareway_limit_held", f"Held, {in_unit}", ("limit",), self._look)
        add("fareway_limit_spent", f"Spent, {in_unit}", ("limit",), lambda: self._spent)
        add("fareway_budget_limit_dollars", "What may be spent.", LABELS, dollars(lambda one: one.amount))
        add("fareway_budget_spent_dollars", "Spent of it.", LABELS, dollars(lambda one: one.spent))
        held = "Set aside of it for calls that run."
        add("fareway_budget_held_dollars", held, LABELS, dollars(lambda one: one.held))
        ends = "When something of it is free again, in Unix time."
        add("fareway_budget_reset_timestamp_seconds", ends, LABELS, self._resets)

    def _resets(self) -> Figures:
        return {labels: one.resets_at for labels, one in self._told.items() if isfinite(one.resets_at)}

    def _look(self) -> Figures:
        """At all accounts, once for all figures of a page: by whichever stands first there."""
        accounts = list(self._leases.accounts)
        self._told = {labels: _told(of) for labels, of in shown(accounts, self._clock()).items()}
        held, self._spent = totals(accounts)
        return held


class Told(NamedTuple):
    """Of the accounts behind one line, in nano-dollars."""

    amount: int
    spent: int
    held: int
    resets_at: float


def _told(accounts: list[Account]) -> Told:
    return Told(
        sum([a.limit.amount for a in accounts]),
        sum([a.spent_by_all for a in accounts]),
        sum([a.held + a.others.held for a in accounts]),
        min([a.resets_at for a in accounts]),
    )


def totals(accounts: Iterable[Account]) -> tuple[Figures, Figures]:
    """What is held and was spent, a figure a rule, summed over its running windows: so labels stay few."""
    held: Figures = {}
    spent: Figures = {}
    for account in accounts:
        name = (account.limit.id,)
        held[name] = held.get(name, 0) + account.held
        spent[name] = spent.get(name, 0) + account.spent
    return held, spent


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
