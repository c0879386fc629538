"""Reports on what was spent take long, and keep nobody waiting but those who want others."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from gateway.admin.site import Call
from gateway.admin.spending import ROUTES
from gateway.core.errors import Unavailable
from gateway.directory.actor import Actor
from gateway.front.reports import Span

SAVINGS = next(route for route in ROUTES if route.path == "/savings")


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
