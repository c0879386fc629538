"""What routing saved, call by call, beside three ways of not routing."""

from __future__ import annotations

import pytest
from booked_calls import adjusted, price
from charges import entry
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.core.entry import Outcome
from gateway.core.money import ZERO, Money
from gateway.core.price import UNPRICED, Cost, CostStatus, Price, Rates, Schedule
from gateway.core.usage import Usage
from gateway.planning.resampled import FEWEST
from gateway.planning.reused import REUSES_MIN
from gateway.planning.routed import LOT, Asked, Routed, beside_lot, beside_single, requests


def cached(name, full, read):
    """Reading from a cache is cheaper."""
    return Price(name, Schedule(Rates(full, full, read, full, full, full, full, read, full, read, full, *[full] * 3)))


PRICES = {"p/large": cached("large@1", 1000, 100), "p/small": cached("small@1", 100, 10), "p/medium": None}
CHOICE = Asked("p/large", {"p/large": "premium", "p/small": "economy"})
USAGE = Usage(input=1000, output=100)


def made(number, model, usage=USAGE, *, at=None, attempt=1, **more):
    cost = PRICES[f"p/{model}"].of(usage) if PRICES[f"p/{model}"] else UNPRICED
    plain = {"cost": cost, "session": f"s{number}", "asked_model": "auto", "outcome": Outcome.OK}
    at = float(number) if at is None else at
    ids = {"id": f"r{number}.{attempt}", "request_id": f"r{number}"}
    return entry(**ids, at=at, provider="p", model=model, usage=usage, **plain | more)


def added(entries, asked=CHOICE):
    routed = Routed(lambda name: asked if name == "auto" else None, lambda name, _: PRICES[name])
    for one in requests(entries):
        routed.add(one)
    return routed


def test_what_went_to_the_cheap_one_is_saved_and_what_went_to_the_dear_one_is_not():
    named = added([made(1, "small"), made(2, "large")]).names["auto"]
    beside = beside_single(named, "p/large")
    assert beside.net.total() == 1100 * (1000 - 100)
    assert beside.there == Money(2 * 1100 * 1000)
    assert beside_single(named, "p/small").net.total() == 1100 * (100 - 1000)
    assert beside_lot(named).net.total() == 0, "half and half is what a lot would draw"


@given(st.lists(st.sampled_from(["large", "small"]), min_size=1, max_size=12))
def test_without_routing_nothing_is_saved(models):
    """All to one model: beside that model, and beside a lot with these shares, it is nothing, to the pico-dollar."""
    only = models[0]
    named = added([made(number, only) for number in range(len(models))]).names["auto"]
    assert beside_single(named, f"p/{only}").net.total() == 0
    assert beside_lot(named).net.total() == 0


@given(st.lists(st.tuples(st.sampled_from(["large", "small"]), st.integers(1, 5000)), min_size=1, max_size=20))
def test_net_is_what_it_would_have_cost_less_what_was_paid(calls):
    entries = [made(n, model, Usage(input=tokens, output=1)) for n, (model, tokens) in enumerate(calls)]
    named = added(entries).names["auto"]
    paid = sum(one.cost.known.picos for one in entries)
    for name in CHOICE.tiers:
        saving = beside_single(named, name)
        assert saving.net.total() == saving.there.picos - paid


def test_attempts_that_nobody_was_given_are_against_it():
    lost = made(1, "small", Usage(input=1000, final=False), outcome=Outcome.FAILED)
    named = added([lost, made(1, "large", attempt=2)]).names["auto"]
    saving = beside_single(named, "p/large")
    assert saving.gross.total() == 0
    assert saving.thrown_away.total() == 1000 * 100
    assert saving.net.total() == -1000 * 100


def test_what_was_corrected_later_counts_as_corrected():
    first = made(1, "large")
    named = added([first, adjusted(first, "0.5")]).names["auto"]
    assert beside_single(named, "p/large").net.total() == 0
    assert beside_single(named, "p/small").gross.total() == 110_000 - (1_100_000 + 5 * 10**11)
    unpriced = replace(made(2, "large"), cost=UNPRICED)
    assert added([unpriced, adjusted(unpriced, "0.5")]).unpriced == 0


def test_a_cache_that_a_switch_lost_is_against_it():
    """A conversation at the large model reads its prompt from the cache; then it goes to the small one."""
    turns = [made(1, "large", Usage(input=2000, output=1), at=0.0)]
    reading = Usage(input=100, cache_read=1900, output=1)
    turns += [made(1, "large", reading, at=float(n), attempt=n) for n in range(2, REUSES_MIN + 3)]
    turns = [replace(turn, request_id=f"q{n}", id=f"q{n}.1") for n, turn in enumerate(turns)]
    switched = replace(made(1, "small", Usage(input=2000, output=1), at=60.0), request_id="q", id="q.1")
    stayed = added(turns).names["auto"]
    assert beside_single(stayed, "p/large").lost.total() == 0
    named = added([*turns, switched]).names["auto"]
    saving = beside_single(named, "p/large")
    assert saving.lost.total() == 1900 * (1000 - 100)
    assert saving.net.total() == 2001 * 1000 - 2001 * 100 - 1900 * 900


def test_calls_that_are_no_choice_are_counted_apart():
    routed = added([
        made(1, "small"), made(2, "small", asked_model="small"), made(3, "medium"),
        made(4, "small", cost=UNPRICED), made(5, "small", outcome=Outcome.CACHED),
        made(6, "small", outcome=Outcome.FAILED), made(7, "small", Usage(final=False)),
    ])  # fmt: skip
    assert routed.names["auto"].calls.total() == 1
    assert (routed.without_choice, routed.elsewhere, routed.unpriced) == (1, 1, 1)


def test_where_a_price_is_not_known_nothing_is_said():
    choice = Asked("p/medium", CHOICE.tiers | {"p/medium": "standard"})
    named = added([made(1, "small")], choice).names["auto"]
    assert beside_single(named, "p/medium") is None
    assert beside_single(named, "p/nobody") is None
    assert beside_lot(named) is not None
    named.calls["p/medium"] += 1
    assert beside_lot(named) is None


def test_the_best_one_is_the_rated_one_or_the_cheapest_of_the_best_tier():
    named = added([made(1, "small")]).names["auto"]
    assert named.best("") == "p/large"
    assert named.best("small") == "p/small"
    assert named.best("somebody-else") == "p/large"
    assert added([made(1, "small")], Asked("p/medium", {"p/medium": "premium", "p/small": "economy"})).names[
        "auto"
    ].best("") == "p/small"  # fmt: skip


def test_a_tier_that_another_price_has_counts_there():
    tiered = {"p/large": price("large@1", 1000, flex=500), "p/small": price("small@1", 100)}
    routed = Routed(lambda _: CHOICE, lambda name, _: tiered[name])
    cost = Cost(Money(7), CostStatus.EXACT)
    for one in requests([made(1, "small", service_tier="flex", cost=cost)]):
        routed.add(one)
    assert beside_single(routed.names["auto"], "p/large").there == Money(1100 * 500)


def test_savings_of_several_names_add_up():
    one = beside_single(added([made(1, "small")]).names["auto"], "p/large")
    other = beside_single(added([made(2, "large")]).names["auto"], "p/small")
    both = one.added(other)
    assert both.net.total() == one.net.total() + other.net.total()
    assert both.calls == 2
    assert both.against == "each name's own"
    assert one.added(one).against == "p/large"
    assert one.net.total() == 1100 * 900, "what was added is as it was"
    lot = beside_lot(added([made(1, "small")]).names["auto"])
    assert lot.against == LOT


def test_how_far_it_may_be_off_depends_on_how_many_conversations_there_were():
    few = added([made(n, "small") for n in range(FEWEST - 1)])
    assert few.spread(beside_single(few.names["auto"], "p/large").net) is None
    alike = added([made(n, "small") for n in range(50)])
    saving = beside_single(alike.names["auto"], "p/large")
    low, high = alike.spread(saving.net)
    assert low == high == Money(saving.net.total()) != ZERO
    mixed = added([made(n, "small" if n % 3 else "large") for n in range(300)])
    net = beside_single(mixed.names["auto"], "p/large").net
    low, high = mixed.spread(net)
    assert low < Money(net.total()) < high


def test_attempts_far_apart_in_time_are_found_while_others_come_between():
    between = [made(n, "small", at=10.0 * n) for n in range(2, 900)]
    first = made(1, "small", at=0.0, outcome=Outcome.FAILED)
    late = made(1, "large", at=3000.0, attempt=2)
    found = list(requests(sorted([first, late, *between], key=lambda one: one.at)))
    assert len(found) == len(between) + 1
    assert [one.answer.id for one in found if one.thrown_away != ZERO] == ["r1.2"]


@pytest.mark.parametrize("count", [0, 1])
def test_a_ledger_with_nothing_in_it_has_nothing_to_say(count):
    routed = added([made(1, "small", asked_model="x")] * count)
    assert routed.names == {}
    assert routed.without_choice == count
