"""A request's document explains every pico-dollar of it, whatever its entries were booked at."""

import json
from decimal import Decimal

from charges import entry, flat, prices, usages
from hypothesis import given
from hypothesis import strategies as st
from msgspec import json as fast
from msgspec.structs import replace

from gateway.core.entry import Outcome
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus, Price, Schedule
from gateway.core.usage import Usage
from gateway.journey.draft import RAW_BYTES_MAX, stored
from gateway.journey.receipt import request_document

TIERS = st.sampled_from(["", "flex", "unheard of"])


def told(entries, known):
    """The document as a caller reads it."""
    return json.loads(fast.encode(request_document(entries, known)))


def dollars(lines):
    return sum((Decimal(line["amount_usd"]) for line in lines), Decimal(0))


@given(usages, usages, st.tuples(prices("p"), prices("q")), TIERS, st.integers(0, 10**15))
def test_lines_add_up_to_each_entry_and_entries_to_the_request(one, other, both, tier, reported):
    """An attempt that was priced, and one for which the provider charged a figure of its own."""
    first, second = both
    cost = second.of(other)
    entries = [
        entry(usage=one, cost=first.of(one, tier or None), service_tier=tier),
        entry(id="r.2", usage=other, cost=replace(cost, total=Money(reported), status=CostStatus.REPORTED)),
    ]
    document = told(entries, {"p": first, "q": second})
    for each in document["entries"]:
        assert dollars(each["lines"]) == Decimal(each["cost_usd"])
        for line in each["lines"]:
            if line["rate_usd"] is not None:
                assert Decimal(line["rate_usd"]) * line["count"] / line["per"] == Decimal(line["amount_usd"])
    assert sum(dollars(each["lines"]) for each in document["entries"]) == Decimal(document["cost_usd"])


def test_rates_of_tokens_are_told_by_the_million_and_others_each():
    price = Price("p", Schedule(flat(2_500_000, request=10**9)))
    usage = Usage(input=3)
    (each,) = told([entry(usage=usage, cost=price.of(usage))], {"p": price})["entries"]
    found = {line["class"]: (line["rate_usd"], line["per"], line["amount_usd"], line["tier"]) for line in each["lines"]}
    assert found == {
        "input": ("2.50", 1_000_000, "0.0000075", "standard"),
        "requests": ("0.001", 1, "0.001", "standard"),
    }


def test_the_providers_own_words_are_kept():
    document = told([entry(usage_raw='{"prompt_tokens": 3,\n "new": [1.50]}', clamped=True)], {})
    assert document["entries"][0]["usage"] == {
        "reported": {"prompt_tokens": 3, "new": [1.5]},
        "counted": {},
        "mended": True,
    }
    assert told([entry(usage_raw="{torn")], {})["entries"][0]["usage"]["reported"] == "{torn"
    assert told([entry()], {})["entries"][0]["usage"]["reported"] is None


def test_what_no_ledger_should_hold_is_not_kept():
    assert stored(b'{"a": "\xff"}') == '{"a": "�"}'
    assert stored(b" " * RAW_BYTES_MAX) != ""
    assert stored(b" " * (RAW_BYTES_MAX + 1)) == ""


def test_a_call_that_was_priced_later_has_a_cost():
    unpriced = entry(cost=UNPRICED)
    later = Cost(Money.usd("0.5"), CostStatus.EXACT, "p")
    adjustment = entry(id="r.1~1", adjusts="r.1", adjusted_at=2.5, outcome=Outcome.ADJUSTED, cost=later)
    assert told([unpriced], {})["cost_usd"] is None
    document = told([unpriced, adjustment], {})
    assert document["cost_usd"] == "0.50"
    assert document["entries"][0]["lines"] is None
    assert document["entries"][1]["adjusted_at"] == "1970-01-01T00:00:02.500+00:00"
    assert document["entries"][1]["lines"][0]["class"] == "adjustment"
