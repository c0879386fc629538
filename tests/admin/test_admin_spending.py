"""Reports on what was spent take long, and keep nobody waiting but those who want others."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from types import SimpleNamespace

import pytest
from booked_calls import call, price

from gateway.admin.site import Call
from gateway.admin.spending import ROUTES
from gateway.core.errors import Unavailable
from gateway.core.usage import Usage
from gateway.directory.actor import Actor
from gateway.front.reports import Span
from gateway.ledger.sqlite import SqliteLedger, reading

SAVINGS = next(route for route in ROUTES if route.path == "/savings")


async def test_nothing_is_saved_by_a_call_without_a_price(tmp_path):
    """Its tokens are in no baseline, as its cost is in no bill; whatever stands beside it in the ledger."""
    used = Usage(input=1_000_000)
    with closing(SqliteLedger(tmp_path / "ledger.db")) as ledger:
        await ledger.record(
            [call(1.0, usd, asked_model="dear", model="cheap", usage=used) for usd in ("1", None, None)]
        )
    dear = SimpleNamespace(name="p/dear", tier="premium")
    site = SimpleNamespace(
        reading=partial(reading, tmp_path / "ledger.db"),
        clock=lambda: 10.0,
        catalog=lambda: SimpleNamespace(find=lambda _: [dear], providers={}),
        pricing=SimpleNamespace(book=SimpleNamespace(price=lambda *_: price("p", 3 * 10**6))),
    )
    told = await SAVINGS.handle(Call(site, Actor("k", "api"), {}, None, Span(since="1970-01-01")))
    assert (told.paid_usd, told.baseline_usd, told.saved_usd["routing"]) == ("1.00", "3.00", "2.00")


async def test_whoever_asks_for_savings_takes_no_thread_that_others_need():
    go_on = threading.Event()

    def reading():
        go_on.wait(20)
        raise Unavailable("no ledger")

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    site = SimpleNamespace(reading=reading, clock=lambda: 1e9)
    asked = asyncio.create_task(SAVINGS.handle(Call(site, Actor("k", "api"), {}, None, Span())))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await asyncio.to_thread(int)
    go_on.set()
    with pytest.raises(Unavailable):
        await asked
