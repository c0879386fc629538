"""Pricing anew: pure, to the pico-dollar, and history stays as it was."""

from collections import Counter

import pytest
from charges import RATED
from entries import entry, held
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.core.costing import settled
from gateway.core.entry import TRAINING, Outcome, Part
from gateway.core.money import Money
from gateway.core.price import FREE, UNPRICED, Cost, CostStatus, Price, Rates, Schedule, total
from gateway.core.usage import Report, Usage
from gateway.ledger.correction import NOTHING_USED
from gateway.ledger.rerate import Kept, Rerated, rerated

NOW = 1_800_000_000.0
USD = ("key:a/usd/month@2026-11-01T00:00:00+00:00", "all/usd/lifetime@always")
TOKENS = "key:a/tokens/minute@2026-11-01T00:00:00+00:00"


def price(name, picos):
    return Price(name, Schedule(Rates(*[picos] * len(RATED))))


def booked(name, usage, by, *charged, **more):
    """An entry as it settles at a price, and is charged to accounts in dollars and in tokens."""
    cost = by.of(usage) if by else UNPRICED
    nanos = cost.known.nanos_up
    charges = [(account, nanos) for account in charged if nanos] + ([(TOKENS, usage.tokens)] if charged else [])
    return entry(name, *charges, usage=usage, cost=cost, **more)


def by(prices):
    return lambda entry, model: prices.get(model)


def rated(books, new):
    return list(rerated(books, by({"m": new} if isinstance(new, Price) or new is None else new), NOW))


def adjustments(results):
    return [result.adjustment for result in results if isinstance(result, Rerated) and result.adjustment]


def balance(books):
    sums = Counter()
    for each in books:
        sums.update(dict(each.charges))
    return sums


usages = st.builds(Usage, input=st.integers(0, 9999), cache_read=st.integers(0, 9999), output=st.integers(0, 9999))


@given(st.lists(usages, max_size=6), st.lists(st.integers(0, 5000), min_size=1, max_size=4))
def test_books_are_what_the_last_prices_say_and_balances_are_the_sum_of_entries(used, rates):
    """However often prices change; and the same prices twice change nothing."""
    books = [booked(f"r{n}.1", usage, price("p0", 7), *USD) for n, usage in enumerate(used)]
    history = list(books)
    for number, rate in enumerate(rates, 1):
        new = price(f"p{number}", rate)
        books += adjustments(rated(books, new))
        assert adjustments(rated(books, new)) == [], "idempotent"
        expected = [new.of(usage).total for usage in used]
        assert sum(each.cost.total.picos for each in books) == sum(cost.picos for cost in expected)
        assert [balance(books)[account] for account in USD] == [sum(cost.nanos_up for cost in expected)] * 2
        assert balance(books)[TOKENS] == sum(usage.tokens for usage in used), "tokens were counted once"
        assert sum(each.usage.tokens for each in books) == balance(books)[TOKENS]
    assert books[: len(history)] == history, "history is never edited"
    assert len({each.id for each in books}) == len(books)


def test_an_adjustment_says_what_it_adjusts_and_belongs_to_the_same_moment():
    one = booked("r.1", Usage(input=10), price("old", 3), *USD, replica="w2")
    (found,) = adjustments(rated([one], price("new", 1)))
    assert (found.id, found.adjusts, found.request_id, found.outcome) == ("r.1~1", "r.1", "r", Outcome.ADJUSTED)
    assert (found.at, found.adjusted_at, found.replica, found.caller) == (one.at, NOW, "w2", one.caller)
    assert (found.cost.total, found.cost.price_id) == (Money(-20), "new")
    assert found.cost.input == Money(-20)
    assert found.cost.status is CostStatus.EXACT
    assert (found.usage.tokens, found.usage.requests) == (0, 0)


def test_a_call_that_nobody_could_price_gets_its_cost_and_is_charged_to_no_budget():
    """It was charged to no account in dollars: which they would have been is not known any more."""
    one = booked("r.1", Usage(input=10), None, *USD)
    (found,) = adjustments(rated([one], price("new", 0)))
    assert found.cost.total == Money(0), "known to be nothing is not unknown"
    assert found.charges == ()
    assert adjustments(rated([one, found], price("new", 0))) == []


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (entry("r.1", outcome=Outcome.CACHED), Kept.CACHED),
        (entry("r.1", cost=Cost(Money(1), CostStatus.REPORTED)), Kept.REPORTED),
        (entry("r.1", cost=Cost(Money(1), CostStatus.UNCERTAIN), usage=Usage(final=False)), Kept.UNCOUNTED),
        (entry("r.1", model="nobody knows"), Kept.NO_PRICE),
        (entry("r.1", usage=NOTHING_USED, tier=TRAINING, outcome=Outcome.TRAINED), Kept.TRAINING),
        (held("r.1", usage=NOTHING_USED, tier=TRAINING), Kept.TRAINING),
        (entry("r.1", cost=FREE.of(Usage())), Kept.FREE),
    ],
)
def test_what_prices_say_nothing_about_is_kept(one, why):
    assert rated([one], price("new", 9)) == [why]


def test_estimates_stay_estimates_and_mended_counters_stay_in_doubt():
    cut = booked("r.1", Usage(output=10, final=False), price("old", 3))
    mended = booked("s.1", Usage(output=10), price("old", 3), clamped=True)
    statuses = [found.after.status for found in rated([cut, mended], price("new", 1))]
    assert statuses == [CostStatus.ESTIMATED, CostStatus.UNCERTAIN]


def test_what_the_provider_had_said_of_a_stream_that_broke_off_stays_the_least():
    """In round figures, beyond what its counters come to: as when it was booked, whatever a token costs now."""
    old, report = price("old", 3), Report(rounded=Money(50))
    cost, _ = settled(Usage(output=10, final=False), report, "m", old, lambda _: None)
    one = entry("r.1", (USD[0], 50), usage=Usage(output=10, final=False), cost=cost)
    assert adjustments(rated([one], old)) == adjustments(rated([one], price("new", 4))) == []
    (found,) = adjustments(rated([one], price("new", 6)))
    assert (found.cost.total, found.cost.status) == (Money(10), CostStatus.ESTIMATED)
    assert adjustments(rated([one, found], price("new", 6))) == []
    (back,) = adjustments(rated([one, found], old))
    assert back.cost.total == Money(-10)


def test_parts_are_priced_at_the_models_that_they_ran_on():
    old = price("old", 3)
    parts = (Part(Usage(input=5), old.of(Usage(input=5))), Part(Usage(input=7), old.of(Usage(input=7)), "other"))
    one = entry("r.1", usage=Usage(input=12), parts=parts, cost=total([part.cost for part in parts]))
    (found,) = rated([one], {"m": price("new", 1), "other": price("elsewhere", 10)})
    assert found.after.total == Money(75)
    assert found.adjustment.cost.price_id == "new + elsewhere"
    assert found.difference == Money(75 - 36)


def test_the_served_tier_decides_also_later():
    flex = Price("new", price("", 4).standard, {"flex": price("", 2).standard})
    one = replace(booked("r.1", Usage(input=10), price("old", 4)), service_tier="flex")
    (found,) = rated([one], flex)
    assert found.after.total == Money(20)


async def test_the_ledger_takes_negative_charges_and_each_only_once(ledger):
    one = booked("r.1", Usage(input=10_000), price("old", 3), *USD)
    found = adjustments(rated([one], price("new", 1)))
    assert await ledger.record([one, *found]) == 2
    assert await ledger.record(found) == 0
    assert await ledger.balances([*USD, TOKENS]) == {USD[0]: 10, USD[1]: 10, TOKENS: 10_000}
    assert [each.id for each in await ledger.find("r")] == ["r.1", "r.1~1"]
