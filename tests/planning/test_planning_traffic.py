"""What is read out of real calls."""

from __future__ import annotations

import dataclasses
from collections import Counter
from fractions import Fraction

import pytest
from booked_calls import adjusted, call, price, priced
from charges import flat
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.core.caller import Caller
from gateway.core.entry import Outcome
from gateway.core.money import ZERO, Money
from gateway.core.price import Price, Schedule
from gateway.core.usage import Usage
from gateway.planning.amounts import summed
from gateway.planning.breakeven import Hosting, by_hour, route_break_even
from gateway.planning.carbon import Draw, footprints
from gateway.planning.chargeback import NOBODY, Payer, Rule, bills, idle
from gateway.planning.gpus import catalogue
from gateway.planning.savings import savings
from gateway.planning.scenarios import Scenario, factors, latest_prices
from gateway.planning.sizing import Need, kv_bytes, sized
from gateway.planning.traffic import calls, percentile, profiles

HOUR = 3600


def test_adjustments_belong_to_the_call_that_they_adjust():
    one = call(usd="0.01")
    (made,) = calls([one, adjusted(one, "0.005")])
    assert made.cost.total == Money.usd("0.015")


def test_a_call_without_a_price_that_was_adjusted_has_one():
    one = call(usd=None)
    assert next(calls([one])).cost.total is None
    assert next(calls([one, adjusted(one, "0.005")])).cost.total == Money.usd("0.005")


def later(earlier, usd, seconds=3600):
    """An adjustment with a moment of its own, as the closing of an hour makes one."""
    return replace(adjusted(earlier, usd), at=earlier.at + seconds)


def unused(at=0.0, usd="1"):
    one = call(at, usd, selfhosted=True, model="idle", outcome=Outcome.IDLE)
    return replace(one, id=f"idle:{one.id}", caller=Caller())


def trained(usd="5", **more):
    return call(usd=usd, tier="training", outcome=Outcome.TRAINED, **more)


def test_a_later_adjustment_is_an_amount_and_no_call():
    one = call(usd="0.5", team="a", selfhosted=True, usage=Usage(output=500))
    books = [one, later(one, "0.25")]
    (found,) = profiles(calls(books))
    assert (found.calls, found.cost) == (1, Money.usd("0.75"))
    (bill,) = bills(books, Payer.TEAM)
    assert (bill.calls, bill.direct) == (1, Money.usd("0.75"))
    assert footprint(calls(books), None).calls == 1
    assert profiles(calls(books[1:])) == []


def test_what_nobody_used_and_what_was_trained_are_no_calls():
    idle_hour = unused()
    books = [call(), idle_hour, adjusted(idle_hour, "0.1"), trained(), later(trained(), "-1")]
    assert [one.outcome for one in calls(books)] == [Outcome.OK]
    assert len(list(calls(books, training=True))) == 3


def test_what_nobody_used_is_shared_and_training_is_who_trains():
    idle_hour = unused(usd="4")
    books = [call(usd="3", team="a"), idle_hour, later(idle_hour, "-1"), trained("1", team="b")]
    found = {bill.payer: bill for bill in bills(books, Payer.TEAM, Money.usd(1))}
    assert (found["a"].total, found["b"].total) == (Money.usd(6), Money.usd(2))
    assert (found["b"].training, found["b"].calls, found["a"].calls) == (Money.usd(1), 0, 1)


def test_what_the_cache_answered_is_no_call():
    assert list(calls([call(outcome=Outcome.CACHED)])) == []


def test_a_profile():
    usage = Usage(input=100, cache_read=50, output=10)
    made = [call(HOUR * 5 + second, usage=usage, duration_ms=1500) for second in range(4)]
    (found,) = profiles(made)
    assert (found.calls, found.tokens, found.input_tokens, found.output_tokens) == (4, 640, 150, 10)
    assert (found.concurrency, found.usual_concurrency, found.duration_ms, found.mean_duration_ms) == (2, 2, 1500, 1500)
    assert (found.by_hour[5], sum(found.by_hour), found.cost_by_hour[5]) == (4, 4, Money.usd("0.04"))


def test_calls_that_follow_each_other_are_not_together():
    made = [call(second, duration_ms=1000) for second in range(5)]
    assert profiles(made)[0].concurrency == 1


def test_profiles_are_by_model_dearest_first():
    made = [call(model="a"), call(model="b", usd="0.02"), call(model="a", usd=None)]
    assert [(one.model, one.calls, one.priced_calls) for one in profiles(made)] == [("b", 1, 1), ("a", 2, 1)]


@given(st.lists(st.integers(0, 99), min_size=1), st.integers(1, 100))
@settings(deadline=None)
def test_a_percentile_is_one_of_the_values_and_covers_so_many(values, share):
    found = percentile(Counter(values), share)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= share * len(values)


def busy(calls_an_hour, usd, days=1):
    """Calls in one hour of each day."""
    (found,) = profiles([call(HOUR * 9, usd=usd) for _ in range(calls_an_hour * days)])
    return found


def test_a_route_against_machines_for_its_busiest_hour():
    hosting = Hosting(Money.usd("1.00"), Fraction(10))
    found = route_break_even(busy(25, "0.5"), Fraction(1), hosting)
    assert (found.machines, found.monthly_requests) == (3, 750)
    assert (found.api, found.own) == (Money.usd(375), Money.usd(720 * 3 + 3500))
    assert found.utilisation == Fraction(750, 3 * 10 * 720)
    assert not found.self_hosting


def test_the_utilisation_at_which_the_answer_flips():
    """There the API's bill for the requests served is the same as that of the machines."""
    found = route_break_even(busy(25, "0.5"), Fraction(1), Hosting(Money.usd(1), Fraction(10)))
    requests = found.flips_at * found.machines * 10 * 720
    assert requests * found.request.picos == found.own.picos


def test_a_route_without_any_price_is_compared_with_nothing():
    assert route_break_even(busy(2, None), Fraction(1), Hosting(Money.usd(1), Fraction(10))) is None


def test_calls_without_a_price_cost_as_the_others():
    (found,) = profiles([call(usd="0.4"), call(usd=None)])
    assert route_break_even(found, Fraction(1), Hosting(Money.usd(1), Fraction(10))).request == Money.usd("0.4")


def test_hours_of_the_day():
    hours = by_hour(busy(25, "0.5", days=2), Fraction(2), Hosting(Money.usd("1.00"), Fraction(10)))
    nine = hours[9]
    assert (nine.requests, nine.api, nine.machines, nine.own) == (25, Money.usd("12.5"), 3, Money.usd(3))
    assert nine.utilisation == Fraction(25, 30)
    assert (hours[8].machines, hours[8].api, hours[8].utilisation) == (0, ZERO, 0)


AMOUNTS = st.sampled_from(["0", "0.01", "0.000000000007", "3", None])
CALLERS = st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from([(), ("x",), ("x", "y", "z")]))


MADE = st.sampled_from(
    [
        lambda at, usd, **who: [call(at, usd, **who)],
        lambda at, usd, **who: [one := call(at, usd, selfhosted=True, **who), later(one, "0.07", 2.5)],
        lambda at, usd, **who: [trained(usd or "1", at=at, **who)],
        lambda at, usd, **_: [unused(at, usd or "1")],
    ]
)


@given(
    st.lists(st.tuples(MADE, AMOUNTS, CALLERS)), st.integers(0, 10**13), st.sampled_from(Rule), st.sampled_from(Payer)
)
@settings(deadline=None)
def test_bills_add_up_to_all_calls_and_what_is_shared(told, shared, rule, payer):
    made = [make(number, usd, team=team, tags=tags) for number, (make, usd, (team, tags)) in enumerate(told)]
    books = sorted([entry for several in made for entry in several], key=lambda entry: entry.at)
    found = bills(books, payer, Money(shared), rule)
    assert summed(bill.total for bill in found) == summed(one.cost.known for one in books) + Money(shared)


@pytest.mark.parametrize(
    ("rule", "shares"),
    [
        (Rule.SPEND, {"a": "75.00", "b": "25.00"}),
        (Rule.CALLS, {"a": "50.00", "b": "50.00"}),
        (Rule.TOKENS, {"a": "10.00", "b": "90.00"}),
        (Rule.GPU_TIME, {"a": "0.00", "b": "100.00"}),
        (Rule.EVEN, {"a": "50.00", "b": "50.00"}),
    ],
)
def test_rules(rule, shares):
    one = call(usd="3", team="a", usage=Usage(input=10), duration_ms=100)
    other = call(usd="1", team="b", usage=Usage(input=90), duration_ms=100, selfhosted=True)
    assert {bill.payer: bill.shared.decimal for bill in bills([one, other], Payer.TEAM, Money.usd(100), rule)} == shares


def test_payers():
    one = call(team="t", user="u", tags=("x", "y"))
    payers = {kind: [bill.payer for bill in bills([one], kind)] for kind in Payer}
    assert payers == {
        "org": ["org"],
        "team": ["t"],
        "user": ["u"],
        "key": ["key"],
        "tag": ["x", "y"],
        "model": ["m"],
    }
    assert [bill.payer for bill in bills([call()], Payer.TEAM)] == [NOBODY]
    assert [bill.payer for bill in bills([call()], Payer.TAG)] == [NOBODY]


def test_what_is_shared_is_paid_also_where_nobody_called():
    (bill,) = bills([], Payer.TEAM, Money.usd(5))
    assert (bill.payer, bill.total) == (NOBODY, Money.usd(5))
    assert bills([], Payer.TEAM) == []


def test_idle_is_what_was_paid_and_charged_to_nobody():
    made = [call(usd="3", selfhosted=True), call(usd="50")]
    assert idle(Money.usd(10), made) == Money.usd(7)
    assert idle(Money.usd(1), made) == Money.usd(-2)


def footprint(made, draw):
    return footprints(made, draw, lambda _: "all")["all"]


def test_the_energy_of_own_hardware_is_measured_by_time():
    one = call(duration_ms=HOUR * 1000, selfhosted=True, usage=Usage(output=10))
    found = footprint([one], Draw(300, together=4))
    assert found.wh == found.wh_least == found.wh_most == 90
    assert found.kwh == Fraction(9, 100)
    assert found.grams(400) == 36


def test_the_energy_of_apis_is_estimated_by_output():
    one = call(usage=Usage(input=10**6, output=500), duration_ms=10)
    found = footprint([one, one], None)
    assert (found.calls, found.wh_least, found.wh, found.wh_most) == (2, Fraction("0.12"), Fraction("0.6"), 6)
    assert footprint([call(selfhosted=True, usage=Usage(output=500))], None).wh == Fraction("0.3")


def found_savings(made, prices=()):
    return {one.what: one for one in savings(made, {one.id: one for one in prices})}


CHEAP_READS = Price("p", Schedule(dataclasses.replace(flat(100), cache_read=10)))


def talk(*sizes, gap=10, cached=0, rates=CHEAP_READS):
    """A conversation of prompts of these sizes."""
    usages = [Usage(input=size - min(cached, size), cache_read=min(cached, size), output=5) for size in sizes]
    return [
        priced(rates, usage, at=gap * number, session="s", duration_ms=1, stream=True)
        for number, usage in enumerate(usages)
    ]


def test_prompts_that_begin_as_the_one_before_could_be_read_from_the_cache():
    """2,000 and 3,000 tokens again, at 10 instead of 100."""
    saved = found_savings(talk(2000, 3000, 4000), [CHEAP_READS])["prompt caching"]
    assert (saved.calls, saved.saved) == (2, Money(90 * 5000))


@pytest.mark.parametrize(
    "made",
    [
        talk(2000, 3000, gap=301),
        talk(500, 600),
        talk(3000, 2000),
        talk(2000, 3000, cached=2000),
        [replace(one, session="") for one in talk(2000, 3000)],
        [replace(one, cost=replace(one.cost, price_id=None)) for one in talk(2000, 3000)],
    ],
    ids=["too late", "too short", "another prompt", "was read", "no conversation", "no price"],
)
def test_what_could_not_be_read_from_the_cache(made):
    assert "prompt caching" not in found_savings(made, [CHEAP_READS])


def test_writing_to_the_cache_may_cost_more_than_reading_saves():
    dear = Price("d", Schedule(dataclasses.replace(flat(100), cache_read=90, cache_write=200)))
    assert "prompt caching" not in found_savings(talk(2000, 3000, rates=dear), [dear])


def test_calls_that_may_wait_are_priced_at_the_tiers_that_wait():
    rates = price("p", 100, flex=60, batch=50)
    made = [priced(rates, Usage(input=1000)), priced(rates, Usage(input=1000), stream=True), call()]
    found = found_savings(made, [rates])
    assert (found["flex"].saved, found["batch"].saved, found["batch"].calls) == (Money(40_000), Money(50_000), 1)


def test_the_next_cheaper_model_in_use():
    dear, middle, cheap = (price(name, rate) for name, rate in (("a", 100), ("b", 60), ("c", 10)))
    made = [
        priced(rates, Usage(input=1000), model=rates.id, stream=True, duration_ms=1) for rates in (dear, middle, cheap)
    ]
    found = [
        one for one in savings(made, {one.id: one for one in (dear, middle, cheap)}) if one.what == "smaller model"
    ]
    assert [(one.model, one.saved, one.how) for one in found] == [
        ("b", Money(50_000), "the same tokens at p/c"),
        ("a", Money(40_000), "the same tokens at p/b"),
    ]


def test_answers_that_nobody_read():
    made = [call(usd="0.3", outcome=Outcome.HUNG_UP), call(usd="0.1", outcome=Outcome.CUT), call(usd="9")]
    found = [(one.what, one.saved.decimal, one.how) for one in savings(made, {})]
    assert found == [
        ("answers not read", "0.30", "the caller left before the end"),
        ("answers not read", "0.10", "the provider's stream broke off"),
    ]


def test_what_the_response_cache_has_saved_stands_last():
    made = [call(outcome=Outcome.CACHED, saved_nanos=10**9), call(usd="0.1", outcome=Outcome.CUT)]
    last = savings(made, {})[-1]
    assert (last.done, last.saved, last.how) == (True, Money.usd(1), "1 of 2 answers came from the cache")


def factor(made, scenario, prices):
    return factors(made, scenario, prices, lambda _: "all")("all")


def test_scenarios():
    rates = price("x", 50)
    made = [priced(price("y", 100), Usage(input=10), model="big"), call(model="dark", usd=None)]
    prices = {"small": rates}
    assert factor(made, Scenario(), {}) == 1
    assert factor(made, Scenario(growth=Fraction("0.2")), {}) == Fraction("1.2")
    assert factor(made, Scenario(prices={"big": Fraction("-0.3")}), {}) == Fraction("0.7")
    assert factor(made, Scenario(switches={"big": "small"}), prices) == Fraction("0.5")
    assert factor(made, Scenario(prices={"small": Fraction(1)}, switches={"big": "small"}), prices) == 1
    assert factor([], Scenario(), {}) == 1
    with pytest.raises(KeyError):
        factor(made, Scenario(switches={"big": "unknown"}), prices)


def test_the_price_of_a_model_is_the_one_it_was_booked_at_last():
    old, new = price("old", 1), price("new", 2)
    made = [
        priced(old, Usage(input=1), at=1),
        priced(new, Usage(input=1), at=2),
        call(at=3),
        call(at=4, price_id="gone"),
    ]
    assert latest_prices(made, {"old": old, "new": new}) == {"m": new}


def need(params, **more):
    plain = {"input_tokens": 500, "output_tokens": 200, "concurrency": 1, "latency_ms": 10_000}
    return Need(Fraction(params), **plain | more)


def best(wanted):
    fit = sized(wanted, catalogue().hardware)[0]
    return (fit.hardware.name, fit.count) if fit.fits else None


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (need("0.06", input_tokens=100, output_tokens=1, latency_ms=50), ("CPU-12", 1)),
        (need("0.8", latency_ms=5000), ("T4", 1)),
        (need(7, bits=4), ("T4", 1)),
        (need(7, latency_ms=20_000), ("L4", 1)),
        (need(70), ("A10G", 8)),
        (need(70, latency_ms=6_500), ("A100-80", 4)),
        (need(70, latency_ms=100), None),
        (need(2000), None),
    ],
    ids=["classifier", "small", "7B at 4 bits", "7B", "70B", "70B in time", "too fast", "too large"],
)
def test_the_cheapest_hardware_that_holds_a_model_and_is_in_time(wanted, name):
    assert best(wanted) == name


def test_memory_is_weights_cache_and_headroom():
    wanted = need(7, concurrency=10, kv_bytes=100_000)
    assert wanted.memory_gb == (14 + Fraction(700 * 100_000 * 10, 10**9)) * Fraction("1.2")
    assert [kv_bytes(size) for size in (1, 7, 70, 1000)] == [32_768, 131_072, 327_680, 516_096]


def test_what_does_not_fit_comes_after_what_does():
    fits = [fit.fits for fit in sized(need(7), catalogue().hardware)]
    assert fits == sorted(fits, reverse=True)
    assert True in fits
    assert False in fits
    assert sized(need(7), catalogue().hardware)[0].monthly.picos % 720 == 0
