"""Identical calls in flight: every listener hears everything from the start, in order, and knows when it is over."""

import asyncio
import gc

import pytest

from gateway.cache.exact import ANSWER_BYTES_MAX
from gateway.cache.flights import Flight, Flights, Head, Piece

HEAD = Head("text/event-stream", stream=True)


async def hear(flight):
    """All pieces, as a listener asks for them."""
    heard, piece = [], flight.first
    while (piece := await flight.after(piece)) is not None:
        heard.append(piece.chunk)
    return heard


async def test_listeners_early_and_late_hear_the_same():
    flight = Flight()
    early = asyncio.create_task(hear(flight))
    await asyncio.sleep(0)
    for piece in (b"a", b"b", b"c"):
        flight.add(piece)
        await asyncio.sleep(0)
    late = asyncio.create_task(hear(flight))
    await asyncio.sleep(0)
    assert not early.done()
    flight.end()
    assert await early == await late == await hear(flight) == [b"a", b"b", b"c"]
    assert flight.body == b"abc"


async def test_pieces_added_in_one_go_are_all_heard():
    flight = Flight()
    listener = asyncio.create_task(hear(flight))
    await asyncio.sleep(0)
    flight.add(b"a")
    flight.add(b"b")
    flight.end()
    assert await listener == [b"a", b"b"]


@pytest.mark.parametrize("begins", [True, False])
async def test_the_head_is_waited_for_or_never_comes(begins):
    flight = Flight()
    waiting = [asyncio.create_task(flight.begun()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(w.done() for w in waiting)
    flight.begin(HEAD) if begins else flight.end()
    assert await asyncio.gather(*waiting) == [HEAD if begins else None] * 3


async def test_callers_with_other_limits_do_not_stand_in_its_line():
    """Those of its own key do: they would stand behind it."""
    flights, flight = Flights(), Flight()
    flights.lead(b"q", flight, "k")
    own, other, again = (asyncio.create_task(flight.begun(key)) for key in ("k", "l", None))
    await asyncio.sleep(0)
    assert not other.done()
    flight.stand_in_line()
    assert await other is None
    assert await flight.begun("l") is None
    assert not own.done()
    assert not again.done()
    flight.begin(HEAD)
    assert await asyncio.gather(own, again, flight.begun("l")) == [HEAD] * 3


async def test_a_listener_that_leaves_takes_nothing_from_the_others():
    flight = Flight()
    leaving, staying = asyncio.create_task(hear(flight)), asyncio.create_task(hear(flight))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    flight.add(b"a")
    flight.end()
    assert await staying == [b"a"]


async def test_of_an_answer_that_is_too_long_only_those_who_listen_hear_and_nobody_keeps_what_they_have_heard():
    flights, flight, begin = Flights(), Flight(), b"x" * ANSWER_BYTES_MAX
    flights.lead(b"q", flight, "k")
    flight.add(begin)
    listener = asyncio.create_task(hear(flight))
    assert flights.find(b"q") is flight
    await asyncio.sleep(0)
    flight.add(b"more")
    assert flights.find(b"q") is flight.first is None
    assert flight.body == b""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not [kept for kept in gc.get_objects() if isinstance(kept, Piece) and kept.chunk is begin]
    flight.end()
    assert await listener == [begin, b"more"]


async def test_many_small_pieces_are_let_go_of_at_once():
    flight = Flight()
    for _ in range(200_000):
        flight.add(b"x" * 20)
    assert len(flight.body) == 4_000_000
    flight.add(b"x" * ANSWER_BYTES_MAX)
    assert flight.first is None


async def test_a_question_is_joined_while_it_is_asked_and_not_after():
    flights = Flights()
    assert flights.find(b"q") is None
    flight = Flight()
    flights.lead(b"q", flight, "k")
    assert flight.cached
    assert flights.find(b"q") is flight
    assert flights.find(b"other") is None
    flights.land(b"q", flight)
    assert flights.find(b"q") is None
    assert await flight.begun() is None


async def test_what_is_given_up_is_heard_by_those_who_listen_and_joined_by_nobody():
    flights, flight = Flights(), Flight()
    flights.lead(b"q", flight, "k")
    listener = asyncio.create_task(hear(flight))
    await asyncio.sleep(0)
    flight.add(b"a")
    flight.give_up()
    assert flights.find(b"q") is None
    flight.add(b"b")
    flight.end()
    assert await listener == [b"a", b"b"]


async def test_landing_an_older_call_does_not_take_away_a_newer_one():
    flights = Flights()
    first, second = Flight(), Flight()
    flights.lead(b"q", first, "k")
    flights.lead(b"q", second, "k")
    flights.land(b"q", first)
    assert flights.find(b"q") is second
    assert (first.over, second.over) == (True, False)
