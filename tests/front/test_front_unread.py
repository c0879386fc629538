"""Callers that leave while their answer is booked: it is booked at what came, whoever tells of it first."""

import asyncio
from types import SimpleNamespace

from inside import GET, Caller, eventually, quiet

from gateway.core.entry import Outcome
from gateway.core.usage import Report, Usage
from gateway.dialects.framing import SSE
from gateway.dialects.spoken import DIALECTS
from gateway.dialects.watch import StreamWatch
from gateway.front import connection as module
from gateway.journey.streaming import pass_on_stream
from gateway.journey.whole import pass_on_whole
from gateway.upstream.answer import Answer, Patience
from gateway.upstream.errors import Lost

EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"Some"}}]}\n\n'
USED = Usage(input=9, output=2)


class Leaving:
    """A caller, what is asked for it, and what is booked. What came is counted once `counted` is set."""

    def __init__(self, pass_on):
        self.booked = []
        self.booking = SimpleNamespace(entry=None, draft=None, elapsed_ms=0, writing=bool)
        self.counted = asyncio.Event()
        source = SimpleNamespace(due=float("inf"), pause=bool, resume=bool, abort=bool, watch=bool)
        self.answer = Answer(asyncio.get_running_loop(), source, Patience(60, 60, 60))
        self.answer.begin(200, {})

        async def handle(exchange):
            exchange.may_leave()
            await pass_on(self.passage(exchange))

        self.caller = Caller(handle)
        self.caller.transport.abort = self.abort

    def abort(self):
        """As a real transport does it: its end is told in the next turn of the event loop."""
        self.caller.transport.closed = "aborted"
        asyncio.get_running_loop().call_soon(self.caller.hang_up)

    async def estimate(self, _):
        await self.counted.wait()
        return USED

    def settle(self, outcome, status, report, usage):
        self.booked.append((outcome, status, usage))
        self.booking.entry = outcome

    def passage(self, exchange):
        watch = StreamWatch(DIALECTS["openai-chat"], frozenset(), wants_usage=False, price=lambda _: None)
        provider = SimpleNamespace(bills_after_abort=False)
        candidate, deployment = SimpleNamespace(name="sim/small"), SimpleNamespace(provider=provider)
        return SimpleNamespace(
            client=exchange,
            answer=self.answer,
            booking=self.booking,
            question=SimpleNamespace(output_first=lambda _: 10, ceiling=None, request=SimpleNamespace(id="1")),
            option=SimpleNamespace(output_max=10, candidate=candidate, deployment=deployment),
            headers=lambda *_: {},
            monotonic=asyncio.get_running_loop().time,
            watch=lambda _: watch,
            read_report=lambda _: Report(usage=USED),
            for_caller=bytes,
            estimate=self.estimate,
            settle=self.settle,
            tells=lambda _: True,
            under_way=lambda *_: 0,
            first_token_ms=None,
            begun=bool,
            flight=None,
            listened=False,
            behind=False,
        )

    async def over(self):
        """Until nobody works for the caller any more."""
        with quiet():
            await eventually(lambda: self.caller.lost)


async def stream(passage):
    await pass_on_stream(passage, SSE)


async def test_a_stream_that_is_not_read_any_more_is_booked_at_what_came(monkeypatch):
    """We end the connection ourselves, and hear that it is lost while we still read what the provider has sent."""
    monkeypatch.setattr(module, "WRITE_S_MAX", 0.01)
    leaving = Leaving(stream)
    await leaving.caller.say(GET)
    leaving.caller.transport.unsent = 100_000
    leaving.caller.connection.pause_writing()
    leaving.answer.feed(EVENT)
    leaving.answer.flush()
    await eventually(lambda: leaving.caller.transport.closed)
    leaving.counted.set()
    await leaving.over()
    assert leaving.booked == [(Outcome.HUNG_UP, 499, USED)]


async def test_a_stream_that_broke_off_is_booked_at_what_came_though_its_caller_leaves_meanwhile():
    leaving = Leaving(stream)
    await leaving.caller.say(GET)
    leaving.answer.feed(EVENT)
    leaving.answer.flush()
    leaving.answer.fail(Lost("The provider broke off."))
    await leaving.caller.settle()
    leaving.caller.hang_up()
    leaving.counted.set()
    await leaving.over()
    assert leaving.booked == [(Outcome.CUT, 200, USED)]


async def test_a_whole_answer_to_who_asked_for_a_stream_is_read_to_its_end():
    leaving = Leaving(pass_on_whole)
    await leaving.caller.say(GET)
    leaving.answer.feed(b"{")
    leaving.answer.flush()
    await leaving.caller.settle()
    leaving.caller.hang_up()
    await asyncio.sleep(0)
    leaving.answer.feed(b"}")
    leaving.answer.end()
    await leaving.over()
    assert leaving.booked == [(Outcome.OK, 200, USED)]
