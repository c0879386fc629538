"""Which budgets are shown one by one."""

from gateway.assembly import budgets
from gateway.assembly.budgets import shown
from gateway.core.limit import Limit, Mode, Span, Unit
from gateway.limits.accounts import Account
from gateway.limits.windows import window_at

NOW = 1_800_000_000.0


def account(node, spent, *, unit=Unit.USD, at=NOW, span=Span.DAY, mode=Mode.HARD):
    limit = Limit(node, unit, 100, span, mode=mode)
    return Account(node, limit, window_at(span, "UTC", at), spent=spent)


def test_those_with_the_largest_share_are_shown_and_the_others_together(monkeypatch):
    monkeypatch.setattr(budgets, "NODES_MAX", 2)
    found = shown([account(f"team:{number}", number) for number in range(5)], NOW)
    assert {labels[0]: sum(a.spent for a in of) for labels, of in found.items()} == {
        "team:4": 4,
        "team:3": 3,
        "other": 0 + 1 + 2,
    }


def test_only_dollars_in_windows_that_run():
    yesterday, tokens = account("all", 5, at=NOW - 86_400), account("all", 9, unit=Unit.TOKENS)
    soft = account("all", 7, mode=Mode.SOFT)
    assert shown([yesterday, tokens, soft], NOW) == {("all", "day", "soft"): [soft]}
