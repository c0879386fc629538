"""A stream's hold grows before what is generated can pass it, and the stream ends when it cannot grow."""

from types import SimpleNamespace

import pytest

from gateway.core.errors import Unavailable
from gateway.core.limit import Fare
from gateway.journey.growth import OUTPUT_BYTES_PER_TOKEN, Growth


class Booking:
    """Extends while `allowed` covers it, and remembers to how much."""

    def __init__(self, allowed):
        self.allowed, self.extended, self.entry = allowed, [], None

    def extend(self, fare, cost):
        if fare.tokens > self.allowed:
            raise Unavailable("no more")
        self.extended.append(fare.tokens)


def growing(first=100, most=1000, allowed=10**9):
    booking = Booking(allowed)
    option = SimpleNamespace(
        output_max=most, worst=lambda request, for_money, for_count: (Fare(nanos=for_money, tokens=for_count), None)
    )
    question = SimpleNamespace(output_first=lambda option: first, output_held=lambda option: first, request=None)
    passage = SimpleNamespace(option=option, question=question, booking=booking)
    watch = SimpleNamespace(text_bytes=0)
    return Growth(passage, watch), booking, watch


def made(watch, tokens):
    watch.text_bytes = tokens * OUTPUT_BYTES_PER_TOKEN


def test_nothing_is_extended_before_half_may_be_used():
    growth, booking, watch = growing()
    made(watch, 49)
    assert growth.needed() is None
    assert booking.extended == []
    made(watch, 50)
    assert growth.needed() is None
    assert booking.extended == [200]


def test_the_hold_doubles_up_to_the_most_that_can_be_generated_and_stays_ahead():
    growth, booking, watch = growing()
    held = 100
    for tokens in range(0, 1001, 10):
        made(watch, tokens)
        assert growth.needed() is None
        held = booking.extended[-1] if booking.extended else held
        assert held > tokens or held == 1000
    assert booking.extended == [200, 400, 800, 1000]


@pytest.mark.parametrize(("tokens", "ends"), [(60, False), (99, False), (100, True)])
def test_a_refused_extension_ends_the_stream_only_once_all_that_is_held_may_be_used(tokens, ends):
    growth, _, watch = growing(allowed=150)
    made(watch, 50)
    assert growth.needed() is None
    made(watch, tokens)
    assert isinstance(growth.needed(), Unavailable) == ends


def test_after_a_refusal_it_does_not_ask_again():
    growth, booking, watch = growing(allowed=150)
    made(watch, 50)
    growth.needed()
    booking.allowed = 10**9
    made(watch, 60)
    growth.needed()
    assert booking.extended == []


def test_a_stream_whose_cost_is_settled_needs_no_more():
    growth, booking, watch = growing(allowed=0)
    booking.entry = object()
    made(watch, 5000)
    assert growth.needed() is None


def test_an_answer_at_its_most_is_not_stopped():
    growth, booking, watch = growing(first=100, most=100)
    made(watch, 500)
    assert growth.needed() is None
    assert booking.extended == []
