"""Which ways are open to a call that has time, and what each is likely to cost."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import KNOWN, Deployment
from gateway.core.caller import Key
from gateway.core.money import ZERO
from gateway.core.request import Asked
from gateway.deferred.choosing import Way, choose
from gateway.deferred.offers import DURATION_S, Offering, with_flex
from gateway.dialects.spoken import DIALECTS
from gateway.journey.routing import Router
from gateway.journey.setting_aside import SettingAside
from gateway.journey.understanding import Call
from gateway.limits.chain import Limits
from gateway.plugins import load_policy
from gateway.prices.bundled import price_book
from gateway.upstream.health import Health

KEY = Key("k", b"")
OFF_PEAK = {*range(4, 6), *range(10, 24), 0}
PEAK = datetime(2026, 11, 21, 7, tzinfo=UTC).timestamp()  # Of DeepSeek's day: 06:00 to 10:00.
FLASH = Deployment(KNOWN["deepseek"], "deepseek-flash")
GPT = Deployment(KNOWN["openai"], "gpt-5-mini")
OWN = Deployment(replace(KNOWN["openai"], name="own", prices="openai", selfhosted=True, batches=""), "gpt-4o-mini")


@pytest.fixture
def offers():
    """The offers for a call to these deployments."""

    async def found(*deployments, at=PEAK, body=b"", busy=0):
        book, health = price_book(), Health(failures_max=5, open_s=10)
        clock = lambda: at  # noqa: E731
        names = {deployment.provider.name: deployment.provider for deployment in deployments}
        catalog = Catalog(names, lambda: book, clock, {"m": deployments}, {}, {})
        policy = load_policy("policies.cheapest"), {}
        router = Router(catalog, health, clock, policy=policy, auto=policy, fallback=5)
        limits = Limits((), SimpleNamespace(find=lambda _: None), clock)
        setting_aside = SettingAside(limits, router, None, None, refuse_unpriced=True)
        offering = Offering(lambda: setting_aside, catalog.book, health, clock, batch_s=900)
        for _ in range(busy):
            health.of(deployments[0].name).begin(at)
        body = body or b'{"model":"m","messages":[{"role":"user","content":"Hello"}]}'
        call = Call("later_a_b-0", DIALECTS["openai-chat"], {}, Asked(body), 0.0)
        offered = await offering.of(call, KEY)
        assert offered.duration_s == DURATION_S, "nobody has seen such a call"
        return {offer.way: offer for offer in offered.offers}

    return found


async def test_a_price_with_hours_is_offered_at_the_next_that_are_cheaper(offers):
    found = await offers(FLASH)
    assert datetime.fromtimestamp(found[Way.OFF_PEAK].opens, UTC).hour in OFF_PEAK
    assert found[Way.OFF_PEAK].cost < found[Way.SYNC].cost
    assert Way.BATCH not in found
    assert set(await offers(FLASH, at=PEAK + 4 * 3600)) == {Way.SYNC}, "these are the cheap ones"


async def test_flex_and_batch_are_offered_where_the_price_book_has_them(offers):
    found = await offers(GPT)
    assert set(found) == {Way.SYNC, Way.FLEX, Way.BATCH}
    assert found[Way.FLEX].cost == found[Way.BATCH].cost < found[Way.SYNC].cost
    assert found[Way.BATCH].takes_s == 900


async def test_a_call_that_names_a_tier_keeps_it(offers):
    body = b'{"model":"m","service_tier":"priority","messages":[{"role":"user","content":"Hello"}]}'
    assert set(await offers(GPT, body=body)) == {Way.SYNC}


async def test_a_machine_of_ones_own_costs_while_it_is_idle_what_its_price_says(offers):
    found = await offers(OWN)
    assert (found[Way.IDLE].cost, found[Way.IDLE].opens) == (found[Way.SYNC].cost, 0.0)
    assert found[Way.IDLE].cost > ZERO
    assert (await offers(OWN, busy=1))[Way.IDLE].opens is None


async def test_a_machine_without_a_price_is_no_bargain(offers):
    found = await offers(GPT, replace(OWN, model="nobody-prices-this"))
    assert found[Way.IDLE].cost is None
    assert choose(tuple(found.values()), PEAK, PEAK + 60).offer.way is not Way.IDLE


@pytest.mark.parametrize("body", [b'{"model":"m"}', b'{"service_tier": "auto", "model":"m"}', b'{"service_tier":null}'])
def test_the_flex_tier_goes_with_the_call(body):
    said = msgspec.json.decode(with_flex(Asked(body, model="x", query="a=b")).body)
    assert said == {**msgspec.json.decode(body), "service_tier": "flex"}
    assert with_flex(Asked(body, query="a=b")).query == "a=b"
