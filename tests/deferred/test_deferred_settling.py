"""What a batch of calls for later has come to: each is settled as its result is read."""

import json
from types import SimpleNamespace

import pytest
from charges import entry, flat
from msgspec import structs

from gateway.catalog.providers import KNOWN
from gateway.core.caller import Caller
from gateway.core.entry import Outcome
from gateway.core.money import Money
from gateway.core.price import Cost, CostStatus, Price, Schedule
from gateway.core.request import Asked
from gateway.deferred.record import Later, Place
from gateway.deferred.settling import Settling
from gateway.dialects.batch_status import Status
from gateway.journey.books import Books
from gateway.upstream.errors import Lost

BOUND = Cost(Money(10**6), CostStatus.UNCERTAIN, "p")


def call(name):
    place = Place("openai", "b", f"{name}-1", f"{name}-1.1")
    asked = Later(name, Caller("k"), "openai-chat", "m", Asked(b""), {}, accepted=1.0, deadline=9.0, place=place)
    return asked, entry(id=place.entry_id, request_id=place.request_id, outcome=Outcome.PENDING, cost=BOUND)


def line(name, **response):
    return json.dumps({"custom_id": f"{name}-1", **response}).encode() + b"\n"


def answered(name):
    body = {"model": "m", "usage": {"prompt_tokens": 3, "completion_tokens": 4}, "choices": []}
    return line(name, response={"status_code": 200, "body": body})


class Reading:
    """A provider's file of results that comes in these chunks, and what happens while it is read."""

    status = 200

    def __init__(self, chunks):
        self._chunks = list(chunks)
        self.happened = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.happened.append("closed")

    async def next_chunk(self):
        if not self._chunks:
            return b""
        self.happened.append("read")
        chunk = self._chunks.pop(0)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk


class Settled:
    """Settles these calls by what is read, and remembers the corrections."""

    price = Price("p", Schedule(flat(10)), {"batch": Schedule(flat(5))})

    def __init__(self, names, *chunks):
        self.reading = Reading(chunks)
        self.booked = {}
        self.answers = {}
        self._calls, self._entries = zip(*map(call, names), strict=True)

    async def collect(self, done):
        async def ask(*_):
            return self.reading

        async def find(name):
            return [one for one in self._entries if one.request_id == name]

        async def give(found):
            self.reading.happened.append(found.later.id)
            self.answers[found.later.id] = found.answer

        book = SimpleNamespace(price=lambda *_: self.price)
        journal = SimpleNamespace(note=lambda _: None, settle=self._settle)
        limits = SimpleNamespace(correct=lambda _: None, remaining_now=lambda _: None)
        books = Books(limits, journal, lambda: 2.0, lambda _: None)
        desk = SimpleNamespace(provider=lambda *_: KNOWN["openai"], ask=ask)
        settling = Settling(books, desk, SimpleNamespace(find=find), lambda: book)
        await settling.collect(self._calls, Status("b", ended=True, files=("f",), done=done), give)

    def _settle(self, correction):
        self.booked[correction.request_id] = correction.cost


async def test_each_is_given_before_the_next_is_read():
    settled = Settled(["a", "b"], answered("a"), answered("b"), answered("nobody"))
    await settled.collect(done=3)
    assert settled.reading.happened == ["read", "a", "read", "b", "read", "closed"]
    assert {cost.total for cost in settled.booked.values()} == {Money(35) - BOUND.known}


async def test_what_came_before_results_break_off_is_settled():
    settled = Settled(["a", "b"], answered("a"), Lost("It broke off."))
    with pytest.raises(Lost):
        await settled.collect(done=2)
    assert settled.reading.happened == ["read", "a", "read", "closed"]
    assert set(settled.booked) == {"a-1"}


async def test_a_call_without_a_result_costs_nothing_only_where_all_answers_are_there():
    whole = Settled(["a", "b"], answered("a"))
    await whole.collect(done=1)
    assert whole.booked["b-1"].total == Money(0) - BOUND.known
    lacking = Settled(["a", "b", "c"], answered("a") + line("b", error={"code": "expired"}))
    await lacking.collect(done=2)
    assert lacking.booked["b-1"].total == Money(0) - BOUND.known
    assert "c-1" not in lacking.booked
    assert lacking.reading.happened[-1] == "c"


async def test_an_answer_tells_what_was_left_out_of_its_call():
    """As it would have been told at once."""
    settled = Settled(["a", "b"], answered("a"), answered("b"))
    first, *others = settled._calls
    dropped = ("messages.content.thinking", "thinking")
    settled._calls = (structs.replace(first, place=structs.replace(first.place, dropped=dropped)), *others)
    await settled.collect(done=2)
    told = [settled.answers[name].headers.get("x-fareway-dropped") for name in "ab"]
    assert told == ["messages.content.thinking, thinking", None]


async def test_what_cannot_be_priced_any_more_stays_charged_at_its_bound(caplog):
    settled = Settled(["a"], answered("a"))
    settled.price = None
    await settled.collect(done=1)
    assert not settled.booked
    assert settled.answers["a"].headers["x-fareway-cost-usd"] == BOUND.total.decimal
    assert "stays charged at its bound" in caplog.text
