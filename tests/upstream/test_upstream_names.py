"""Names: one question for many who ask, and a new one soon after."""

import asyncio
import socket

import pytest

from gateway.upstream import names
from gateway.upstream.names import Names

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


@pytest.fixture
def resolver(monkeypatch):
    """The questions that reach the system. Any name but "nobody" has an address."""
    questions = []

    async def ask(self, host, port, **_):
        questions.append((host, port))
        await asyncio.sleep(0.05)
        if host == "nobody":
            raise socket.gaierror("no such name")
        return FOUND

    # The loop's class differs by test; both inherit nothing in common that could be patched in one place.
    def use(loop):
        monkeypatch.setattr(names.asyncio, "get_running_loop", lambda: Loop(loop, ask))
        return questions

    return use


class Loop:
    """The running loop, with another resolver."""

    def __init__(self, loop, ask):
        self._loop, self._ask = loop, ask

    def __getattr__(self, name):
        return getattr(self._loop, name)

    def getaddrinfo(self, host, port, **options):
        return self._ask(self, host, port, **options)


async def test_an_address_is_not_asked_for(resolver):
    questions = resolver(asyncio.get_running_loop())
    found = await Names().addresses("127.0.0.1", 80)
    assert [address for *_, address in found] == [("127.0.0.1", 80)]
    assert [address[0] for *_, address in await Names().addresses("::1", 80)] == ["::1"]
    assert questions == []


async def test_a_rush_asks_once(resolver):
    questions = resolver(asyncio.get_running_loop())
    asking = Names()
    assert await asyncio.gather(*(asking.addresses("a.example", 443) for _ in range(50))) == [FOUND] * 50
    assert await asking.addresses("a.example", 443) == FOUND
    assert questions == [("a.example", 443)]
    await asking.addresses("b.example", 443)
    await asking.addresses("a.example", 80)
    assert len(questions) == 3


async def test_it_asks_again_soon(resolver, monkeypatch):
    monkeypatch.setattr(names, "KEPT_S", 0.01)
    questions = resolver(asyncio.get_running_loop())
    asking = Names()
    for _ in range(3):
        await asking.addresses("a.example", 443)
        await asyncio.sleep(0.05)
    assert len(questions) == 3


async def test_a_name_that_means_nothing_is_asked_again_at_once(resolver):
    questions = resolver(asyncio.get_running_loop())
    asking = Names()
    for _ in range(2):
        results = await asyncio.gather(*(asking.addresses("nobody", 443) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [socket.gaierror] * 3
        await asyncio.sleep(0.01)
    assert len(questions) == 2


async def test_one_that_leaves_takes_nothing_from_the_others(resolver):
    resolver(asyncio.get_running_loop())
    asking = Names()
    first, second = (asyncio.ensure_future(asking.addresses("a.example", 443)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    assert await second == FOUND
    assert first.cancelled()
