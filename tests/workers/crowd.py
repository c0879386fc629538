"""Many callers at once over connections of their own, so that every worker gets some."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import aiohttp

PATIENCE = aiohttp.ClientTimeout(total=60)


@dataclass
class Answers:
    """What a crowd was told: by status, and the bodies of refusals."""

    statuses: Counter = field(default_factory=Counter)
    refusals: list = field(default_factory=list)
    lost: int = 0  # Connections that broke off.
    waits: list[float] = field(default_factory=list)  # How long each that was answered took, in seconds.
    waits_of: defaultdict = field(default_factory=lambda: defaultdict(list))  # The same, by status.


async def crowd(road, token, *, callers, calls, body, answers=None, pause_s=0):
    """So many callers, who share so many calls, one after another. A caller never tries again."""
    answers = answers or Answers()
    left = iter(range(calls))

    async def caller():
        connector = aiohttp.TCPConnector(limit=1, force_close=True)
        async with aiohttp.ClientSession(timeout=PATIENCE, connector=connector) as session:
            for _ in left:
                begun = time.monotonic()
                try:
                    async with session.post(
                        f"{road.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {token}"}
                    ) as answer:
                        answers.statuses[answer.status] += 1
                        text = await answer.read()
                        answers.waits.append(time.monotonic() - begun)
                        answers.waits_of[answer.status].append(answers.waits[-1])
                        if answer.status == 429:
                            answers.refusals.append((dict(answer.headers), text))
                except (aiohttp.ClientError, ConnectionError):
                    answers.lost += 1
                if pause_s:
                    await asyncio.sleep(pause_s)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return answers


def chat(text="Hello!", model="sim-small", **more):
    """A small call."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}
