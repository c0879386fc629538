"""What a gateway does with claims where the store is slow, silent or late: nothing is lost, nothing grows."""

import asyncio
from types import SimpleNamespace

import pytest

from gateway.cache.exact import ANSWER_BYTES_MAX, ExactCache
from gateway.cache.flights import Head
from gateway.core.errors import AlreadyAnswered, AskedBefore, IdempotencyKeyReused, Unavailable, Unresolved
from gateway.core.request import Asked
from gateway.journey import idempotency
from gateway.journey.idempotency import Idempotency
from gateway.stores.claims import Claim, State

HEAD = Head("application/json", stream=False)
KEY = SimpleNamespace(id="key")


class Store:
    """Remembers what it is told; says that it does not answer while it is `silent`."""

    def __init__(self):
        self.claims, self.ended, self.silent, self.takes_silently = {}, [], False, False

    async def claim(self, name, claim):
        if self.silent and not self.takes_silently:
            raise Unavailable("silent")
        stands = self.claims.setdefault(name, claim)
        if self.silent:
            raise Unavailable("taken, and not told")
        return None if stands is claim else stands

    async def end(self, name, claim, state):
        if self.silent:
            raise Unavailable("silent")
        self.ended.append((claim.request_id, state))
        if self.claims.get(name) == claim:
            if state is None:
                del self.claims[name]
            else:
                self.claims[name] = Claim(claim.digest, claim.request_id, claim.replica, state)


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def once(store):
    return Idempotency(store, ExactCache(ttl_s=60, bytes_max=1 << 20), "me", lambda: 0.0)


def question(number, body=b"{}"):
    request = SimpleNamespace(id=f"req_{number}")
    return SimpleNamespace(request=request, dialect=SimpleNamespace(name="d"), asked=Asked(body))


async def call(once, number, *, charged=False, body=b"{}", key=KEY):
    async with once.looking("k", key, question(number, body)) as (found, flight):
        if flight is not None:
            await asyncio.sleep(0)
            flight.charged = charged
        return found


async def test_what_a_silent_store_took_is_freed_later(store, once):
    store.silent = store.takes_silently = True
    with pytest.raises(Unavailable):
        await call(once, 1)
    assert store.claims, "it stands there"
    store.silent = False
    await once.tell()
    assert not store.claims
    assert await call(once, 2) is None


async def test_nobody_listens_to_what_broke_off_while_the_store_is_told_of_it(store, once):
    """Its caller tries again as soon as it reads the error, which may be before the store knows how it ended."""
    told = asyncio.Event()

    async def end(name, claim, state):
        await told.wait()
        await Store.end(store, name, claim, state)

    store.end = end

    async def breaks_off():
        async with once.looking("k", KEY, question(1)) as (_, flight):
            flight.begin(HEAD)
            flight.add(b"half of it")
            flight.charged = True

    first = asyncio.create_task(breaks_off())
    await asyncio.sleep(0)
    second = asyncio.create_task(call(once, 2))
    await asyncio.sleep(0.01)
    assert not second.done()
    told.set()
    await first
    with pytest.raises(AlreadyAnswered, match="req_1"):
        await second


async def test_an_end_that_was_not_heard_is_told_again(store, once):
    async with once.looking("k", KEY, question(1)) as (_, flight):
        flight.charged = True
        store.silent = True
    await once.tell()
    assert store.ended == []
    store.silent = False
    running = asyncio.create_task(once.run())
    idempotency.TOLD_EVERY_S, before = 0.01, idempotency.TOLD_EVERY_S
    async with asyncio.timeout(20):
        while not store.ended:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)
    idempotency.TOLD_EVERY_S = before
    running.cancel()
    assert store.ended == [("req_1", State.ENDED)]


async def test_doubts_do_not_grow_without_end(store, once, monkeypatch):
    monkeypatch.setattr(idempotency, "DOUBTFUL_MAX", 3)
    store.silent = True
    for number in range(10):
        with pytest.raises(Unavailable):
            await call(once, number)
    assert len(once._untold) == 3


async def test_an_answer_that_is_too_long_to_be_kept_is_not_joined_late_and_not_asked_for_again(store, once):
    async with once.looking("k", KEY, question(1)) as (_, flight):
        flight.begin(HEAD)
        flight.add(b"x" * ANSWER_BYTES_MAX)
        assert (await call(once, 2)).first == "req_1"
        flight.add(b"x")
        with pytest.raises(AskedBefore, match="still under way"):
            await call(once, 3)
        flight.charged, flight.bought = True, SimpleNamespace()
    with pytest.raises(AlreadyAnswered):
        await call(once, 4)


async def test_when_the_first_comes_to_nothing_one_of_those_who_wait_is_next(store, once):
    free, order = asyncio.Event(), []

    async def one(number):
        async with once.looking("k", KEY, question(number)) as (found, flight):
            if found is not None:
                order.append((number, found.first))
                return
            order.append(number)
            await free.wait()
            if number == 1:
                return
            flight.begin(HEAD)
            await asyncio.sleep(0.01)
            flight.charged = True

    calls = [asyncio.create_task(one(number)) for number in (1, 2, 3)]
    await asyncio.sleep(0.01)
    assert order == [1]
    free.set()
    async with asyncio.timeout(20):
        await asyncio.gather(*calls)
    assert order == [1, 2, (3, "req_2")]
    assert store.ended == [("req_1", None), ("req_2", State.ENDED)]


async def test_one_that_is_given_up_while_it_claims_leaves_nothing(store, once):
    held = asyncio.Event()
    claim = store.claim

    async def slowly(name, mine):
        await claim(name, mine)
        await held.wait()

    store.claim = slowly
    waiting = asyncio.create_task(call(once, 1))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await once.tell()
    assert not store.claims
    assert not once._running


async def test_others_claims_are_told_by_what_became_of_them(store, once):
    await call(once, 1, charged=True)
    (name,) = store.claims
    mine = store.claims[name]
    for state, error in ((State.RUNNING, AskedBefore), (State.UNRESOLVED, Unresolved)):
        store.claims[name] = Claim(mine.digest, "req_other", "other", state)
        with pytest.raises(error, match="req_other"):
            await call(once, 2)
        with pytest.raises(IdempotencyKeyReused):
            await call(once, 3, body=b"{ }")
    assert store.ended == [("req_1", State.ENDED)], "what is not ours is not ended by us"
    assert await call(once, 4, key=SimpleNamespace(id="another")) is None
