"""A cost is usage times rates, exactly; the worst case is never below what a call within its bounds costs."""

from dataclasses import replace
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.lines import lines
from gateway.core.money import Money
from gateway.core.price import (
    FREE,
    STANDARD_TIERS,
    UNPRICED,
    Cost,
    CostStatus,
    Price,
    Rates,
    Schedule,
    conditions,
    total,
)
from gateway.core.usage import Extras, Usage

NO_CLASSES = {"request", "extras", "least", "by_token", "sure", "dearest_input", "dearest_output"}
CLASSES = [name for name in Rates.__match_args__ if name not in NO_CLASSES]
INPUTS = ["input", "cache_read", "cache_write", "cache_write_1h", "cache_write_12h"]
INPUTS += ["input_audio", "cache_read_audio", "input_image", "cache_read_image", "input_video"]
OUTPUTS = ["output", "output_reasoning", "output_audio", "output_image"]

rate = st.integers(0, 10**9)
rates = st.builds(Rates, **dict.fromkeys(CLASSES, rate), request=rate)
counters = st.fixed_dictionaries(dict.fromkeys(INPUTS + OUTPUTS, st.integers(0, 2_000_000)))


def flat(picos, request=0):
    return Rates(*[picos] * len(CLASSES), request=request)


@st.composite
def schedules(draw, most=1000):
    thresholds = sorted(draw(st.sets(st.integers(0, most), max_size=4)))
    return Schedule(draw(rates), tuple((t, draw(rates)) for t in thresholds))


def test_every_class_of_tokens_is_in_one_of_the_two_lists():
    assert sorted(INPUTS + OUTPUTS) == sorted(CLASSES)


@given(
    counters,
    st.fixed_dictionaries(dict.fromkeys(CLASSES, st.decimals(0, 1000, places=6))),
    st.decimals(0, 1, places=12),
)
def test_a_cost_is_the_sum_of_products_to_the_pico_dollar(counted, per_million, fee):
    """Against decimal arithmetic at 60 digits, over rates per million tokens as published: error 0."""
    priced = Rates(**{name: int(value * 10**6) for name, value in per_million.items()}, request=int(fee * 10**12))
    cost = Price("p", Schedule(priced)).of(Usage(**counted))
    with localcontext() as context:
        context.prec = 60
        expected = fee + sum((counted[n] * per_million[n] / 10**6 for n in CLASSES), Decimal(0))
        assert Decimal(cost.total.picos) - expected * 10**12 == 0
    assert cost.input + cost.cache + cost.output + cost.fees == cost.total


@given(counters)
def test_parts_of_a_cost_are_input_cache_output_and_fees(counted):
    cost = Price("p", Schedule(flat(1, request=7))).of(Usage(**counted))
    usage = Usage(**counted)
    assert cost.output.picos == usage.output_total
    assert cost.cache.picos == sum(counted[n] for n in INPUTS if n.startswith("cache"))
    assert cost.input.picos == usage.input_total - cost.cache.picos
    assert cost.fees.picos == 7


def test_what_a_providers_tools_put_into_the_prompt_is_input():
    price = Price("p", Schedule(flat(3)))
    assert price.of(Usage(input=1, input_tool=2)).input == Money(9)
    assert Usage(input=1, input_tool=2).input_total == 3


def test_a_context_tier_can_look_at_one_turn_instead_of_all_input():
    price = Price("p", Schedule(flat(1), ((100, flat(2)),)))
    assert price.of(Usage(input=150)).total == Money(300)
    assert price.of(Usage(input=150, prompt=100)).total == Money(150)


@pytest.mark.parametrize(
    ("given", "prompt", "status"),
    [(100, 0, "exact"), (101, 0, "uncertain"), (101, 100, "uncertain"), (250, 101, "exact"), (101, None, "exact")],
)
def test_a_sum_of_turns_that_reaches_a_band_which_its_first_turn_did_not_is_uncertain(given, prompt, status):
    """A later turn may have been in the dearer band. Where both are in one, there is nothing to doubt."""
    price = Price("p", Schedule(flat(1), ((100, flat(2)),)))
    assert price.of(Usage(input=given, prompt=prompt)).status == status


@given(counters, st.integers(0, 10**6))
def test_what_is_free_costs_nothing_whatever_it_used(counted, most):
    cost = FREE.of(Usage(**counted))
    assert (cost.total, cost.status) == (Money(0), CostStatus.EXACT)
    assert FREE.worst(most, most) == FREE.likely(most, most) == Money(0)


@given(rates, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_what_is_likely_is_what_that_usage_would_cost(one, cold, warm, made):
    """What is read from the cache at its own rate, and in the band of the whole prompt."""
    price = Price("p", Schedule(one, ((1000, flat(7)),)))
    assert price.likely(cold + warm, made, warm) == price.of(Usage(input=cold, cache_read=warm, output=made)).total
    assert price.likely(cold, made) == price.likely(cold, made, 0)


@given(st.dictionaries(st.sampled_from(Extras.__struct_fields__), st.integers(0, 100)), st.integers(0, 9))
def test_extras_cost_their_rate_each_and_without_one_the_cost_is_uncertain(counted, known):
    each = {name: index + 1 for index, name in enumerate(Extras.__struct_fields__[:known])}
    cost = Price("p", Schedule(replace(flat(1), extras=each))).of(Usage(extras=Extras(**counted)))
    assert cost.total == cost.fees == Money(sum(count * each.get(name, 0) for name, count in counted.items()))
    unknown = any(count and name not in each for name, count in counted.items())
    assert (cost.status is CostStatus.UNCERTAIN) == unknown


@pytest.mark.parametrize(("counted", "paid"), [(0, 0), (1, 10_000), (10_000, 10_000), (10_001, 10_001)])
def test_a_short_recording_is_charged_as_the_shortest(counted, paid):
    """None at all is not a short one; in the lines it is shown as charged."""
    price = Price("p", Schedule(replace(flat(0), extras={"audio_ms": 1}, least={"audio_ms": 10_000}, by_token=False)))
    usage = Usage(extras=Extras(audio_ms=counted))
    assert price.of(usage).total == Money(paid)
    assert [line.count for line in lines(usage, price)] == ([paid] if paid else [])


def test_a_fee_for_the_call_is_a_price_by_itself_unless_tokens_come():
    price = Price("p", Schedule(replace(flat(0, request=5), by_token=False)))
    assert price.of(Usage()).status is CostStatus.EXACT
    assert price.of(Usage(input=1)).status is CostStatus.UNCERTAIN


@pytest.mark.parametrize("prompt", [None, 1])
def test_a_rate_that_is_not_sure_makes_a_cost_uncertain(prompt):
    price = Price("p", Schedule(flat(2)), {"flex": Schedule(replace(flat(1), sure=False))})
    usage = Usage(input=1, prompt=prompt)
    assert price.of(usage).status is CostStatus.EXACT
    assert (price.of(usage, "flex").total, price.of(usage, "flex").status) == (Money(1), CostStatus.UNCERTAIN)


def test_the_parts_of_a_call_add_up_and_the_least_known_counts():
    exact, uncertain = (
        Cost(Money(10), status, f"p-{status}", Money(1), Money(2), Money(3), Money(4))
        for status in (CostStatus.EXACT, CostStatus.UNCERTAIN)
    )
    assert total([exact, uncertain, exact]) == Cost(
        Money(30), CostStatus.UNCERTAIN, "p-exact + p-uncertain", Money(3), Money(6), Money(9), Money(12)
    )
    assert total([exact, UNPRICED]) == UNPRICED


def test_conditions_have_one_name_together():
    assert conditions("geo:us", "batch", "standard", "") == conditions("batch", "geo:us") == "batch,geo:us"
    assert conditions("default") == ""


def test_where_a_call_may_run_without_having_asked_is_part_of_the_worst_case():
    tiers = {"geo:us": 11, "flex": 99, "flex,geo:us": 109, "geo:us,speed:fast": 999, "speed:fast": 900}
    price = Price("p", Schedule(flat(10)), {name: Schedule(flat(rate)) for name, rate in tiers.items()})
    assert price.worst(1, 1) == price.worst(1, 1, "default") == price.worst(1, 1, "unheard of") == Money(22)
    assert price.worst(1, 1, "flex") == Money(218)
    assert price.worst(1, 1, "geo:us,speed:fast") == price.worst(1, 1, "speed:fast") == Money(1998)


def test_what_the_request_itself_is_charged_for_is_part_of_the_worst_case():
    rates = replace(flat(0), request=5, extras={"characters": 15})
    price = Price("p", Schedule(rates))
    assert price.worst(9, 9, extras=Extras(characters=100)) == Money(1505)
    assert price.worst(9, 9) == Money(5)
    assert price.charges(Extras(characters=1))
    assert not price.charges(Extras(characters=1, images=1))


@pytest.mark.parametrize("field", INPUTS)
def test_a_threshold_counts_every_input_token_and_is_exclusive(field):
    """At t-1 and t the lower band applies, from t+1 the higher one, whatever class the tokens are of."""
    price = Price("p", Schedule(flat(1), ((100, flat(10)), (200, flat(100)))))
    paid = {n: price.of(Usage(**{field: n})).total.picos // n for n in (99, 100, 101, 199, 200, 201)}
    assert paid == {99: 1, 100: 1, 101: 10, 199: 10, 200: 10, 201: 100}


def test_output_does_not_move_a_call_into_a_dearer_band():
    price = Price("p", Schedule(flat(1), ((100, flat(10)),)))
    assert price.of(Usage(input=1, output=1000)).total == Money(1001)


def test_the_whole_call_pays_the_rates_of_its_band():
    price = Price("p", Schedule(flat(1), ((100, flat(10)),)))
    assert price.of(Usage(input=101, output=1)).total == Money(1020)


@pytest.mark.parametrize("tier", sorted(STANDARD_TIERS, key=str))
def test_standard_tiers_pay_the_standard_price_and_are_exact(tier):
    cost = Price("p", Schedule(flat(2)), {"flex": Schedule(flat(1))}).of(Usage(input=10), tier)
    assert (cost.total, cost.status, cost.price_id) == (Money(20), CostStatus.EXACT, "p")


def test_a_tier_with_a_price_pays_it_and_is_exact():
    cost = Price("p", Schedule(flat(2)), {"flex": Schedule(flat(1))}).of(Usage(input=10), "flex")
    assert (cost.total, cost.status) == (Money(10), CostStatus.EXACT)


@pytest.mark.parametrize("tier", ["priority", "Flex", "batch"])
def test_a_tier_without_a_price_is_uncertain_at_the_standard_price(tier):
    cost = Price("p", Schedule(flat(2)), {"flex": Schedule(flat(1))}).of(Usage(input=10), tier)
    assert (cost.total, cost.status) == (Money(20), CostStatus.UNCERTAIN)


@pytest.mark.parametrize("tier", [None, "priority"])
def test_partial_usage_makes_a_cost_estimated_whatever_the_tier(tier):
    assert Price("p", Schedule(flat(2))).of(Usage(input=1, final=False), tier).status is CostStatus.ESTIMATED


@settings(max_examples=300)
@given(schedules(), st.none() | schedules(), counters, st.data())
def test_no_call_within_its_bounds_costs_more_than_the_worst_case(standard, flex, counted, data):
    """Whatever classes the tokens turn out to be, whatever band they fall in, at the tier asked for or the standard."""
    usage = Usage(**{name: value % 300 for name, value in counted.items()})
    price = Price("p", standard, {"flex": flex} if flex else {})
    asked = data.draw(st.sampled_from([None, "flex", "default"]))
    served = data.draw(st.sampled_from([None, "default", asked]))
    more, made = data.draw(st.integers(0, 50)), data.draw(st.integers(0, 50))
    worst = price.worst(usage.input_total + more, usage.output_total + made, asked)
    assert worst >= price.of(usage, served).total


@given(schedules(), st.integers(0, 2000), st.integers(0, 2000))
def test_the_worst_case_is_reached_by_some_call_within_its_bounds(standard, given_tokens, made):
    """It is no looser than it need be: some usage within the bounds costs exactly that."""
    price = Price("p", standard)
    edges = {given_tokens, *(t for t, _ in standard.above if t < given_tokens)}
    possible = [price.of(Usage(**{i: n, o: made})).total for n in edges for i in INPUTS for o in OUTPUTS]
    assert max(possible) <= price.worst(given_tokens, made)
    if not standard.above:
        assert max(possible) == price.worst(given_tokens, made)


def test_a_middle_band_that_is_dearer_than_both_ends_is_the_worst_case():
    """Volume discounts exist: a call that is smaller than its bound may fall into a dearer band."""
    price = Price("p", Schedule(flat(1), ((10, flat(9)), (100, flat(2)))))
    assert price.worst(101, 0) >= price.of(Usage(input=100)).total == Money(900)


def test_an_unpriced_cost_is_unknown_and_not_zero():
    assert UNPRICED.total is None
    assert UNPRICED.known == Money(0)
    assert Cost(Money(5), CostStatus.EXACT).known == Money(5)


@given(rates)
def test_the_dearest_rates_are_those_of_the_dearest_class(priced):
    assert priced.dearest_input == max(getattr(priced, n) for n in INPUTS)
    assert priced.dearest_output == max(getattr(priced, n) for n in OUTPUTS)


def test_the_price_of_batches_is_theirs_alone_wherever_they_run():
    price = Price(
        "p",
        Schedule(flat(10)),
        {"batch": Schedule(flat(5)), "batch,geo:us": Schedule(flat(6)), "flex": Schedule(flat(1))},
    )
    batches = price.under("batch")
    assert (batches.id, batches.standard, batches.tiers) == ("p", Schedule(flat(5)), {"geo:us": Schedule(flat(6))})
    assert batches.worst(100, 10) == Money(660), "the provider's account decides on the place"
    assert price.worst(100, 10, "batch") == Money(1100)
    assert FREE.under("batch") is FREE


@given(
    rates,
    st.dictionaries(st.sampled_from(["batch", "batch,geo:us", "flex", "geo:eu"]), schedules(), max_size=4),
    counters,
)
def test_no_batch_costs_more_than_the_worst_of_its_price(base, tiers, counted):
    price, usage = Price("p", Schedule(base), tiers), Usage(**counted)
    worst = price.under("batch").worst(usage.input_total, usage.output_total)
    served = [name for name in tiers if "batch" in name] if "batch" in tiers else ["batch"]
    assert all(price.of(usage, name).total <= worst for name in served)
