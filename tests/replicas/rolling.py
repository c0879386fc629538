"""Callers who must notice nothing while gateways are stopped and started, and what is compared in the end."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from contextlib import closing
from urllib.parse import urlsplit

import aiohttp
from crowd import PATIENCE, chat
from redis import Redis

GRACE = "server: {ready_grace: 2s, drain: 60s}\n"
LIMITS = """
limits:
  - {node: all, amount: 1000 usd, window: lifetime}
  - {node: all, amount: 1000 concurrent}
  - {node: "team:*", amount: 100000000 tokens, window: lifetime}
"""
CALLERS = 10


class Load:
    """Callers who go on until told to stop. Some keep their connections, and make short calls and streams of seconds;
    others make short calls alone, each over a connection of its own."""

    def __init__(self, url, token):
        self.url, self.token, self.stopped = url, token, False
        self.done, self.faults = Counter(), []

    async def caller(self, seed):
        chance = random.Random(seed)
        headers = {"Authorization": f"Bearer {self.token}"}
        keeps = seed % 3 > 0
        connector = aiohttp.TCPConnector(limit=1, force_close=not keeps)
        async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector, headers=headers) as session:
            while not self.stopped:
                stream = keeps and chance.random() < 0.5
                tokens = chance.randrange(20, 60) if stream else 5
                pace = "tps=20" if stream else "tps=0"
                body = chat(f"{seed} [[sim: tokens={tokens} {pace}]]", stream=stream)
                try:
                    async with session.post(f"{self.url}/v1/chat/completions", json=body) as answer:
                        self.check(answer.status, await answer.read(), stream=stream)
                except (aiohttp.ClientError, ConnectionError) as error:
                    self.faults.append(repr(error))

    def check(self, status, text, *, stream):
        whole = text.endswith(b"data: [DONE]\n\n") if stream else b'"finish_reason":"stop"' in text.replace(b" ", b"")
        if status == 200 and whole:
            self.done["stream" if stream else "short"] += 1
        else:
            self.faults.append((status, text[-300:]))

    async def during(self, work):
        """Go on as long as that work takes."""
        callers = [asyncio.create_task(self.caller(number)) for number in range(CALLERS)]
        try:
            await work()
        finally:
            self.stopped = True
            await asyncio.gather(*callers)
        assert not self.faults, self.faults
        assert self.done["stream"]
        assert self.done["short"]


def address(gate):
    """Where a gateway listens, if it runs."""
    parts = urlsplit(gate.gate.url)
    return (parts.hostname, parts.port) if gate.gate.process.poll() is None else None


async def stopped(gate):
    """SIGTERM, and its end in order."""
    gate.gate.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(gate.gate.process.wait, 90) == 0, gate.gate.stderr


def assert_store_agrees(made, lines):
    """All have given back what they did not spend: the store's totals are the ledgers' sums."""
    sums = Counter()
    for line in lines:
        sums.update(line["charges"])
    with closing(Redis.from_url(made.redis.patient_url)) as redis:
        for name, amount in sums.items():
            record = redis.hgetall(f"{{fareway:1}}:record:{name}")
            told = [int(record[field]) for field in (b"spent", b"leased", b"held")]
            assert told == [amount, amount, 0], name
    assert sums
