"""Live events for as long as whoever watches may see them."""

import asyncio

import pytest

from gateway.core.caller import Key, Role
from gateway.core.errors import Unauthorized
from gateway.front import events as module
from gateway.front.events import while_seen


class Watcher:
    """Somebody whose key may change or end."""

    def __init__(self, role=Role.CALLER):
        self.key = Key("k", b"", role=role)

    def __call__(self):
        if self.key is None:
            raise Unauthorized("no more")
        return self.key


async def following(watcher, *, heartbeat_s=1000.0):
    queue = asyncio.Queue()
    await queue.put(b"one")
    seen = while_seen(queue, watcher, everything=watcher.key.sees_all, heartbeat_s=heartbeat_s)
    assert await anext(seen) == b"one"
    return queue, seen


@pytest.mark.parametrize(
    ("role", "then"),
    [(Role.CALLER, None), (Role.ADMIN, None), (Role.ADMIN, Role.CALLER), (Role.VIEWER, Role.TEAM_ADMIN)],
)
@pytest.mark.parametrize("busy", [True, False])
async def test_whoever_may_not_see_them_any_more_gets_no_further_event(role, then, busy):
    watcher = Watcher(role)
    queue, seen = await following(watcher)
    watcher.key = then and Key("k", b"", role=then)
    if busy:
        await queue.put(b"two")
    async with asyncio.timeout(20):
        assert [event async for event in seen] == []


async def test_whoever_sees_as_much_as_before_goes_on_until_the_gateway_stops():
    watcher = Watcher(Role.ADMIN)
    queue, seen = await following(watcher)
    watcher.key = Key("k", b"", role=Role.VIEWER)
    for event in (b"two", None):
        await queue.put(event)
    assert [event async for event in seen] == [b"two"]


async def test_while_nothing_comes_there_are_heartbeats(monkeypatch):
    monkeypatch.setattr(module, "LOOKED_EVERY_S", 0.01)
    _, seen = await following(Watcher(), heartbeat_s=0.02)
    assert await anext(seen) == b": still here\n\n"
