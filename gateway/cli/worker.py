"""What the forked processes do: one worker's share of the calls, or the simulated provider."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from gateway.app.gateway import Gateway
from gateway.assembly.simulated import started_simulator
from gateway.cli.children import Ties
from gateway.cli.running import carry_calls, run, until_told
from gateway.config.settings import Settings
from gateway.config.takeover import Source
from gateway.front.peers import Worker


def work(settings: Settings, source: Source | None, port: int, folder: Path, number: int) -> Callable[[Ties], int]:
    """One worker, to be forked off."""
    server = replace(settings.server, port=port)
    worker = Worker(number, server.workers, folder)

    async def carry(ties: Ties) -> int:
        _die_with_parent(ties)
        gateway = Gateway(replace(settings, server=server), worker=worker, source=source)

        def ready() -> None:
            book = gateway.pricing.book
            ties.say_ready(f"{book.id} of {book.date}")

        return await carry_calls(gateway, ready)

    return lambda ties: run(lambda: carry(ties))


def simulate(settings: Settings, url: str, ties: Ties) -> int:
    """The one simulated provider of all workers, where it was before if it was anywhere."""

    async def answer(stop: asyncio.Event) -> int:
        _die_with_parent(ties)
        running = await started_simulator(settings.home, urlsplit(url).port or 0)
        ties.say_ready(running.url)
        await stop.wait()
        await running.stop()
        return 0

    return run(lambda: until_told(answer))


def _die_with_parent(ties: Ties) -> None:
    """Also where the system does not see to it."""
    asyncio.get_running_loop().add_reader(ties.life, os._exit, 1)
