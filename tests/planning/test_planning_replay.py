"""What calls would have come to elsewhere, call by call and summed up."""

from __future__ import annotations

from fractions import Fraction

import pytest
from booked_calls import adjusted, call
from charges import entry, usages
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.core.entry import Outcome, Shape
from gateway.core.money import ZERO, Money
from gateway.core.node import Place
from gateway.core.price import UNPRICED, Price, Rates, Schedule
from gateway.core.usage import Usage
from gateway.planning.elsewhere import LENGTHS_MIN, Estimates, Lengths, Worth
from gateway.planning.fates import Again, Fate
from gateway.planning.replay import Tally, shifts
from gateway.planning.resampled import FEWEST, GROUPS, Groups, draws, interval
from gateway.planning.reused import REUSES_MIN, Prompts, with_read
from gateway.planning.spread import KNOWN_MIN, Spread, bucket, milliseconds, quantile

THERE = Place("p", "economy", "other")


def rate(name, given=1000, cached=100, written=1250, made=5000):
    """Pico-dollars of a token."""
    rates = Rates(given, made, cached, written, written, written, *[given] * 5, *[made] * 3)
    return Price(name, Schedule(rates))


HERE_PRICE, THERE_PRICE = rate("here@1"), rate("there@1", 10, 1, 12, 50)


def made(number, at=0.0, model="m", session="s", **more):
    usage = more.pop("usage", Usage(input=1000, cache_read=4000, output=100))
    plain = {"cost": HERE_PRICE.of(usage), "usage": usage, "shape": Shape("openai-chat", 6000)}
    return entry(id=f"r{number}.1", request_id=f"r{number}", at=at, model=model, session=session, **plain | more)


def stays(one, price=HERE_PRICE):
    return Again(one, Fate.STAYED, None, price)


def moves(one, price=THERE_PRICE, place=THERE):
    return Again(one, Fate.MOVED, place, price)


@given(usages, st.integers(0, 10**7))
def test_reading_less_or_more_from_a_cache_loses_no_token(usage, read):
    """As far as there are tokens that could have been read."""
    most = usage.cache_read + usage.input
    after = with_read(usage, min(read, most))
    assert after.input_total == usage.input_total
    assert after.cache_read == min(read, most)
    assert min(after.input, after.cache_write) >= 0
    assert with_read(usage, usage.cache_read) == usage


def test_what_is_lost_is_written_again_where_the_call_wrote():
    assert with_read(Usage(input=5, cache_read=100, cache_write=7), 0) == Usage(input=5, cache_write=107)
    assert with_read(Usage(input=5, cache_read=100), 40) == Usage(input=65, cache_read=40)
    assert with_read(Usage(input=5, cache_read=1), 100) == Usage(cache_read=6)


def test_a_conversation_that_stays_is_as_it_was():
    """All calls of it, whatever they read."""
    estimates = Estimates()
    for number in range(3):
        one = made(number, at=float(number))
        assert estimates.of(stays(one)) == Worth(one.cost.total, one.cost.total, one.usage)


def test_a_conversation_that_is_switched_loses_its_cache_once():
    """And keeps the measured share from then on; switched back, it is lost again, whoever decides so."""
    estimates = Estimates()
    estimates.of(stays(made(0)))
    first = estimates.of(moves(made(1, at=1.0)))
    assert (first.after, first.lost) == (Money(5000 * 10 + 100 * 50), Money(4000 * 9))
    second = estimates.of(moves(made(2, at=2.0)))
    assert (second.after, second.lost) == (Money(1000 * 10 + 4000 + 100 * 50), ZERO)
    back = estimates.of(stays(made(3, at=3.0)))
    assert (back.after - back.before, back.lost) == (Money(4000 * 900), Money(4000 * 900))


def test_a_first_call_that_moves_has_nothing_cached_there():
    assert Estimates().of(moves(made(0))).lost == Money(4000 * 9)


def test_switching_less_wins_what_is_usual_there():
    """A call whose conversation hops in fact, and would have stayed."""
    prompts = Prompts()
    for number in range(REUSES_MIN + 1):  # Teaches what `p/m` reads of what it could: four fifths.
        prompts.learn(made(number, at=float(number)), "p/m")
    hopping = made(99, at=100.0, session="hops", usage=Usage(input=5000))
    prompts.learn(replace(hopping, model="n"), "p/m")
    assert prompts.read(replace(hopping, at=101.0), "p/m") == 4000
    assert prompts.read(replace(hopping, at=100.0 + 301), "p/m") == 0
    assert prompts.read(replace(hopping, at=101.0, session="new"), "p/m") == 0
    assert Prompts().read(hopping, "p/m") == 0


def test_what_is_won_is_told_apart():
    estimates = Estimates()
    for number in range(REUSES_MIN + 1):
        estimates.of(stays(made(number, at=float(number))))
    hop = made(99, at=100.0, session="hops", usage=Usage(input=5000), model="n")
    estimates.of(Again(hop, Fate.MOVED, Place("p", "standard", "m"), HERE_PRICE))
    stayed = estimates.of(stays(made(100, at=101.0, session="hops", usage=Usage(input=5000))))
    assert stayed.won == Money(4000 * 900)
    assert stayed.after == stayed.before - stayed.won


def test_conversations_are_forgotten_after_an_hour():
    prompts = Prompts()
    prompts.learn(made(0), "p/other")
    prompts.learn(made(1, at=4000.0, session="t"), "p/m")
    assert len(prompts._last) == 1


def test_lengths_are_scaled_once_both_models_are_known():
    estimates = Estimates()
    usage = Usage(output=100)
    for number in range(LENGTHS_MIN):
        estimates.of(stays(made(number, usage=usage)))
        long = replace(made(f"o{number}", usage=Usage(output=300)), model="other")
        estimates.of(stays(long, THERE_PRICE))
    worth = estimates.of(moves(made("x", usage=Usage(output=80, output_reasoning=20))))
    assert (worth.usage.output, worth.usage.output_reasoning, worth.scaled) == (240, 60, True)
    capped = replace(made("y", usage=usage), shape=Shape("openai-chat", 10, output_max=150))
    assert estimates.of(moves(capped)).usage.output_total == 150
    assert estimates.of(moves(replace(capped, shape=Shape("openai-chat", 10, 50, 2)))).usage.output_total == 100
    unpriced = estimates.of(moves(made("z", usage=usage), price=None))
    assert (unpriced.after, unpriced.scaled) == (None, True)


def test_a_length_that_is_not_known_is_not_scaled():
    lengths = Lengths()
    assert lengths.ratio("p/m", "p/other") is None
    for _ in range(LENGTHS_MIN):
        lengths.learn(made(0, usage=Usage(output=0)))
        lengths.learn(replace(made(0), model="other"))
    assert lengths.ratio("p/m", "p/other") is None
    lengths.learn(made(0, usage=Usage(output=2100)))
    assert lengths.ratio("p/m", "p/other") == Fraction(1)


def test_what_nobody_counted_keeps_its_cost():
    one = made(0, usage=Usage(final=False), outcome=Outcome.FAILED, cost=HERE_PRICE.of(Usage(input=9)))
    assert Estimates().of(moves(one)) == Worth(one.cost.total, one.cost.total, one.usage)
    unpriced = made(1, cost=UNPRICED)
    assert Estimates().of(stays(unpriced)).before is None


def test_a_tier_counts_where_the_other_price_has_it():
    flex = Price("f", THERE_PRICE.standard, {"flex": HERE_PRICE.standard})
    one = made(0, usage=Usage(input=10), service_tier="flex")
    assert Estimates().of(moves(one, flex)).after == Money(10_000)
    assert Estimates().of(moves(replace(one, service_tier="priority"), flex)).after == Money(100)


@given(st.floats(0, 10**7))
def test_a_bucket_is_near_what_is_in_it(took):
    assert abs(milliseconds(bucket(took)) - took) <= 0.016 * (took + 1) + 1


def test_a_call_that_moves_takes_what_its_quantile_takes_there():
    spread = Spread()
    for number in range(100):
        spread.add(number % 20, "a", "a", 1000 + number)
        spread.add(number % 20, "b", "b", 2000 + 2 * number)
    for number in range(100):
        spread.add(number % 20, "a", "b", 1000 + number)
    middle, high = shifts(spread, (0.5, 0.95))
    assert middle.before == pytest.approx(1080, rel=0.03)
    assert middle.after == pytest.approx(2060, rel=0.03)
    assert high.before == high.after == pytest.approx(2170, rel=0.03)
    assert middle.interval[0] <= middle.after - middle.before <= middle.interval[1]
    assert spread.unknown == 0


def test_where_no_call_was_seen_it_takes_as_long_as_it_did():
    spread = Spread()
    for number in range(KNOWN_MIN):
        spread.add(0, "a", "b", number)
    assert spread.unknown == KNOWN_MIN
    (middle,) = shifts(spread, (0.5,))
    assert (middle.before, middle.interval) == (middle.after, None)
    assert shifts(Spread(), (0.5,)) == [None]


def test_a_quantile_of_nothing():
    assert quantile({}, 0.5) is None


def test_conversations_have_groups_of_their_own_while_there_are_few():
    groups = Groups()
    numbers = [groups.of(("k", str(n))) for n in range(GROUPS)]
    assert numbers == list(range(GROUPS)) == [groups.of(("k", str(n))) for n in range(GROUPS)]
    assert groups.of(("k", "one more")) == groups.of(("k", "one more")) < GROUPS == len(groups)


def test_few_conversations_tell_nothing_of_others():
    assert draws(FEWEST - 1) == []
    assert interval([]) is None
    assert all(drawn.total() == FEWEST for drawn in draws(FEWEST))
    assert draws(FEWEST) == draws(FEWEST)


def test_the_interval_holds_what_is_true_as_often_as_it_says():
    """Of 200 samples of 40 conversations each, the mean is inside at about 95 %."""
    inside = 0
    for sample in range(200):
        values = [(n * 7919 + sample * 104729) % 1000 for n in range(40)]
        low, high = interval(sum(k * values[g] for g, k in drawn.items()) for drawn in draws(40))
        inside += low <= 40 * 499.5 <= high
    assert inside >= 180


def tally(*pairs):
    found, estimates = Tally(), Estimates()
    for again in pairs:
        found.add(again, estimates.of(again))
    return found


def test_sums_are_of_what_was_decided_on_again():
    kept, moved, refused = made(0, session="a"), made(1, session="b"), made(2, session="c")
    unserved, left = made(3), made(4, outcome=Outcome.CACHED)
    found = tally(
        stays(kept), moves(moved), Again(refused, Fate.REFUSED, why="all: usd/day", way="refuse"),
        Again(unserved, Fate.UNSERVED, why="no such model"), Again(left, Fate.LEFT, why="cached"),
    )  # fmt: skip
    cost = kept.cost.total
    assert found.fates == dict.fromkeys(Fate, 1)
    assert found.total.before == cost + cost
    assert found.total.change == found.moves["p/m", "p/other"].change < ZERO
    assert (found.hits["all: usd/day", "refuse"].calls, found.hits["all: usd/day", "refuse"].cost) == (1, cost)
    assert (found.were["p/m"], found.models["p/other"].calls) == (2, 1)
    assert found.change_interval() is None


def test_what_is_adjusted_is_adjusted_on_both_sides_where_it_stays():
    kept, moved = made(0, session="a"), made(1, at=1.0, session="b")
    found = tally(
        stays(kept), Again(adjusted(kept, "1"), Fate.LEFT), moves(moved), Again(adjusted(moved, "2"), Fate.LEFT),
        Again(adjusted(made(9), "5"), Fate.LEFT),
    )  # fmt: skip
    assert found.total.before == kept.cost.total + moved.cost.total + Money.usd(3)
    assert found.total.change == found.moves["p/m", "p/other"].change
    assert found.teams[""].calls == 2


def test_further_attempts_of_a_call_are_not_further_calls():
    failed = made(0, usage=Usage(final=False), outcome=Outcome.FAILED)
    again = replace(moves(failed), goes_on=False)
    other = replace(moves(replace(made(0, at=1.0), id="r0.2")), goes_on=True)
    found = tally(again, other)
    assert (found.fates[Fate.MOVED], found.total.calls, found.uncounted) == (1, 1, 1)


def test_the_change_has_an_interval_with_conversations_enough():
    found = tally(*[moves(made(n, at=float(n), session=str(n))) for n in range(FEWEST)])
    low, high = found.change_interval()
    assert low <= found.total.change <= high


def test_what_has_no_price_is_in_no_sum():
    found = tally(moves(made(0), price=None), stays(made(1, cost=UNPRICED)))
    assert (found.unpriced, found.total.before, found.total.calls) == (2, ZERO, 2)


def test_a_call_is_what_the_ledger_calls_it():
    again = Again(call(), Fate.STAYED)
    assert again.name == again.was == "p/m"
