"""When a machine's hours are closed: as they end, after a time in which no gateway ran, and once a ledger is back."""

import asyncio
from contextlib import contextmanager

import pytest
from machine_hours import CENT, HOUR, RATE, START_NS, call
from msgspec.structs import replace

from gateway.core.errors import Unavailable
from gateway.fleet import hours as module
from gateway.fleet.backend import Backend
from gateway.fleet.hours import AGAIN, GRACE_S, HOUR_S, Hours
from gateway.fleet.machine import Machine
from gateway.fleet.rate import SECOND_NS
from gateway.ledger import sqlite
from gateway.planning.gpus import Tier

START = START_NS // SECOND_NS


class Ledger:
    """One on disk, and gateways that come and go beside it."""

    def __init__(self, folder):
        self.path = folder / "ledger.db"
        self.kept = sqlite.SqliteLedger(self.path)
        self.now = START
        self.looks = 0
        self.away = False
        self.waiting = []
        self.heard = asyncio.Queue()

    async def asked(self, times):
        """Wait until it was asked so often."""
        for _ in range(times):
            await self.heard.get()

    def gateway(self, *names):
        """A new process's hours. Its clock is `now`."""
        machine = Machine("mine", 1, Tier.ON_DEMAND, RATE)
        backends = [Backend("local", name, f"http://{name}", machine=machine) for name in names or ("10.0.0.5:8000",)]
        backends.append(Backend("free", "a:1", "http://a:1"))
        return Hours(
            backends,
            self.read,
            self.find,
            self.add,
            lambda: self.now,
            reach_s=lambda: 600,
            waiting=lambda: self.waiting,
        )

    @contextmanager
    def read(self):
        self.looks += 1
        with sqlite.reading(self.path) as reader:
            yield reader

    async def find(self, name):
        self.heard.put_nowait(name)
        if self.away:
            raise Unavailable("It is away.")
        return await self.kept.find(name)

    def add(self, entry):
        assert self.kept._record([entry]) == 1

    def picos(self, hour):
        """What stands in an hour."""
        with sqlite.reading(self.path) as reader:
            return sum(e.cost.known.picos for e in reader.entries(hour * HOUR_S, (hour + 1) * HOUR_S))

    def over(self, hour):
        """That hour is over, and its grace too."""
        self.now = (hour + 1) * HOUR_S + GRACE_S


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path)
    yield made
    made.kept.close()


PAID = 3600 * CENT


async def test_an_hour_is_closed_once_it_is_over_and_its_grace_too(ledger):
    gateway = ledger.gateway()
    await gateway.catch_up()
    ledger.now = START + HOUR_S + GRACE_S - 1
    await gateway.catch_up()
    assert ledger.picos(HOUR) == 0
    ledger.over(HOUR)
    await gateway.catch_up()
    assert ledger.picos(HOUR) == PAID
    looks = ledger.looks
    await gateway.catch_up()
    assert ledger.looks == looks, "there is nothing to be looked at within the hour"


async def test_the_first_hour_counts_from_when_the_machine_was_seen(ledger):
    ledger.now = START + 900
    await ledger.gateway().catch_up()
    ledger.now = START + 1800  # A restart changes nothing.
    await ledger.gateway().catch_up()
    ledger.over(HOUR)
    await ledger.gateway().catch_up()
    assert ledger.picos(HOUR) == 2700 * CENT


async def test_hours_in_which_no_gateway_ran_are_closed_at_the_next_start(ledger):
    await ledger.gateway().catch_up()
    ledger.over(HOUR + 100)
    await ledger.gateway().catch_up()
    assert [ledger.picos(hour) for hour in range(HOUR, HOUR + 102)] == [PAID] * 101 + [0]
    ledger.over(HOUR + 300)
    await ledger.gateway().catch_up()
    assert {ledger.picos(hour) for hour in range(HOUR, HOUR + 301)} == {PAID}


async def test_a_call_that_was_in_flight_then_and_comes_late_is_put_right(ledger):
    gateway = ledger.gateway()
    await gateway.catch_up()
    ledger.over(HOUR)
    await gateway.catch_up()
    ledger.over(HOUR + 1)
    await gateway.catch_up()
    ledger.add(call("a.1", 3000, 3700, picos=700 * CENT, held_nanos=10**12))
    ledger.over(HOUR + 1 + AGAIN)
    await gateway.catch_up()
    assert [ledger.picos(HOUR + number) for number in range(2)] == [PAID, PAID]
    with sqlite.reading(ledger.path) as reader:
        owed = dict.fromkeys((HOUR, HOUR + 1), 0)
        for entry in reader.entries(0, 2e9):
            if "a.1" in (entry.id, entry.adjusts):
                owed[int(entry.at // HOUR_S)] += entry.cost.known.picos
    assert owed == {HOUR: 600 * CENT, HOUR + 1: 100 * CENT}


async def test_a_call_that_was_read_slowly_pays_for_its_later_hours_too(ledger):
    """Longer than a provider is waited for: what its caller is waited for is no part of that."""
    gateway = ledger.gateway()
    await gateway.catch_up()
    ledger.add(call("a.1", 1800, 1800 + 3000, picos=3000 * CENT))
    ledger.over(HOUR + 1)
    await gateway.catch_up()
    assert [ledger.picos(HOUR + number) for number in range(2)] == [PAID, PAID]
    with sqlite.reading(ledger.path) as reader:
        entries = [e for e in reader.entries(0, 2e9) if "a.1" in (e.id, e.adjusts)]
    later = [e.cost.known.picos for e in entries if e.at >= (HOUR + 1) * HOUR_S]
    assert (sum(e.cost.known.picos for e in entries), later) == (3000 * CENT, [1200 * CENT])


async def test_no_hour_is_closed_while_entries_of_it_wait_for_the_ledger(ledger):
    """It may be readable for long and take nothing; what was closed as idle then would not be looked at again."""
    gateway = ledger.gateway()
    await gateway.catch_up()
    ledger.waiting = [call("a.1", 3000, 3100, picos=100 * CENT)]
    for number in range(2 * AGAIN):
        ledger.over(HOUR + number)
        await gateway.catch_up()
    assert ledger.picos(HOUR) == 0
    ledger.add(ledger.waiting.pop())
    await gateway.catch_up()
    assert {ledger.picos(HOUR + number) for number in range(2 * AGAIN)} == {PAID}


async def test_each_of_several_machines_of_one_provider_has_its_own_books(ledger):
    gateway = ledger.gateway("10.0.0.5:8000", "10.0.0.6:8000")
    await gateway.catch_up()
    ledger.add(call("a.1", 0, 100, picos=100 * CENT))
    ledger.add(replace(call("b.1", 0, 50, picos=50 * CENT), backend="10.0.0.6:8000"))
    ledger.over(HOUR)
    await gateway.catch_up()
    with sqlite.reading(ledger.path) as reader:
        idle = {e.backend: e.cost.known.picos for e in reader.entries(0, 2e9) if e.id.startswith("idle:")}
    assert idle == {"10.0.0.5:8000": PAID - 100 * CENT, "10.0.0.6:8000": PAID - 50 * CENT}


async def test_a_ledger_that_is_away_is_asked_again(ledger, monkeypatch, caplog):
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.001)
    ledger.away = True
    work = asyncio.create_task(ledger.gateway().run())
    await ledger.asked(5)
    assert len(caplog.records) == 1, "it is said once"
    ledger.away = False
    await ledger.asked(1)
    work.cancel()


async def test_without_machines_nothing_is_done(ledger):
    await Hours([], ledger.read, ledger.find, ledger.add, lambda: 0.0, reach_s=lambda: 1, waiting=list).run()
    assert ledger.looks == 0
