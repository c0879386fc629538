"""What is booked for a stream that breaks off: what came, and what its provider may have made before it noticed."""

from types import SimpleNamespace

import pytest

from gateway.cache.exact import ANSWER_BYTES_MAX
from gateway.cache.flights import Flight
from gateway.journey.passage import OUTPUT_MARGIN, Incoming


def incoming(*, streamed_ms, choices=1, began_ms=200):
    facts = SimpleNamespace(choices=choices)
    return Incoming(
        question=SimpleNamespace(request=SimpleNamespace(facts=facts)),
        option=None,
        answer=None,
        booking=SimpleNamespace(elapsed_ms=(began_ms or 0) + streamed_ms),
        flight=None,
        tokens=None,
        monotonic=None,
        first_token_ms=began_ms,
    )


@pytest.mark.parametrize(
    ("made", "streamed_ms", "under_way"),
    [
        (100, 2000, OUTPUT_MARGIN),  # 50 a second: in 0.1 s it makes less than the least.
        (1000, 1000, 100),
        (1001, 1000, 101),
        (100, 1, 40),  # They came together, which says little of the pace.
        (0, 5000, OUTPUT_MARGIN),
    ],
)
def test_a_quick_provider_makes_more_before_it_notices(made, streamed_ms, under_way):
    assert incoming(streamed_ms=streamed_ms).under_way(made) == under_way


def test_every_choice_has_some_under_way():
    assert incoming(streamed_ms=1000, choices=4).under_way(10) == 4 * OUTPUT_MARGIN


def test_without_a_first_token_nothing_is_known_of_the_pace():
    assert incoming(streamed_ms=1000, began_ms=None).under_way(1000) == OUTPUT_MARGIN


def test_nobody_comes_back_for_an_answer_that_is_too_long_to_be_kept():
    """So where its caller has left, and nobody listens, it is not read on for others."""
    passage = incoming(streamed_ms=0)
    passage.flight = Flight(kept=True)
    assert passage.listened
    passage.flight.add(b"x" * (ANSWER_BYTES_MAX + 1))
    assert not passage.listened
    passage.flight.followers = 1
    assert passage.listened
