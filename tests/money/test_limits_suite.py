"""The judge of the limits benchmark sees what it is there to see: each fault, in evidence made up for it."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "money" / "suite"))
from adapter import Line, Terms
from calls import Call, picos_of
from judge import Evidence, judged

COST = picos_of(17, 10)


def call(name, sent, *, status=200, stream=False, ended=None, **more):
    made = Call(name, "t0", words=10, made=10, cap=10, stream=stream, **more)
    made.sent, made.ended, made.status = sent, sent + 1 if ended is None else ended, status
    return made


def bill(*calls):
    return [{"call": c.id, "request": f"req-{c.id}", "picos": COST, "ended": c.ended} for c in calls if c.admitted]


def ledger(*calls):
    return [Line(f"req-{c.id}.1", f"req-{c.id}", COST, "ok") for c in calls if c.admitted]


def seen(calls, *, budget=10 * COST, strict=False, **more):
    books = {"bill": bill(*calls), "ledger": ledger(*calls)} | more
    return judged(Evidence(Terms(budget, strict=strict), calls, accounts_picos=None, tokens_per_s=100, **books))


def test_books_that_agree_are_in_order():
    figures = seen([call("a", 0), call("b", 1)])
    assert (figures["overspend_usd"], figures["lost"], figures["doubled"], figures["wrongly_refused"]) == (0, 0, 0, 0)
    assert figures["within_formula"]


def test_what_is_billed_above_the_budget_is_overspent():
    figures = seen([call(str(n), n) for n in range(3)], budget=2 * COST)
    assert figures["overspend_usd"] == COST / 10**12
    assert figures["overspend_pct"] == 50
    assert not figures["within_formula"]


@pytest.mark.parametrize(("strict", "allowed"), [(False, True), (True, False)])
def test_streams_may_overspend_by_the_formula_unless_they_hold_strictly(strict, allowed):
    calls = [call(str(n), n / 100, stream=True) for n in range(10)]
    assert seen(calls, budget=10 * COST - 1, strict=strict)["within_formula"] is allowed


def test_a_charge_without_an_entry_is_lost_and_an_entry_too_many_is_doubled():
    calls = [call("a", 0), call("b", 1)]
    assert seen(calls, ledger=ledger(calls[0]))["lost"] == 1
    twice = [*ledger(*calls), Line("req-a.2", "req-a", COST, "ok")]
    assert seen(calls, ledger=twice)["doubled"] == 1
    assert seen(calls, ledger=[*ledger(*calls), *ledger(calls[0])])["doubled"] == 2, "by request, and by its own name"


def test_a_refusal_is_wrong_where_its_money_stood_free_all_the_time():
    taken = [call(str(n), n) for n in range(3)]
    refused = call("late", 5, status=429)
    assert seen([*taken, refused], budget=4 * COST)["wrongly_refused"] == 0, "what is left of it may not be enough"
    assert seen([*taken, refused], budget=100 * COST)["wrongly_refused"] == 1


def test_a_refusal_is_right_while_others_may_hold_the_money_or_where_nobody_can_tell():
    running = [call(str(n), 0, ended=10) for n in range(20)]
    refused = call("late", 5, status=429)
    budget = sum(c.most_picos for c in running)
    assert seen([*running, refused], budget=budget)["wrongly_refused"] == 0
    gone = call("gone", 0, status=0)
    assert seen([gone, refused], budget=gone.most_picos)["wrongly_refused"] == 0
    assert seen([refused], budget=100 * COST, blind=[(4, 6)])["wrongly_refused"] == 0


def test_how_much_of_an_exhausted_budget_was_used_and_how_many_answers_were_cut():
    calls = [call(str(n), n, stream=True) for n in range(9)]
    calls[0].cut = True
    calls += [call(f"more {n}", 20 + n, status=429) for n in range(3)]
    figures = seen(calls)
    assert figures["utilisation_pct"] == 90
    assert figures["cut_pct"] == round(100 / 9, 2)
