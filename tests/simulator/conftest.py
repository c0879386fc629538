"""A simulator on a free port of this machine, told to be quick."""

from contextlib import asynccontextmanager

import aiohttp
import pytest
from simbench import Bench

from gateway.simulator import Settings, start

QUICK = {"first_token_ms": 0.0, "tokens_per_second": 0.0, "output_tokens": 8}


@pytest.fixture
def simulate(tmp_path):
    @asynccontextmanager
    async def running(**settings):
        bill = tmp_path / "bill.jsonl"
        started = await start(Settings(**(QUICK | {"bill": bill} | settings)))
        try:
            async with aiohttp.ClientSession() as http:
                yield Bench(started, http, bill)
        finally:
            await started.stop()

    return running


@pytest.fixture
async def sim(simulate):
    async with simulate() as bench:
        yield bench
