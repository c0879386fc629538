"""`fareway serve`, `demo` and `sim`: the commands that run until they are told to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.app import Gateway
from gateway.cli.settings import Unusable, config_path, settings
from gateway.config.settings import Settings
from gateway.core.caller import Caller, Key
from gateway.core.errors import Unavailable
from gateway.ledger.journal import JournalBusy
from gateway.simulator import Settings as SimulatorSettings
from gateway.simulator import start as start_simulator
from gateway.stores.sqlite_keys import SqliteKeys, load_pepper
from gateway.tenants import new_key

GC_THRESHOLD = 50_000
"""Objects made between two collections. A call makes some two hundred, and hardly any in cycles."""


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    serve = commands.add_parser("serve", parents=[common], help="run the gateway")
    demo = commands.add_parser("demo", help="run it with the simulator alone, and forget at the end")
    for parser in (serve, demo):
        parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=int, help="port to listen on (default 4000; 0 for any free one)")
        parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    serve.set_defaults(run=_serve)
    demo.set_defaults(run=_demo)
    sim = commands.add_parser("sim", help="run the simulated provider by itself")
    sim.add_argument("--host", default="127.0.0.1")
    sim.add_argument("--port", type=int, default=4100)
    sim.add_argument("--bill", type=Path, metavar="FILE", help="append what each call costs to this file")
    sim.add_argument("--recorded", type=Path, metavar="DIR", help="recorded answers to replay under /recorded/<file>")
    sim.add_argument("--tokens-per-second", type=float, default=80, help="0 for as fast as possible (default 80)")
    sim.add_argument("--first-token-ms", type=float, default=200)
    sim.add_argument("--output-tokens", type=int, default=60, help="mean length of an answer (default 60)")
    sim.add_argument("--jitter", type=float, default=0.1, help="share by which each interval varies (default 0.1)")
    sim.add_argument("--seed", type=int, default=0)
    sim.add_argument("--fail-rate", type=float, default=0.0, help="share of calls that fail with 503")
    sim.set_defaults(run=_sim)


def _serve(parsed: argparse.Namespace) -> int:
    found = _listening(parsed, settings(parsed))
    _log(parsed.log_level)
    return _run(lambda: _gateway(found, config_path(parsed)))


def _demo(parsed: argparse.Namespace) -> int:
    _log(parsed.log_level)
    with TemporaryDirectory(prefix="fareway-demo-") as folder:
        home = Path(folder)
        found = Settings(home, state=home / "state.db", ledger=home / "ledger.db", journal=home / "journal")
        return _run(lambda: _gateway(_listening(parsed, found), None))


def _sim(parsed: argparse.Namespace) -> int:
    names = ("bill", "recorded", "tokens_per_second", "first_token_ms", "output_tokens", "jitter", "seed", "fail_rate")
    chosen = SimulatorSettings(**{name: getattr(parsed, name) for name in names})

    async def work(stop: asyncio.Event) -> int:
        running = await start_simulator(chosen, parsed.host, parsed.port)
        _say(f"The simulated provider is at {running.url}/v1; any bearer token will do.")
        await stop.wait()
        await running.stop()
        return 0

    return _run(lambda: _until_told(work))


async def _gateway(found: Settings, file: Path | None) -> int:
    begun = time.perf_counter()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Two sockets a call: the usual 1024 are soon used up.
    simulated = not found.providers

    async def work(stop: asyncio.Event) -> int:
        async with Gateway(found) as gateway:
            gc.collect()
            gc.freeze()  # What start-up made stays; there is no need to look at it again and again.
            gc.set_threshold(GC_THRESHOLD)
            _greet(gateway, file, simulated, _first_keys(found), time.perf_counter() - begun)
            waiting = [asyncio.ensure_future(event.wait()) for event in (stop, gateway.failed)]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for future in waiting:
                future.cancel()
            _say("Stopping: calls in flight may end.")
            return 1 if gateway.failed.is_set() else 0

    return await _until_told(work)


async def _until_told(work: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def told(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # The loop is closed: told again at the very end.
            loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)  # Not the loop's own, which would end, and let a signal kill, before the process.
    try:
        return await work(stop)
    except (OSError, JournalBusy, Unavailable, sqlite3.Error) as error:
        raise Unusable(f"cannot start: {error}") from None


def _run(work: Callable[[], Any]) -> int:
    runner: Any = asyncio
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - it does not exist on every platform

        runner = uvloop
    try:
        return int(runner.run(work()))
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # It is ending: the interpreter's own end is not to be cut short.


def _first_keys(found: Settings) -> tuple[str, str] | None:
    """On the first start: an admin's key and one for calls. Shown once, like every key."""
    with contextlib.closing(SqliteKeys(found.state)) as store:
        if store.all():
            return None
        pepper, now = load_pepper(found.home / "pepper"), time.time()
        made = []
        for template in (
            Key(id="", digest=b"", alias="admin", admin=True, created=now),
            Key(id="", digest=b"", alias="first", caller=Caller(team="default"), created=now),
        ):
            key, token = new_key(pepper, template)
            store.save(key)
            made.append(token)
        return made[0], made[1]


def _greet(
    gateway: Gateway, file: Path | None, simulated: bool, tokens: tuple[str, str] | None, seconds: float
) -> None:
    host, book = gateway.settings.server.host, gateway.pricing.book
    url = f"http://{host}:{gateway.port}"
    source = f"configured by {file}" if file else "no configuration file: providers from the environment"
    _say(f"Fareway is at {url}  (started in {seconds:.2f} s; {source})")
    if simulated:
        _say("No provider is configured, so only the built-in simulator answers: no call leaves this machine, and")
        _say("its costs are play money. Set OPENAI_API_KEY, or write fareway.yaml, for real ones.")
    else:
        _say(f"Providers: {', '.join(gateway.settings.providers)}")
    _say(f"Prices: {book.id} of {book.date}. Books: {gateway.settings.home}")
    settled, unresolved = gateway.recovered
    if settled or unresolved:
        _say(
            f"From the journal of an earlier run: {settled} settled calls, {unresolved} unresolved at their full hold."
        )
    if tokens is None:
        return
    model = "sim-small" if simulated else "MODEL"
    _say(f"\nShown once:\n  admin key  {tokens[0]}\n  first key  {tokens[1]}\n")
    _say(f"  export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={tokens[1]}")
    _say(f"  curl -i {url}/v1/chat/completions -H 'Authorization: Bearer {tokens[1]}' \\")
    _say(f"""    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'\n""")


def _listening(parsed: argparse.Namespace, found: Settings) -> Settings:
    server = found.server
    host = parsed.host if parsed.host is not None else server.host
    port = parsed.port if parsed.port is not None else server.port
    return replace(found, server=replace(server, host=host, port=port))


def _log(level: str) -> None:
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
