"""A bench around a running simulator: a plain client, the official client, the bill."""

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import openai

from gateway.simulator import Running

KEY = {"authorization": "Bearer any"}


@dataclass
class Bench:
    """A running simulator, with a plain client and its bill."""

    running: Running
    http: aiohttp.ClientSession
    bill_path: Path

    @property
    def bill(self):
        return [json.loads(line) for line in self.bill_path.read_text().splitlines()]

    def post(self, text="Hello", path="/v1/chat/completions", headers=(), timeout_s=10, sock_read_s=None, **fields):
        body = {"model": "sim-small", "messages": [{"role": "user", "content": text}]} | fields
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_read=sock_read_s)
        return self.http.post(self.running.url + path, json=body, headers=KEY | dict(headers), timeout=timeout)

    @asynccontextmanager
    async def sdk(self, **options):
        async with openai.AsyncOpenAI(
            base_url=f"{self.running.url}/v1", api_key="any", max_retries=0, **options
        ) as client:
            yield client

    async def billed(self):
        """The first line of the bill, once it is there."""
        for _ in range(500):
            if self.bill:
                return self.bill[0]
            await asyncio.sleep(0.01)
        raise AssertionError("nothing was billed")


async def drained(parts, kept):
    """Read to the end, keeping what came before a failure."""
    async for part in parts:
        kept.append(part)


def events(raw):
    """The data of each event of a stream."""
    assert raw.endswith(b"\n\n")
    return [event.removeprefix("data: ") for event in raw.decode().split("\n\n") if event]
