"""Decisions that say more than an order: cascades and hedges."""

from candidates import asked, decided, made

from gateway.core.money import Money
from gateway.core.route import Candidate
from policies.checks import agreement, complete

LADDER = [
    made("low", tier="economy", cost_likely=Money(1)),
    made("lower", tier="economy", cost_likely=Money(2)),
    made("mid", tier="standard", cost_likely=Money(5)),
    made("top", tier="premium", cost_likely=Money(9)),
]


def names(decision):
    return [c.name for c in decision.plan]


def test_a_cascade_begins_with_the_cheapest_and_goes_on_one_tier_up():
    decision = decided("cascade", LADDER)
    assert names(decision) == ["low", "mid", "top", "lower"]
    assert decision.cascade.steps == 1
    assert decision.cascade.check is complete.check
    assert decision.reason == "complete: low first at about $0.000000000001, then mid"


def test_agreement_needs_two():
    decision = decided("cascade", LADDER, params={"check": agreement.check, "threshold": 0.5})
    assert names(decision) == ["low", "lower", "mid", "top"]
    assert (decision.cascade.steps, decision.cascade.params["threshold"]) == (2, 0.5)
    assert "low and lower first" in decision.reason


def test_the_number_of_steps_and_where_they_lead_can_be_said():
    assert names(decided("cascade", LADDER, params={"to": "premium"})) == ["low", "top", "mid", "lower"]
    decision = decided("cascade", LADDER, params={"steps": 3})
    assert names(decision) == ["low", "lower", "mid", "top"]
    assert decision.cascade.steps == 3


def test_a_cascade_among_the_best_goes_on_by_price():
    field = [made(name, tier="premium", cost_likely=Money(price)) for name, price in (("c", 3), ("a", 1), ("b", 2))]
    assert names(decided("cascade", field)) == ["a", "b", "c"]


def test_with_nobody_to_go_on_to_there_is_no_cascade():
    decision = decided("cascade", LADDER[:1])
    assert decision.cascade is None
    assert "nobody to go on to: low" in decision.reason
    assert decided("cascade", LADDER[:2], params={"check": agreement.check}).cascade is None


def late(p95, **params) -> float | None:
    field: list[Candidate] = [made("a", first_token_p95_ms=p95), made("b", cost_likely=Money(2))]
    return decided("hedged", field, asked(), params=params).hedge_after_ms


def test_late_is_what_the_slowest_of_twenty_take():
    assert late(2000.0) == 2000.0
    assert late(2000.0, factor=1.5) == 3000.0
    assert late(20.0) == 500.0
    assert late(20.0, floor=100.0) == 100.0
    assert late(20.0, after=7000.0) == 7000.0


def test_nobody_is_late_of_whom_nothing_is_known_or_where_there_is_nobody_else():
    assert late(None) is None
    assert late(None, after=800.0) == 800.0
    assert decided("hedged", [made("a", first_token_p95_ms=900.0)]).hedge_after_ms is None


def test_a_hedge_is_said():
    decision = decided("hedged", [made("a", first_token_p95_ms=900.0), made("b", cost_likely=Money(2))])
    assert decision.reason.endswith("; after 900 ms without a word, b is asked, too")
    assert names(decision) == ["a", "b"]
