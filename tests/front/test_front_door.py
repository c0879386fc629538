"""The door: who waits, who is let in and in which order, and who is turned away."""

import asyncio
import time
from collections import Counter

import pytest
from inside import Caller, door, echo, statuses

from gateway.front import door as module
from gateway.front.door import AT_ONCE, CROWDED, FULL, Door

CALL = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nkey: {}\r\nContent-Length: 2\r\n\r\nhi"


class Exchange:
    """All that the door knows of a request."""

    def __init__(self, key, path="/v1/chat/completions"):
        self.key, self.path = key, path


class Guest:
    """Whoever has one."""

    closed = False

    def __init__(self, crowd, exchange):
        self.crowd, self.exchange = crowd, exchange

    def come_in(self, exchange, lane):
        assert exchange is self.exchange
        self.lane = lane
        self.crowd.inside.append(self)

    def answered(self, exchange):
        assert exchange is self.exchange


class Crowd:
    """Guests, at a door of their own."""

    def __init__(self, places=1000):
        self.inside, self.away = [], []
        self.door = Door(
            lambda exchange: exchange.key, lambda exchange, why: self.away.append((exchange.key, why)), places, 100
        )

    def knock(self, key="a", count=1, path="/v1/chat/completions"):
        guests = [Guest(self, Exchange(key, path)) for _ in range(count)]
        for guest in guests:
            self.door.knock(guest, guest.exchange)
        return guests

    def keys(self):
        return [guest.exchange.key for guest in self.inside]

    def go(self):
        for guest in self.inside:
            self.door.left(guest.lane)
        self.inside.clear()


@pytest.fixture
def patience(monkeypatch):
    """So that any turn is one too many."""
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)


async def turn():
    await asyncio.sleep(0)


async def late(seconds=0.002):
    """A turn after something that took as long."""
    time.sleep(seconds)  # noqa: ASYNC251 - which is what the event loop must bear
    await turn()


async def test_a_few_are_let_in_at_a_turn_and_all_in_the_end():
    crowd = Crowd()
    crowd.knock(count=3 * AT_ONCE + 1)
    for inside in (1, 2, 3):
        assert len(crowd.inside) == inside * AT_ONCE
        await turn()
    assert len(crowd.inside) == 3 * AT_ONCE + 1
    assert not crowd.away
    crowd.go()
    assert crowd.door.inside == 0


async def test_keys_have_their_turn_one_after_the_other():
    crowd = Crowd()
    crowd.knock("greedy", 100)
    crowd.knock("modest", 2)
    crowd.knock("third", 1)
    await turn()
    assert Counter(crowd.keys()[AT_ONCE:]) == {"greedy": 2, "modest": 1, "third": 1}
    await turn()
    assert Counter(crowd.keys()[2 * AT_ONCE :]) == {"greedy": 3, "modest": 1}


async def test_what_comes_after_one_that_waits_too_long_is_turned_away(patience):
    crowd = Crowd()
    crowd.knock("greedy", 100)
    await late()
    crowd.knock("greedy", 3)
    assert crowd.away == [("greedy", CROWDED)] * 3
    crowd.knock("modest", 3)
    assert len(crowd.away) == 3
    for _ in range(100):
        await turn()
    assert len(crowd.inside) == 103


async def test_a_burst_is_no_crowd_and_a_loop_that_stood_still_is_none():
    crowd = Crowd()
    crowd.knock(count=400)
    await turn()
    await late(2 * module.PATIENCE_S)
    crowd.knock()
    assert not crowd.away


async def test_a_key_may_have_as_many_as_are_left():
    crowd = Crowd(places=16)
    crowd.knock("greedy", 20)
    for _ in range(4):
        await turn()
    assert crowd.keys() == ["greedy"] * 8
    assert crowd.away == [("greedy", FULL)] * 12
    crowd.knock("modest", 20)
    for _ in range(4):
        await turn()
    assert Counter(crowd.keys()) == {"greedy": 8, "modest": 4}
    crowd.knock("third", 1)
    assert crowd.keys()[-1] == "third"
    crowd.go()
    assert crowd.door.inside == 0
    crowd.knock("greedy", 8)
    assert len(crowd.away) == 12 + 16


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_whoever_looks_after_the_gateway_does_not_wait(path):
    crowd = Crowd(places=2)
    crowd.knock(count=10)
    (guest,) = crowd.knock("", path=path)
    assert guest in crowd.inside
    assert guest.lane is None


async def test_who_has_left_meanwhile_takes_no_turn():
    crowd = Crowd()
    guests = crowd.knock(count=AT_ONCE + 50)
    for guest in guests[AT_ONCE:-1]:
        guest.closed = True
    await turn()
    assert crowd.inside == [*guests[:AT_ONCE], guests[-1]]
    crowd.go()
    assert crowd.door.inside == 0


async def test_a_connection_that_waits_is_not_read_and_one_that_is_turned_away_goes_on():
    at = door(places=4)
    callers = [Caller(at=at) for _ in range(4)]
    held = asyncio.Event()

    async def hold(exchange):
        await held.wait()
        await exchange.respond(200, {}, b"")

    for caller in callers:
        caller.handle(hold)
        await caller.say(CALL.format("k").encode())
    assert statuses(bytes(callers[2].transport.sent)) == [503]
    held.set()
    for caller in callers:
        await caller.settle()
    assert [statuses(bytes(c.transport.sent)) for c in callers] == [[200], [200], [503], [503]]
    await callers[2].say(CALL.format("k").encode())
    assert statuses(bytes(callers[2].transport.sent)) == [503, 200]
    assert at.inside == 0


async def test_no_more_is_read_of_a_body_while_its_request_waits():
    at = door()
    callers = [Caller(at=at) for _ in range(AT_ONCE + 1)]
    for caller in callers:
        caller.connection.data_received(CALL.format("k")[:-1].encode())
    assert not any(caller.transport.reading for caller in callers)
    await asyncio.sleep(0)
    assert [caller.transport.reading for caller in callers] == [True] * AT_ONCE + [False]
    await callers[-1].settle()
    assert callers[-1].transport.reading
    await callers[-1].say(b"i")
    assert statuses(bytes(callers[-1].transport.sent)) == [200]


async def test_a_head_that_is_turned_away_before_its_body_is_the_last():
    at = door(places=1)
    first, second = Caller(at=at), Caller(at=at)
    await first.say(CALL.format("k")[:-1].encode())
    await second.say(CALL.format("k")[:-1].encode())
    assert b"Connection: close" in second.transport.sent
    assert second.transport.ended


def large(key, size, framing="Content-Length: {}"):
    return f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nkey: {key}\r\n{framing.format(size)}\r\n\r\n".encode()


@pytest.mark.parametrize("framing", ["Content-Length: {}", "Transfer-Encoding: chunked"])
async def test_a_key_may_have_as_much_kept_of_its_bodies_as_is_left(framing):
    """What is announced counts at once, what comes in chunks as it comes; and all is given back in the end."""
    at, held = door(bytes_max=100), asyncio.Event()

    async def hold(exchange):
        await echo(exchange)
        await held.wait()

    def body(size):
        return b"x" * size if "Length" in framing else b"1\r\nx\r\n" * size

    callers = [Caller(hold, at) for _ in range(5)]
    sizes = [("greedy", 50), ("greedy", 1), ("modest", 24), ("modest", 3), ("third", 10)]
    for caller, (key, size) in zip(callers, sizes, strict=True):
        await caller.say(large(key, size, framing))
        await caller.say(body(size))
    said = [bytes(caller.transport.sent) for caller in callers]
    assert [b"overloaded" in one for one in said] == [False, True, False, True, False]
    assert [statuses(one) for one in said[1::2]] == [[503], [503]]
    for caller in callers:
        if "chunked" in framing and not caller.transport.ended:
            await caller.say(b"0\r\n\r\n")
    held.set()
    for caller in callers:
        await caller.settle()
    assert at.inside == 0
    caller = Caller(at=at)
    await caller.say(large("greedy", 100) + b"x" * 100)
    assert statuses(bytes(caller.transport.sent)) == [200]


async def test_a_small_body_counts_as_well_and_who_has_no_lane_is_not_counted():
    at = door(bytes_max=1)
    caller = Caller(at=at)
    await caller.say(CALL.format("k").encode())
    assert statuses(bytes(caller.transport.sent)) == [503]
    caller = Caller(at=at)
    await caller.say(CALL.format("k").replace("/v1/chat/completions", "/healthz").encode())
    assert statuses(bytes(caller.transport.sent)) == [200]


async def test_of_a_body_that_nobody_has_asked_for_no_more_is_taken_than_came_with_its_head():
    asked, sent = asyncio.Event(), 6 << 20

    async def slow(exchange):
        await asked.wait()
        await exchange.respond(200, {}, str(len(await exchange.body(bytes_max=sent, stall_s=60))).encode())

    caller = Caller(slow)
    await caller.say(large("k", sent) + b"x" * 1000)
    assert not caller.transport.reading
    asked.set()
    await caller.settle()
    assert caller.transport.reading
    await caller.say(b"x" * (sent - 1000))
    assert caller.answers[0][2] == str(sent).encode()


async def test_a_body_that_nobody_ever_asks_for_is_thrown_away():
    async def hasty(exchange):
        await exchange.respond(200, {}, b"")

    caller = Caller(hasty)
    await caller.say(large("k", 6 << 20) + b"x" * 1000)
    assert statuses(bytes(caller.transport.sent)) == [200]
    assert caller.transport.reading
    await caller.say(b"x" * 100_000)
    assert sum(map(len, caller.begun[0]._parts)) <= 1000
