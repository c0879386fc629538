"""What a caller is told: headers that are safe to send and amounts with every digit."""

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus
from gateway.core.usage import Usage
from gateway.journey.receipt import TEXT_MAX, Receipt, document, request_document

COST = Cost(Money.usd("0.00026"), CostStatus.EXACT, "genai/gpt", Money.usd("0.00012"), Money(0), Money.usd("0.00014"))

LEFT = Money.usd("9.5")


def entry(**more):
    plain = {
        "id": "r.1",
        "request_id": "r",
        "at": 1_700_000_000.123,
        "caller": Caller("k", "o", "t", "u"),
        "asked_model": "auto",
        "provider": "openai",
        "model": "gpt",
        "served_model": "gpt-2026",
        "tier": "standard",
        "selfhosted": False,
        "reason": "cheapest of 2",
        "usage": Usage(input=48, cache_read=2, cache_write=3, cache_write_1h=4, output=9, output_reasoning=5),
        "cost": COST,
        "held_nanos": 1_500_000_000,
        "outcome": Outcome.OK,
        "status": 200,
        "charges": (("key:k/usd/day@x", 260_000),),
    }
    return Entry(**{**plain, **more})


def headers(remaining=LEFT, **more):
    return Receipt(entry(**more), "miss", 1.234, remaining).headers()


def test_a_settled_call_tells_its_exact_cost_and_where_it_went():
    told = headers()
    assert told["x-fareway-cost-usd"] == "0.00026"
    assert told["x-fareway-cost-status"] == "exact"
    assert told["x-fareway-model"] == "gpt-2026"
    assert (told["x-fareway-provider"], told["x-fareway-tier"], told["x-fareway-cache"]) == (
        "openai",
        "standard",
        "miss",
    )
    assert told["x-fareway-budget-remaining-usd"] == "9.50"
    assert told["x-fareway-price-id"] == "genai/gpt"
    assert told["x-fareway-overhead-ms"] == "1.23"


def test_an_unknown_cost_is_left_out_and_never_zero():
    told = headers(cost=UNPRICED, remaining=None)
    assert told["x-fareway-cost-status"] == "unpriced"
    assert not {"x-fareway-cost-usd", "x-fareway-price-id", "x-fareway-budget-remaining-usd"} & set(told)


def test_a_stream_that_has_just_begun_tells_what_is_held_as_an_estimate():
    told = headers(outcome=Outcome.UNRESOLVED, cost=Cost(Money.usd(1), CostStatus.UNCERTAIN))
    assert (told["x-fareway-cost-status"], told["x-fareway-cost-usd"]) == ("estimated", "1.00")
    assert headers(outcome=Outcome.UNRESOLVED, cost=UNPRICED)["x-fareway-cost-status"] == "unpriced"


def test_what_others_named_cannot_break_out_of_a_header():
    """A provider that calls its model with line breaks must not write headers of its own."""
    told = headers(served_model="gpt\r\nset-cookie: a=b\x00é", reason="x" * 1000)
    assert told["x-fareway-model"] == "gpt??set-cookie: a=b??"
    assert len(told["x-fareway-route-reason"]) == TEXT_MAX
    assert all(v.isascii() and v.isprintable() for v in told.values())


def test_a_document_has_amounts_as_text_and_tokens_by_class():
    told = document(entry())
    assert told["cost_usd"] == "0.00026"
    assert told["cost_parts_usd"] == {"input": "0.00012", "cache": "0.00", "output": "0.00014", "fees": "0.00"}
    assert (told["held_usd"], told["saved_usd"]) == ("1.50", "0.00")
    assert told["tokens"] == {
        "input": 57,
        "cache_read": 2,
        "cache_write": 7,
        "output": 14,
        "reasoning": 5,
        "final": True,
    }
    assert told["at"] == "2023-11-14T22:13:20.123+00:00"
    assert (told["key_id"], told["org"], told["team"], told["user"]) == ("k", "o", "t", "u")
    assert told["charges"] == {"key:k/usd/day@x": 260_000}
    assert (told["deployment"], told["service_tier"]) == ("api", None)
    assert document(entry(cost=UNPRICED))["cost_usd"] is None
    assert document(entry(selfhosted=True, service_tier="flex"))["deployment"] == "selfhosted"


def test_a_request_costs_what_its_attempts_cost_together():
    told = request_document([entry(), entry(id="r.2")], {})
    assert (told["id"], told["cost_usd"], len(told["entries"])) == ("r", "0.00052", 2)


def test_a_request_with_one_unpriced_attempt_has_no_known_cost():
    assert request_document([entry(), entry(id="r.2", cost=UNPRICED)], {})["cost_usd"] is None


def test_parts_that_nobody_knows_are_not_told_as_zero():
    """A call booked at all that it held has a total and no parts; an unpriced one has neither."""
    assert document(entry(cost=Cost(Money.usd("0.5"), CostStatus.UNCERTAIN)))["cost_parts_usd"] is None
    assert document(entry(cost=UNPRICED))["cost_parts_usd"] is None
