"""A webhook is told once, whatever the disk does."""

import asyncio

import pytest

from gateway.core.caller import Caller
from gateway.core.request import Asked
from gateway.deferred import telling
from gateway.deferred.record import Later, State
from gateway.deferred.shelf import NotKept
from gateway.deferred.telling import Telling


def ended(name):
    hook = "https://caller.test/hook"
    state = {"state": State.DONE, "ended": 2.0, "webhook": hook}
    return Later(name, Caller("k"), "openai-chat", "m", Asked(b""), {}, accepted=1.0, deadline=2.0, **state)


class Full:
    """A shelf on a disk that is full for the first so many writes."""

    used = True

    def __init__(self, refused):
        self.refused = refused
        self.left = {name: ended(name) for name in ("a", "b")}

    async def untold(self, *_):
        return [*self.left.values()]

    async def tell_at(self, later, at):
        if self.refused:
            self.refused -= 1
            raise NotKept("The disk is full.")
        assert at is None
        del self.left[later.id]


async def test_what_was_told_is_not_told_again_while_that_cannot_be_written(monkeypatch):
    told = []

    async def post(target, _):
        told.append(target.name)

    monkeypatch.setattr(telling, "post", post)
    shelf = Full(refused=4)
    webhooks = Telling(shelf, b"p" * 32, lambda: 3.0, private=False)
    for _ in range(2):
        with pytest.raises(NotKept):
            await webhooks.round()
    await webhooks.round()
    assert sorted(told) == ["a", "b"]
    assert shelf.left == {}


async def test_a_round_ends_once_all_were_told_though_what_was_told_cannot_be_written_down(monkeypatch):
    """Else the next one would tell those beside it who still listen."""
    told, listened = [], asyncio.Event()

    async def post(target, _):
        told.append(target.name)
        if target.name == "b":
            await listened.wait()

    monkeypatch.setattr(telling, "post", post)
    shelf = Full(refused=1)
    webhooks = Telling(shelf, b"p" * 32, lambda: 3.0, private=False)
    first = asyncio.create_task(webhooks.round())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not shelf.refused
    assert not first.done()
    listened.set()
    with pytest.raises(NotKept):
        await first
    await webhooks.round()
    assert told == ["a", "b"]
    assert shelf.left == {}
