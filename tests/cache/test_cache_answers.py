"""Two levels: memory, and behind it a store that may be slow, broken or full of rubbish without hurting anybody."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from gateway.cache.answers import Answers
from gateway.cache.exact import ExactCache, Stored
from gateway.core.caller import Caller
from gateway.core.clearing import Clearing
from gateway.core.entry import Entry, Outcome
from gateway.core.errors import Unavailable
from gateway.core.price import UNPRICED
from gateway.core.usage import Usage

BOUGHT = Entry(
    "r.1", "r", 100.0, Caller("k", team="t"), "m", "p", "gpt", "m", "standard", selfhosted=False, reason="",
    usage=Usage(), cost=UNPRICED, held_nanos=0, outcome=Outcome.OK, status=200,
)  # fmt: skip


class Store:
    """In memory; `silent` ones do not answer."""

    def __init__(self):
        self.records, self.cleared, self.silent, self.closed = {}, [], False, False

    async def find(self, name):
        await self._may_fail()
        return self.records.get(name)

    async def keep(self, name, record, label, until):
        await self._may_fail()
        self.records[name] = record

    async def clear(self, clearing):
        await self._may_fail()
        self.cleared.append(clearing)
        return 0

    async def close(self):
        self.closed = True

    async def _may_fail(self):
        await asyncio.sleep(0)
        if self.silent:
            raise Unavailable("silent")


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def make(clock, store):
    def made(store=store, ttl_s=60.0):
        return Answers(ExactCache(ttl_s=ttl_s, bytes_max=1 << 20), store, lambda: clock[0], ttl_s=ttl_s)

    return made


def keep(answers, name=b"q", bought=BOUGHT, **more):
    answers.keep(name, "application/json", b"body", bought, **more)


async def test_another_process_finds_it_in_the_store(make):
    one, other = make(), make()
    keep(one)
    await one.close()
    found = await other.find(b"q")
    assert (found.body, found.content_type, found.bought, found.until) == (b"body", "application/json", BOUGHT, 160.0)
    assert await other.find(b"another") is None


async def test_what_was_found_in_the_store_is_in_memory_then(make, store):
    one, other = make(), make()
    keep(one)
    await one.close()
    await other.find(b"q")
    store.silent = True
    assert await other.find(b"q")


async def test_without_a_store_there_is_only_memory(make):
    answers = make(store=None)
    keep(answers)
    assert (await answers.find(b"q")).body == b"body"
    await answers.close()


async def test_a_store_that_fails_is_a_miss_and_costs_nothing_but_that(make, store):
    store.silent = True
    answers = make()
    keep(answers, b"other")
    assert await answers.find(b"q") is None
    answers.clear([Clearing(99.0)])
    await answers.close()
    assert (await make(store=None).find(b"q")) is None


@pytest.mark.parametrize("rubbish", [b"", b"rubbish", b"\x81", msgspec.msgpack.encode({"body": 1}), b"\xdc\xff\xff"])
async def test_rubbish_in_the_store_is_a_miss(make, store, rubbish):
    store.records[b"q"] = rubbish
    assert await make().find(b"q") is None


async def test_a_record_that_has_ended_is_a_miss(make, store):
    store.records[b"q"] = msgspec.msgpack.encode(Stored("t", b"b", False, BOUGHT, until=100.0))
    assert await make().find(b"q") is None


async def test_a_caller_may_want_a_fresher_one(make, clock):
    answers = make()
    keep(answers)
    clock[0] = 110.0
    assert await answers.find(b"q", age_max_s=10.0)
    clock[0] = 110.1
    assert await answers.find(b"q", age_max_s=10.0) is None
    assert await answers.find(b"q")


@pytest.mark.parametrize(("said", "until"), [(None, 160.0), (5.0, 105.0), (500.0, 160.0)])
async def test_a_caller_may_have_it_kept_for_less_and_never_for_more(make, said, until):
    answers = make()
    keep(answers, ttl_s=said)
    assert (await answers.find(b"q")).until == until


async def test_what_is_cleared_is_gone_from_memory_and_store(make, store, clock):
    answers = make()
    keep(answers, b"ours")
    keep(answers, b"theirs", replace(BOUGHT, caller=Caller("x", team="other")))
    clearing = Clearing(101.0, team="t")
    answers.clear([clearing])
    assert await answers.find(b"ours") is None
    assert await answers.find(b"theirs")
    await answers.close()
    assert store.cleared == [clearing]


async def test_a_clearing_is_done_once(make, store):
    answers = make()
    for _ in range(3):
        answers.clear([Clearing(101.0)])
    answers.clear([Clearing(101.0), Clearing(102.0, key="k")])
    await answers.close()
    assert store.cleared == [Clearing(101.0), Clearing(102.0, key="k")]


async def test_what_was_asked_before_and_comes_after_is_cleared_too(make, clock):
    answers = make()
    answers.clear([Clearing(101.0)])
    clock[0] = 102.0
    keep(answers)
    assert await answers.find(b"q") is None
    keep(answers, bought=replace(BOUGHT, at=101.5))
    assert await answers.find(b"q")


async def test_what_another_process_still_had_in_the_store_is_not_given(make, store):
    one, other = make(), make()
    other.clear([Clearing(101.0)])
    keep(one)
    await one.close()
    assert store.records
    assert await other.find(b"q") is None
