"""Looking after a batch until its cost is in the books."""

from types import SimpleNamespace

import pytest

from gateway.core.caller import Caller
from gateway.core.request import Asked
from gateway.deferred.choosing import Offer, Way
from gateway.deferred.lanes import Lanes
from gateway.deferred.record import Later, Place, State
from gateway.deferred.settling import Found
from gateway.deferred.shelf import NotKept, Shelf
from gateway.dialects.batch_status import Status

IN_BATCH = Later(
    "later_a_1",
    Caller("k"),
    "openai-chat",
    "m",
    Asked(b""),
    {},
    accepted=1000.0,
    deadline=2000.0,
    state=State.RUNNING,
    runs=1,
    place=Place("openai", "b", "later_a_1-1", "e"),
)


class Ended:
    """Every batch has ended, and its calls were not answered well."""

    async def status(self, *_):
        return Status("b", ended=True)

    async def collect(self, calls, _, give):
        assert calls, "there is something to settle"
        for later in calls:
            await give(Found(later, None))


@pytest.fixture
async def shelf(tmp_path):
    shelf = Shelf(tmp_path / "deferred.db")
    await shelf.add(IN_BATCH, b"{}", None, 1)
    await shelf.put(IN_BATCH, batch="b")
    yield shelf
    await shelf.close()


@pytest.fixture
async def lanes(shelf):
    nobody = SimpleNamespace()
    lanes = Lanes(shelf, nobody, nobody, nobody, Ended(), clock=lambda: 1000.0, collect_s=1.0)
    await lanes.resume()
    return lanes


async def test_what_is_due_in_the_turn_in_which_a_lane_is_full_leaves_with_it(shelf):
    """Whichever of them comes first."""
    now, nobody = 1000.0, SimpleNamespace()
    lanes = Lanes(shelf, nobody, nobody, nobody, nobody, clock=lambda: now, collect_s=1.0)
    offered, offer = SimpleNamespace(question=SimpleNamespace(headers={})), Offer(Way.BATCH, "openai/m", "openai", None)

    async def come(name):
        call = Later(name, Caller("k"), "openai-chat", "m", Asked(b""), {}, 1000.0, deadline=2000.0, switch_at=1900.0)
        await lanes.gather(await shelf.add(call, b"{}", None, 9), offered, offer)

    await come("first")
    assert lanes.full() == []
    now = 1002.0
    await lanes.gather((await shelf.find("first")).later, offered, offer)
    await come("second")
    (lane,) = lanes.full()
    await come("third, while it is sent")
    assert lanes.full() == []
    assert {one.id for one in await shelf.of_lane(lane, 9)} == {"first", "second"}


async def test_a_call_that_must_be_asked_at_once_hurries_no_batch(shelf):
    """It stays where it was, and is due by itself."""
    now, asked = 1000.0, SimpleNamespace(call=lambda *_: None, key=lambda _: None)
    sent = []

    class Outgoing:
        async def send(self, members, keep, patience_s):
            sent.append(([member.later.id for member in members], patience_s))
            return {}

    class Offering:
        async def of(self, *_):
            return offered

    offer = Offer(Way.BATCH, "openai/m", "openai", None)
    question = SimpleNamespace(headers={}, dialect=SimpleNamespace(name="openai-chat"), asked=Asked(b""))
    offered = SimpleNamespace(
        question=question, offers=[offer], option=lambda name: SimpleNamespace(deployment=SimpleNamespace(model=name))
    )
    lanes = Lanes(shelf, asked, Offering(), Outgoing(), SimpleNamespace(), clock=lambda: now, collect_s=1.0)
    for name, switch_at in (("late", 1001.5), ("early", 1900.0)):
        call = Later(
            name, Caller("k"), "openai-chat", "m", Asked(b""), {}, 1000.0, deadline=2000.0, switch_at=switch_at
        )
        await lanes.gather(await shelf.add(call, b"{}", None, 9), offered, offer)
    (lane,) = {(await shelf.find(name)).later.lane for name in ("late", "early")}
    assert await lanes.send(lane) == []
    assert sent == [(["early"], 900.0)]
    assert (await shelf.find("late")).later.state is State.WAITING


async def test_what_cannot_be_kept_is_given_again(lanes, shelf):
    given = []

    async def give(found):
        given.append(found.later.id)
        if len(given) == 1:
            raise NotKept("The disk is full.")
        await shelf.settled(found.later.id)

    with pytest.raises(NotKept):
        await lanes.collect("b", give)
    assert lanes.due(2000.0) == ["b"]
    await lanes.collect("b", give)
    assert given == ["later_a_1", "later_a_1"]
    assert lanes.due(2000.0) == []


async def test_a_batch_is_forgotten_though_that_was_not_seen_at_once(lanes, shelf, monkeypatch):
    calls_left = shelf.in_batch

    async def away_once_settled(name):
        if not await calls_left(name):
            monkeypatch.undo()
            raise NotKept("The disk is full.")
        return await calls_left(name)

    async def give(found):
        await shelf.settled(found.later.id)

    monkeypatch.setattr(shelf, "in_batch", away_once_settled)
    with pytest.raises(NotKept):
        await lanes.collect("b", give)
    assert lanes.due(2000.0) == ["b"]
    await lanes.collect("b", give)
    assert lanes.due(2000.0) == []
