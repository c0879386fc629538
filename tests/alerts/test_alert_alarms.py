"""What a gateway watches: that its prices change, and what its ledger foretells; of several gateways one tells."""

import asyncio
import json
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from booked_calls import call
from hook import Hook

from gateway.assembly import alerts as watched
from gateway.assembly.alerts import Alarms
from gateway.config.load import load
from gateway.ledger.sqlite import SqliteLedger, reading
from gateway.prices.book import PriceBook
from gateway.prices.feed import parse
from gateway.stores.claims import Claim, State
from gateway.telemetry.metrics import Metrics
from gateway.upstream.health import Health


class Claims:
    """As the store that gateways share keeps them."""

    def __init__(self):
        self.kept = {}

    async def claim(self, name, claim):
        return self.kept.get(name) or self.kept.__setitem__(name, claim)


def book(day, rate):
    models = [{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": rate, "output_mtok": 8}}]
    return PriceBook(parse(json.dumps([{"id": "p", "models": models}]).encode(), name="feed", day=day))


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A gateway's alarms, with a model that was called and has no price in the books."""
    monkeypatch.setattr(watched, "WATCH_EVERY_S", 0.01)
    monkeypatch.setattr(watched, "FORESEE_EVERY_S", 0.01)
    hook, path = Hook(), tmp_path / "ledger.db"
    with closing(SqliteLedger(path)) as ledger:
        asyncio.run(ledger.record([call(time.time() - 5, None, model="m")]))
    file = tmp_path / "fareway.yaml"
    file.write_text(f"""
providers: {{p: {{base_url: "http://127.0.0.1:9/v1"}}}}
state: redis://127.0.0.1:9
alerts: [{{to: "{hook.url}", private: true}}]
""")
    money = SimpleNamespace(
        mover=SimpleNamespace(drift=0),
        keyring=SimpleNamespace(tenants=SimpleNamespace(known={})),
        claims=Claims(),
        in_force=(),
    )
    pricing = SimpleNamespace(book=book("2026-11-01", 2), waiting=None, age_s=lambda: 0.0)
    settings = load(file, {"FAREWAY_HOME": str(tmp_path)})
    yield SimpleNamespace(hook=hook, money=money, pricing=pricing, settings=settings, path=path)
    hook.stop()


async def called():
    return {("p", "m")}


def ran(world, until, read=None, called=called):
    """Run what it does beside the calls until then. What it told, by kind."""

    async def run():
        alarms = Alarms(world.settings, time.time, Metrics(), "home")
        health = Health(failures_max=3, open_s=1.0)
        reads = read or (lambda: reading(world.path))
        works = alarms.works(None, world.pricing, world.money, health, reads, called=called)
        tasks = [asyncio.create_task(work) for work in works]
        await asyncio.sleep(0)  # They see how things are now.
        world.pricing.book = book("2026-11-02", 3)
        async with asyncio.timeout(60):
            while not until():  # noqa: ASYNC110 - it comes in another thread
                await asyncio.sleep(0.01)
        assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    return kinds(world)


def kinds(world):
    return sorted(json.loads(body)["type"] for _, body in world.hook.got)


def test_new_prices_and_what_the_ledger_says_are_told_once(world):
    assert ran(world, lambda: len(world.hook.got) >= 2) == ["price.changed", "price.unknown"]
    assert len(world.money.claims.kept) == 2


def test_what_another_gateway_has_told_is_not_told_again(world):
    name = "alert/price.unknown/p/m"
    world.money.claims.kept[name] = Claim("", "x", "another", State.ENDED)
    assert ran(world, lambda: world.hook.got) == ["price.changed"]


def test_a_ledger_that_is_away_or_broken_stops_nothing(world, caplog):
    def read():
        raise ValueError("what nobody thought of")

    async def called():
        read()

    ran(world, lambda: "cannot be told" in caplog.text and "not known now" in caplog.text, read, called)


def test_of_several_workers_the_first_watches(world):
    alarms = Alarms(world.settings, time.time, Metrics(), "home")
    works = alarms.works(2, world.pricing, world.money, Health(failures_max=3, open_s=1.0), lambda: None, called=called)
    assert len(works) == 1
    for work in works:
        work.close()
