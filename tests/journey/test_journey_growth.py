"""A stream's hold grows before what is generated can pass it, and the stream ends when it cannot grow."""

import asyncio
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import LimitReached, Reason, Refusal
from gateway.core.limit import Fare
from gateway.journey.growth import STEP_MIN, Growth
from gateway.journey.passage import OUTPUT_BYTES_PER_TOKEN, OUTPUT_MARGIN

NO_MORE = Refusal("all", "usd", "day", "$1.00", "$1.00", "$0.00", "$0.01", None, Reason.EXHAUSTED)


class Booking:
    """Extends while `allowed` covers it, and remembers to how much."""

    def __init__(self, allowed):
        self.allowed, self.extended, self.asked, self.entry = allowed, [], 0, None
        self.elsewhere = None  # Set once others have given back; None where there are no others.
        self.waits = 0

    def extend(self, fare, cost):
        self.asked += 1
        if fare.tokens > self.allowed:
            raise LimitReached(NO_MORE)
        self.extended.append(fare.tokens)

    def wait_for_room(self, fare):
        if self.elsewhere is None:
            return None
        self.waits += 1
        return self.elsewhere.wait()


class Stream:
    """A stream whose text has so many bytes a token, and its hold."""

    def __init__(
        self, first=100, most=1000, *, allowed=10**9, bytes_per_token=OUTPUT_BYTES_PER_TOKEN, choices=1, ready=True
    ):
        self.first, self.bytes_per_token, self.counts = first, bytes_per_token, 0
        self.booking = Booking(allowed)
        option = SimpleNamespace(
            output_max=most,
            deployment=SimpleNamespace(model="m"),
            worst=lambda request, for_money, for_count: (Fare(nanos=for_money, output_tokens=for_count), None),
        )
        tokens = SimpleNamespace(ready=lambda _: ready)
        facts = SimpleNamespace(choices=choices)
        question = SimpleNamespace(
            output_first=lambda _: first, request=SimpleNamespace(facts=facts), ceiling=None if ready else 1
        )
        self.watch = SimpleNamespace(text_bytes=0, text_digits=0)
        passage = SimpleNamespace(
            option=option,
            question=question,
            booking=self.booking,
            count_made=self.count,
            tokens=tokens,
            under_way=lambda *_: choices * OUTPUT_MARGIN,
        )
        self.growth = Growth(passage, self.watch)

    async def count(self, watch):
        self.counts += 1
        await asyncio.sleep(0)
        return watch.text_bytes // self.bytes_per_token

    @property
    def held(self):
        return self.booking.extended[-1] if self.booking.extended else self.first

    async def make(self, tokens):
        """So many are made by now. Returns why it must end, if it must."""
        self.watch.text_bytes = tokens * self.bytes_per_token
        return await self.growth.refusal() if self.growth.due else None

    async def run(self, most):
        """Token by token to its end. Returns how many were made."""
        for tokens in range(1, most + 1):
            if await self.make(tokens) is not None:
                return tokens
        return most


async def test_a_read_that_brings_much_at_once_is_covered_at_once():
    stream = Stream(first=100, most=10_000)
    assert await stream.make(3000) is None
    assert stream.held == 6400


async def test_digits_are_a_token_each():
    stream = Stream(bytes_per_token=1)
    stream.watch.text_digits = 74
    assert await stream.make(74) is None
    assert stream.booking.extended == []
    stream.watch.text_digits = 75
    assert await stream.make(75) is None
    assert stream.booking.extended == [200]


async def test_nothing_is_extended_before_three_quarters_may_be_used():
    stream = Stream()
    assert await stream.make(74) is None
    assert stream.booking.extended == []
    assert await stream.make(75) is None
    assert stream.booking.extended == [200]


async def test_the_hold_doubles_up_to_the_most_that_can_be_generated_and_stays_ahead():
    stream = Stream()
    for tokens in range(0, 1001, 10):
        assert await stream.make(tokens) is None
        assert stream.held > tokens or stream.held == 1000
    assert stream.booking.extended == [200, 400, 800, 1000]


async def test_a_small_hold_is_extended_before_what_is_kept_back_is_reached():
    stream = Stream(first=40, choices=2)
    assert await stream.make(19) is None
    assert stream.booking.extended == []
    assert await stream.make(20) is None
    assert stream.booking.extended == [80]


async def test_where_doubling_is_refused_the_rest_of_the_money_is_held_in_smaller_steps():
    stream = Stream(allowed=187)
    await stream.run(170)
    assert 187 - STEP_MIN < stream.held <= 187


@given(st.integers(100, 900), st.sampled_from([2, 3, 4, 6, 12]))
async def test_all_that_is_held_is_used_and_not_more(allowed, bytes_per_token):
    """Whatever the text: it ends when the exact count and the margin for what travels reach what is held."""
    stream = Stream(allowed=allowed, bytes_per_token=bytes_per_token)
    made = await stream.run(1000)
    assert made == max(1, stream.held - OUTPUT_MARGIN), "a token at a time, so to the token"
    assert allowed - 2 * STEP_MIN < stream.held <= allowed
    assert stream.counts < 60, "counting is for the end"


async def test_nobody_waits_for_a_vocabulary_while_the_provider_goes_on():
    """Where there is a ceiling: then what has come counts as the most that it can be."""
    stream = Stream(allowed=400, bytes_per_token=4 * OUTPUT_BYTES_PER_TOKEN, ready=False)
    made = await stream.run(1000)
    assert made * 4 >= stream.held - OUTPUT_MARGIN > (made - 1) * 4
    assert stream.counts == 0


async def test_a_caller_that_leaves_while_it_is_counted_leaves_it_as_it_was():
    """What came since the last count is not taken for counted: others may go on listening."""
    stream = Stream(allowed=400)
    counting = asyncio.create_task(stream.make(390))
    await asyncio.sleep(0)
    counting.cancel()
    await asyncio.gather(counting, return_exceptions=True)
    assert (stream.counts, counting.cancelled()) == (1, True)
    assert await stream.make(391) is not None


async def test_what_every_choice_has_under_way_is_kept_back():
    stream = Stream(first=400, allowed=400, choices=4)
    made = await stream.run(1000)
    assert made == 400 - 4 * OUTPUT_MARGIN


async def test_after_the_last_refusal_it_does_not_ask_again():
    stream = Stream(allowed=150)
    await stream.run(130)
    asked, stream.booking.allowed = stream.booking.asked, 10**9
    await stream.make(131)
    assert stream.booking.asked == asked
    assert stream.held <= 150


async def test_a_stream_whose_cost_is_settled_needs_no_more():
    stream = Stream(allowed=0)
    stream.booking.entry = object()
    assert await stream.make(5000) is None
    assert stream.booking.asked == 0


async def test_an_answer_at_its_most_is_not_stopped():
    stream = Stream(first=100, most=100)
    assert await stream.make(500) is None
    assert stream.booking.asked == 0


async def test_a_stream_goes_on_while_others_are_asked_to_give_back():
    stream = Stream(first=100, allowed=100)
    stream.booking.elsewhere = asyncio.Event()
    for tokens in (75, 78, 80):
        assert await stream.make(tokens) is None
    assert stream.booking.waits == 1
    stream.booking.allowed = 10**9
    stream.booking.elsewhere.set()
    await asyncio.sleep(0.01)
    assert await stream.make(81) is None
    assert stream.held == 200


async def test_a_stream_that_runs_dry_while_others_are_asked_ends_then():
    """It may not use what it does not hold, whatever may come back."""
    stream = Stream(first=100, allowed=100)
    stream.booking.elsewhere = asyncio.Event()
    assert await stream.run(1000) == 100 - OUTPUT_MARGIN
    stream.growth.close()


async def test_once_others_have_nothing_smaller_steps_are_tried():
    stream = Stream(first=100, allowed=160)
    stream.booking.elsewhere = asyncio.Event()
    assert await stream.make(75) is None
    stream.booking.elsewhere.set()
    await asyncio.sleep(0.01)
    stream.booking.elsewhere = None
    assert await stream.make(76) is None
    assert stream.held == 150
    stream.growth.close()
