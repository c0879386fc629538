"""`fareway serve` and `demo`: the gateway, until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import os
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.app.gateway import Gateway
from gateway.assembly.home import lost
from gateway.cli.greeting import Started, first_keys, greet
from gateway.cli.running import allow_many_sockets, carry_calls, port, run
from gateway.cli.settings import Unusable, config_path, settings
from gateway.cli.supervisor import supervise
from gateway.config.fields import admin_port
from gateway.config.load import load
from gateway.config.schema import WORKERS_MAX
from gateway.config.settings import Settings
from gateway.config.takeover import Source

log = logging.getLogger("fareway")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    serve = commands.add_parser("serve", parents=[common], help="run the gateway")
    demo = commands.add_parser("demo", help="run it with the simulator alone, and forget at the end")
    for parser in (serve, demo):
        parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
        parser.add_argument("--port", type=port, help="port to listen on (default 4000; 0 for any free one)")
        parser.add_argument(
            "--admin-port", metavar="PORT", help="port of the admin API, or off (default: the next one)"
        )
        parser.add_argument(
            "--workers", type=_count, metavar="N", help="processes that share the port and all limits (default 1)"
        )
        parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    serve.set_defaults(run=_serve)
    demo.set_defaults(run=_demo)


def _serve(parsed: argparse.Namespace) -> int:
    path = config_path(parsed)
    found = _listening(parsed, settings(parsed))
    _log(parsed.log_level)
    return _start(found, path, Source(found, lambda: _listening(parsed, load(path, os.environ))))


def _demo(parsed: argparse.Namespace) -> int:
    _log(parsed.log_level)
    with TemporaryDirectory(prefix="fareway-demo-") as folder:
        home = Path(folder)
        found = Settings(home, state=home / "state.db", ledger=home / "ledger.db", journal=home / "journal")
        return _start(_listening(parsed, found), None)


def _start(found: Settings, file: Path | None, source: Source | None = None) -> int:
    for loss in lost(found):
        log.warning("%s.", loss)
    if found.server.workers > 1:
        return supervise(found, file, source)
    return run(lambda: _gateway(found, file, source))


async def _gateway(found: Settings, file: Path | None, source: Source | None) -> int:
    begun = time.perf_counter()
    allow_many_sockets()
    gateway = Gateway(found, source=source)

    def ready() -> None:
        book, seconds = gateway.pricing.book, time.perf_counter() - begun
        prices = f"{book.id} of {book.date}"
        greet(
            Started(found, file, gateway.port, gateway.admin_port, prices, gateway.money.recovered, seconds),
            first_keys(found),
        )

    return await carry_calls(gateway, ready)


def _listening(parsed: argparse.Namespace, found: Settings) -> Settings:
    server = found.server
    host = parsed.host if parsed.host is not None else server.host
    at = parsed.port if parsed.port is not None else server.port
    workers = parsed.workers if parsed.workers is not None else server.workers
    server = replace(server, host=host, port=at, workers=workers)
    if parsed.admin_port is not None:
        server = replace(server, **_admin(parsed.admin_port))
    return replace(found, server=server)


def _admin(text: str) -> dict[str, Any]:
    try:
        at = admin_port(text)
    except ValueError as error:
        raise Unusable(f"--admin-port {error}") from None
    return {"admin": False} if at == "off" else {"admin": True, "admin_port": at}


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= WORKERS_MAX:
        raise argparse.ArgumentTypeError(f"a number between 1 and {WORKERS_MAX}")
    return int(text)


def _log(level: str) -> None:
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
