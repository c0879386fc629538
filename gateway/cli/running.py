"""What commands have in common that run until they are told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import resource
import signal
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from gateway.cli.settings import Unusable
from gateway.config.fields import PORT_MAX
from gateway.core.errors import Unavailable
from gateway.ledger.base import LedgerUnfit
from gateway.ledger.disk import JournalBusy

if TYPE_CHECKING:
    from gateway.app.gateway import Gateway  # Other commands than `serve` need not wait for all of it.

GC_THRESHOLD = 50_000
"""Objects made between two collections. A call makes some two hundred, and hardly any in cycles."""

SWITCH_S = 0.0005
"""How long the event loop may wait for the interpreter while another thread, such as the ledger's, has it."""


async def carry_calls(gateway: Gateway, ready: Callable[[], None]) -> int:
    """Run a gateway until it is told to stop, or fails. On SIGHUP it reads its configuration again."""

    async def work(stop: asyncio.Event) -> int:
        _on(signal.SIGHUP, gateway.reread)
        if not await _started(gateway, stop):
            return 0
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_exit(gateway)
            gc.collect()
            gc.freeze()  # What start-up made stays; there is no need to look at it again and again.
            gc.set_threshold(GC_THRESHOLD)
            sys.setswitchinterval(SWITCH_S)
            ready()
            waiting = [asyncio.ensure_future(event.wait()) for event in (stop, gateway.failed)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for future in waiting:
                future.cancel()
            if gateway.worker is None:
                say("Stopping: calls in flight may end.")
            return 1 if gateway.failed.is_set() else 0

    return await until_told(work)


async def _started(gateway: Gateway, stop: asyncio.Event) -> bool:
    """Start it, unless it is told to stop before: it may wait for its ledger for long."""
    starting, told = asyncio.ensure_future(gateway.__aenter__()), asyncio.ensure_future(stop.wait())
    await asyncio.wait([starting, told], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not starting.done():
        starting.cancel()
        await asyncio.wait([starting])
    if starting.cancelled():
        return False
    await starting
    return True


def allow_many_sockets() -> None:
    """Two sockets a call: the usual 1024 are soon used up."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def until_told(work: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Let it work until a signal sets its event."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        _on(number, stop.set)
    try:
        return await work(stop)
    except (OSError, JournalBusy, LedgerUnfit, Unavailable, sqlite3.Error) as error:
        raise Unusable(f"cannot start: {error}") from None


def _on(number: int, heard: Callable[[], object]) -> None:
    """What a signal does, on the event loop."""
    loop = asyncio.get_running_loop()

    def told(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # The loop is closed: told again at the very end.
            loop.call_soon_threadsafe(heard)

    signal.signal(number, told)  # Not the loop's own, which would end, and let a signal kill, before the process.


def run(work: Callable[[], Any]) -> int:
    """Run it on the fastest event loop that there is."""
    runner: Any = asyncio
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - it does not exist on every platform

        runner = uvloop
    try:
        return int(runner.run(work()))
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # It is ending: the interpreter's own end is not to be cut short.


def port(text: str) -> int:
    """A port of the command line. Raises ArgumentTypeError."""
    if not text.isdecimal() or not 0 <= int(text) <= PORT_MAX:
        raise argparse.ArgumentTypeError(f"a number between 0 and {PORT_MAX}")
    return int(text)


def say(text: str) -> None:
    """Tell a person."""
    print(text, file=sys.stderr, flush=True)
