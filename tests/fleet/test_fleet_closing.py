"""The books of a machine's hour: what its calls owe and what nobody used is what was paid, to the pico-dollar."""

from hypothesis import given
from hypothesis import strategies as st
from machine_hours import CENT, HOUR, RATE, START_NS, books, call, total
from msgspec.structs import replace

from gateway.core.caller import Caller
from gateway.core.entry import NO_CALLS, Outcome
from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.fleet.clock import Owed
from gateway.fleet.closing import TOLERANCE_PICOS, closed, divided, opened
from gateway.fleet.rate import PER_PICO, SECOND_NS, Rate, Step

PAID = 3600 * CENT


def close(within, entries):
    """The books after the hour was closed, which adds nothing the second time."""
    after = [*entries, *closed(within, entries, now=1e9)]
    assert total(after, within) == within.paid
    assert closed(within, after, now=2e9) == []
    return after


def amounts(entries, name):
    return [entry.cost.known.picos for entry in entries if name in (entry.id, entry.adjusts)]


def test_an_hour_in_which_nobody_called_is_idle():
    (idle,) = close(books(), [])
    assert (idle.outcome, idle.cost.known.picos, idle.cost.status) == (Outcome.IDLE, PAID, CostStatus.EXACT)
    assert (idle.id, idle.caller) == (f"idle:local@10.0.0.5:8000:{HOUR}.1", Caller())
    assert idle.at == HOUR * 3600
    assert idle.cost.price_id == "gpu:local@10.0.0.5:8000:start"


def test_a_call_that_was_booked_right_is_left_alone():
    one = call("a.1", 10, 20, picos=10 * CENT)
    _, idle = close(books(), [one])
    assert idle.cost.known.picos == 3590 * CENT


def test_hardly_a_difference_is_the_idle_times():
    one = call("a.1", 10, 20, picos=10 * CENT + TOLERANCE_PICOS - 1)
    _, idle = close(books(), [one])
    assert idle.cost.known.picos == 3590 * CENT - TOLERANCE_PICOS + 1


def test_calls_of_two_processes_that_knew_nothing_of_each_other_share():
    both = [call("a.1", 0, 10, picos=10 * CENT), call("b.1", 0, 10, picos=10 * CENT)]
    after = close(books(), both)
    assert amounts(after, "a.1") == amounts(after, "b.1") == [10 * CENT, -5 * CENT]
    (first, *_) = [entry for entry in after if entry.adjusts == "a.1"]
    assert (first.id, first.outcome, first.charges) == (f"a.1~{HOUR}.1", Outcome.ADJUSTED, ())
    assert (first.caller, first.at, first.occupied) == (both[0].caller, both[0].at, None)


def test_a_call_that_comes_late_takes_from_the_others():
    early = close(books(), [call("a.1", 0, 10, picos=10 * CENT)])
    after = close(books(), [*early, call("b.1", 0, 20, picos=20 * CENT, weights=(3, 3))])
    assert sum(amounts(after, "a.1")) == 10 * CENT // 4
    assert sum(amounts(after, "b.1")) == 30 * CENT // 4 + 10 * CENT
    assert [entry.id for entry in after if entry.adjusts.startswith("idle:")] == [
        f"idle:local@10.0.0.5:8000:{HOUR}.1~{HOUR}.1"
    ]


def test_a_call_over_two_hours_pays_in_each_its_part():
    one = call("a.1", 3590, 3620, first_s=3610, weights=(4, 1), picos=30 * CENT)
    first, second = books(HOUR), books(HOUR + 1)
    after = close(first, [one])
    after = close(second, after)
    assert total(after, first) == total(after, second) == PAID
    assert amounts([entry for entry in after if first.has(entry)], "a.1") == [30 * CENT, -20 * CENT]
    assert amounts([entry for entry in after if second.has(entry)], "a.1") == [20 * CENT]
    assert [entry.id for entry in after if entry.adjusts == "a.1"] == [f"a.1~{HOUR}.1", f"a.1~{HOUR + 1}.0"]
    (moved,) = [entry for entry in after if entry.id == f"a.1~{HOUR + 1}.0"]
    assert moved.at == (HOUR + 1) * 3600
    assert (moved.cost.input, moved.cost.output) == (Money(10 * CENT), Money(10 * CENT))


def test_what_belongs_to_the_prompt_and_to_the_answer_is_told_apart():
    within = books()
    streamed = call("a.1", 0, 30, first_s=10, weights=(3, 1))
    beside = call("b.1", 0, 30, weights=(1, 0))
    owed = divided(within, {entry.id: entry.occupied for entry in (streamed, beside)})
    assert owed["a.1"] == Owed(7.5 * CENT + 10 * CENT, 7.5 * CENT)
    assert owed["b.1"] == Owed(2.5 * CENT + 10 * CENT, 2.5 * CENT + 10 * CENT)


def test_of_an_answer_that_did_not_stream_the_prompts_part_stays():
    one = call("a.1", 0, 10, weights=(1, 0), picos=5 * CENT)
    one = replace(one, cost=replace(one.cost, input=Money(CENT), output=Money(4 * CENT)))
    after = close(books(), [one])
    (difference,) = [entry.cost for entry in after if entry.adjusts]
    assert (difference.total, difference.input) == (Money(5 * CENT), Money(CENT))


def test_a_call_that_died_with_its_gateway_counts_for_as_long_as_its_hold_pays():
    one = call("a.1", 100, None, picos=7 * CENT, held_nanos=7 * CENT // 1000)
    _, idle = close(books(), [one])
    assert idle.cost.known.picos == 3593 * CENT
    much = call("b.1", 100, None, picos=2000 * CENT, held_nanos=2000 * CENT // 1000)
    assert sum(amounts(close(books(), [much]), "b.1")) == 600 * CENT


def test_a_call_that_began_to_write_before_the_hour_only_writes_in_it():
    one = call("a.1", -20, 10, first_s=-5, weights=(9, 1), picos=30 * CENT)
    other = call("b.1", 0, 10, weights=(1, 1))
    owed = divided(books(), {entry.id: entry.occupied for entry in (one, other)})
    assert owed["a.1"] == Owed(5 * CENT, 0)
    assert owed["b.1"] == Owed(5 * CENT, 5 * CENT)


def test_a_machine_is_paid_for_since_it_was_first_seen():
    within = books(since_s=600)
    first = opened("local", "10.0.0.5:8000", within.at)
    before = call("a.1", 0, 10, picos=10 * CENT)
    after = close(within, [first, before])
    assert total(after, within) == 3000 * CENT
    assert first.outcome in NO_CALLS


def test_where_nothing_is_paid_nothing_is_written():
    free = Rate((Step(0, 0),))
    assert closed(books(rate=free), [], now=0) == []
    dead = call("a.1", 100, None, held_nanos=100)
    assert closed(books(rate=free), [dead], now=0) == []


@st.composite
def hours(draw):
    made = []
    for number in range(draw(st.integers(0, 12))):
        began = draw(st.integers(-1800, 3590))
        ended = draw(st.none() | st.integers(began, 5000))
        first = draw(st.none() | st.integers(began, 5000 if ended is None else ended))
        weights = (draw(st.integers(1, 10**9)), draw(st.integers(1, 10**9)))
        picos = draw(st.integers(0, 40 * CENT))
        made.append(
            call(f"{number}.1", began, ended, first_s=first, weights=weights, picos=picos, held_nanos=picos // 1000)
        )
    return made


@given(hours(), st.lists(st.integers(-3600, 7200), max_size=3), st.integers(0, 12))
def test_hours_add_up_whatever_comes_and_however_late(made, steps, late):
    rate = Rate(
        (RATE.steps[0], *(Step(START_NS + at * SECOND_NS, (at % 7) * CENT * 3599) for at in sorted(set(steps))))
    )
    hours = [books(HOUR + number, rate) for number in (-1, 0, 1)]
    known = made[late:]
    for _ in range(2):
        for within in hours:
            known = close(within, known)
        known += made[:late]
        made, late = [], 0
    for within in hours:
        known = close(within, known)
    assert sum(total(known, within) for within in hours) == sum(within.paid for within in hours)
    owed = rate.owed(hours[0].since_ns, hours[2].until_ns) // PER_PICO
    assert 0 <= owed - sum(within.paid for within in hours) < len(hours)  # Of each a part of a pico-dollar is cut off.
