"""Which budgets are shown one by one."""

from gateway.assembly import budgets
from gateway.assembly.budgets import Budgets, shown, totals
from gateway.core.limit import Limit, Mode, Span, Unit
from gateway.limits.accounts import Account
from gateway.limits.windows import window_at
from gateway.telemetry.metrics import Gauges

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


def test_a_sum_is_kept_for_each_rule_and_not_for_each_node():
    rule = Limit("key:*", Unit.USD, 100, Span.HOUR)
    accounts = [Account(f"key:{key}", rule, window_at(Span.HOUR, "UTC", NOW), spent=3) for key in "abc"]
    accounts[0].held = 5
    assert totals(accounts) == ({("key:*/usd/hour",): 5}, {("key:*/usd/hour",): 9})


def test_a_page_goes_through_the_accounts_once():
    class Counted:
        looked = 0

        @property
        def accounts(self):
            self.looked += 1
            return [account("all", 7)]

    leases, gauges = Counted(), Gauges()
    Budgets(leases, lambda: NOW).add_to(gauges)
    figures = {family.name: [sample.value for sample in family.samples] for family in gauges.families()}
    assert figures["fareway_limit_spent"] == [7]
    assert figures["fareway_budget_spent_dollars"] == [7e-9]
    assert leases.looked == 1
