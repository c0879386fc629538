"""What a call owes to a machine as it is settled, and how fast the machine turns out to be."""

import pytest

from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.core.usage import Usage
from gateway.fleet.ceiling import ceiling
from gateway.fleet.meter import Meter
from gateway.fleet.pace import CHUNK_TOKENS, CONTEXT_TOKENS, Pace
from gateway.fleet.rate import HOUR_NS, SECOND_NS, Rate, Step, Week, constant

S = SECOND_NS
DOLLARS = 10**12
MUCH = Money.usd(1000)
USED = Usage(input=1000, output=100)


def meter(rate=None, now=0):
    return Meter("local@gpu:8000", rate or constant(3600 * DOLLARS), 2000, 20, now)


def streamed(one, *, uncached=1000, context=1000, output=100, marginal=None):
    return one.occupancy(uncached=uncached, context=context, output=output, stream=True, marginal=marginal)


def test_a_call_alone_owes_all_of_its_time_by_phase():
    call = streamed(meter(), marginal=Money(7))
    call.leaves(5 * S)
    call.writes(6 * S)
    assert call.owes(7 * S).picos == pytest.approx(2 * DOLLARS)
    cost, occupied = call.settled(USED, MUCH, 10 * S)
    assert (cost.total, cost.input, cost.output) == (Money(5 * DOLLARS), Money(DOLLARS), Money(4 * DOLLARS))
    assert (cost.status, cost.price_id) == (CostStatus.ESTIMATED, "gpu:local@gpu:8000:start")
    assert (occupied.began_ns, occupied.first_token_ns, occupied.ended_ns) == (5 * S, 6 * S, 10 * S)
    assert occupied.marginal_picos == 7
    assert occupied.prefill > occupied.decode > 0


def test_two_alike_share_and_what_is_dropped_pays_nothing():
    one = meter()
    first, second, refused = streamed(one), streamed(one), streamed(one)
    for call in (first, second, refused):
        call.leaves(0)
    refused.dropped(3 * S)
    assert first.settled(USED, MUCH, 3 * S)[0].total == Money(DOLLARS)
    assert second.settled(USED, MUCH, 3 * S)[0].total == Money(DOLLARS)
    assert one.clock.idle == DOLLARS


def test_no_more_is_booked_than_was_held():
    call = streamed(meter())
    call.leaves(0)
    cost, _ = call.settled(USED, Money(5), 10 * S)
    assert (cost.total, cost.input, cost.output) == (Money(5), Money(5), Money(0))


def test_an_answer_that_does_not_stream_has_one_weight_and_is_split_by_work():
    one = meter()
    call = one.occupancy(uncached=2000, context=2000, output=20, stream=False)  # A second each, alone.
    call.leaves(0)
    call.writes(S)  # Nobody sees this.
    cost, occupied = call.settled(Usage(input=2000, output=60), MUCH, 4 * S)
    assert (cost.input, cost.output) == (Money(DOLLARS), Money(3 * DOLLARS))
    reading, writing = one.pace.weights(2000, 2000)
    assert (occupied.prefill, occupied.decode) == (round((reading + writing) / 2), 0)


def test_what_nothing_is_known_of_weighs_something():
    call = meter().occupancy(uncached=0, context=0, output=0, stream=False)
    call.leaves(0)
    assert call.settled(Usage(), MUCH, S)[0].total == Money(DOLLARS)


def test_a_call_that_never_left_owes_nothing():
    one = meter()
    call = streamed(one)
    call.writes(S)
    call.dropped(S)
    assert call.owes(S) == Money(0)
    cost, used = streamed(one).settled(USED, MUCH, 9 * S)
    assert (cost.total, used.began_ns, used.ended_ns) == (Money(0), 9 * S, 9 * S)
    call.leaves(S)
    call.leaves(2 * S)  # A repeated word.
    assert call.told(3).began_ns == 3
    assert call.settled(USED, MUCH, 2 * S)[1].began_ns == S


def test_a_long_prompt_weighs_more_and_so_does_a_long_conversation():
    pace = Pace(2000, 20)
    assert pace.weights(1, 0)[0] < pace.weights(100, 0)[0] < pace.weights(CHUNK_TOKENS, 0)[0]
    assert pace.weights(CHUNK_TOKENS, 0) == pace.weights(10 * CHUNK_TOKENS, 0)
    assert pace.weights(1, CONTEXT_TOKENS)[1] == 2 * pace.weights(1, 0)[1]


def test_calls_that_are_alone_tell_how_fast_the_machine_is():
    one, now = meter(), 0
    for _ in range(100):
        call = streamed(one)
        call.leaves(now)
        call.writes(now + S // 10)  # 1000 tokens read,
        call.settled(USED, MUCH, now + S // 10 + S)  # and 100 written.
        now += 2 * S
    assert one.pace.prefill == pytest.approx(10_000, rel=0.01)
    assert one.pace.decode == pytest.approx(100, rel=0.01)


def test_calls_that_have_company_do_not():
    one = meter()
    first, second = streamed(one), streamed(one)
    for call in (first, second):
        call.leaves(0)
    for call in (first, second):
        call.writes(S // 10)
    for call in (first, second):
        call.settled(USED, MUCH, 2 * S)
    assert (one.pace.prefill, one.pace.decode) == (2000, 20)


@pytest.mark.parametrize("usage", [Usage(input=1000, output=100, final=False), Usage(input=1000, output=1)])
def test_nor_do_those_whose_tokens_are_not_known_or_few(usage):
    one = meter()
    call = one.occupancy(uncached=1, context=10, output=10, stream=True)
    call.leaves(0)
    call.writes(S)
    call.settled(usage, MUCH, 2 * S)
    assert (one.pace.prefill, one.pace.decode) == (2000, 20)


def test_where_nothing_is_paid_nobody_can_tell_who_was_alone():
    one = meter(constant(0))
    call = streamed(one)
    call.leaves(0)
    call.writes(S)
    assert call.settled(USED, MUCH, 2 * S)[0].total == Money(0)
    assert one.pace.prefill == 2000


def test_calls_beside_ours_are_believed_when_seen_twice():
    one = meter()
    one.saw(3, 0)
    call = one.occupancy(uncached=1, context=1024, output=10, stream=True)
    call.leaves(0)
    call.writes(0)
    assert one.clock.in_flight == 1
    one.saw(2, 0)  # One of them was there before, too.
    cost, _ = call.settled(USED, MUCH, 2 * S)
    assert cost.total is not None
    assert cost.total.picos == pytest.approx(DOLLARS, rel=0.01)
    one.saw(0, 4 * S)
    assert one.clock.foreign == pytest.approx(3 * DOLLARS, rel=0.01)


def test_the_ceiling_is_a_call_that_has_the_machine_alone():
    price = ceiling("local@gpu:8000", constant(36 * DOLLARS), 2000, 20, 0)
    assert price.id == "gpu:local@gpu:8000:start"
    assert price.worst(2000, 20) == Money(DOLLARS // 100 * 2)
    assert price.likely(2000, 20, 1000) == price.worst(2000, 20)
    assert ceiling("local@gpu:8000", constant(36 * DOLLARS), 2000, 20, 1) is price


def test_the_ceiling_is_that_of_paid_hours_and_never_too_little():
    never = Rate((Step(0, 1), Step(HOUR_NS, 2)), Week("UTC", ()))
    price = ceiling("local@gpu:8000", never, 7, 3, HOUR_NS)
    assert price.id == "gpu:local@gpu:8000:1970-01-01"
    assert price.worst(1, 1) == Money(2)
