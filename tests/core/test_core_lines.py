"""A charge is explained line by line, and the lines add up to it, whatever it is made of."""

import pytest
from charges import entry, flat, prices, usages
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.core.entry import Outcome, Part
from gateway.core.limit import account_unit
from gateway.core.lines import CLASSES as COUNTERS
from gateway.core.lines import counted, lines, of_entry
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus, Price, Schedule, total
from gateway.core.usage import Extras, Usage


def summed(found):
    return sum((line.amount.picos for line in found), start=0)


def test_every_counter_of_tokens_has_a_line():
    used = Usage(**dict.fromkeys(COUNTERS, 1))
    assert used.tokens == len(COUNTERS) == sum(counted(used).values())


@given(usages, prices("p"), st.sampled_from(["", "flex", "unheard of"]))
def test_lines_add_up_to_the_cost(usage, price, tier):
    found = lines(usage, price, tier or None)
    assert summed(found) == price.of(usage, tier or None).total.picos
    assert all(line.amount.picos == line.count * line.rate.picos for line in found if line.rate is not None)
    assert {line.kind: line.count for line in found if line.kind != "requests"} == counted(usage)
    assert sum(line.count for line in found if line.of_tokens) == usage.tokens


@given(usages, usages, prices("p"), prices("q"))
def test_parts_are_explained_by_their_own_prices(one, other, first, second):
    parts = (Part(one, first.of(one)), Part(other, second.of(other), model="n"))
    whole = entry(parts=parts, cost=total([part.cost for part in parts]), usage=one)
    found = of_entry(whole, {"p": first, "q": second})
    assert summed(found) == whole.cost.total.picos
    assert {line.model for line in found} <= {"", "n"}
    assert of_entry(whole, {"p": first}) is None


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"cost": Cost(Money(9), CostStatus.REPORTED, "p"), "usage": Usage(input=2)}, "reported_difference"),
        ({"cost": Cost(Money(9), CostStatus.UNCERTAIN, "p"), "usage": Usage(final=False)}, "held"),
        ({"cost": Cost(Money(9), CostStatus.EXACT, "p"), "usage": Usage(input=2)}, "other"),
        (
            {"cost": Cost(Money(9), CostStatus.EXACT), "outcome": Outcome.TRAINED, "usage": Usage(requests=0)},
            "training",
        ),
        ({"cost": Cost(Money(-9), CostStatus.EXACT, "gone"), "outcome": Outcome.ADJUSTED}, "adjustment"),
    ],
)
def test_what_rates_do_not_explain_is_a_line_too(more, why):
    found = of_entry(entry(**more), {"p": Price("p", Schedule(flat(3)))})
    assert summed(found) == more["cost"].total.picos
    assert (found[-1].kind, found[-1].rate) == (why, None)


@pytest.mark.parametrize(
    ("name", "outcome", "why"),
    [("r1.1", Outcome.OK, "machine_time"), ("idle:local@a:1.1", Outcome.IDLE, "machine_idle")],
)
def test_time_of_a_machine_is_one_line_whatever_was_counted(name, outcome, why):
    cost = Cost(Money(7), CostStatus.ESTIMATED, "gpu:local@a:start", input=Money(3), output=Money(4))
    timed = entry(id=name, outcome=outcome, cost=cost, usage=Usage(input=10))
    (line,) = of_entry(timed, {"gpu:local@a:start": Price("gpu:local@a:start", Schedule(flat(1)))})
    assert (line.kind, line.rate, line.amount) == (why, None, Money(7))
    assert timed.of_machine
    assert timed.of_nobody is (outcome is Outcome.IDLE)
    assert not entry(cost=UNPRICED).of_machine
    assert not entry(cost=Cost(Money(7), CostStatus.EXACT, "p")).of_machine


def test_what_is_not_known_has_no_lines():
    assert of_entry(entry(cost=UNPRICED), {}) is None
    assert of_entry(entry(cost=Cost(Money(1), CostStatus.EXACT, "gone")), {}) is None
    assert of_entry(entry(), {}) == []


def test_an_entry_without_counters_is_told_from_one_that_used_nothing():
    assert entry(usage=Usage(final=False)).uncounted
    assert not entry(usage=Usage()).uncounted
    assert not entry(usage=Usage(final=False, extras=Extras(images=1))).uncounted
    assert not replace(entry(), usage=Usage(output=1, final=False)).uncounted


@pytest.mark.parametrize(
    ("account", "unit"),
    [("key:a/usd/month@2026-11-01T00:00:00+01:00", "usd"), ("team:a/b@c/tokens/minute@x", "tokens"), ("odd", "")],
)
def test_an_account_says_what_it_counts(account, unit):
    assert account_unit(account) == unit
