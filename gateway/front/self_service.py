"""The dashboard at the port of calls: what the holder of a key may see there is what the key itself did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from gateway.assembly.ledgers import ledger_reader
from gateway.assembly.stores import pepper
from gateway.config.settings import Settings
from gateway.core.caller import Key
from gateway.core.errors import BadRequest, NotFound, Overloaded
from gateway.dashboard.door import API, BASE, LOGIN_BYTES_MAX, SESSION, Asked, Door
from gateway.dashboard.files import SAFE
from gateway.dashboard.sessions import Sessions
from gateway.front.exchange import Exchange
from gateway.front.reports import READ_AT_ONCE, CallsPage, Period, Reading, calls, usage
from gateway.tenants import Tenants

BODY_STALL_S = 10.0

ASKED_MAX = 8
"""Reports that one key may ask for at once. What is read goes on if its caller leaves."""

_HEADERS = SAFE | {"Content-Type": "application/json", "Cache-Control": "no-store"}

Q = TypeVar("Q", bound=Struct)


@dataclass(frozen=True)
class SelfService:
    """See the module. The front gives what it gives at other paths, too."""

    door: Door
    reading: Reading
    clock: Callable[[], float]
    asked: Counter[str] = field(default_factory=Counter)  # Reports that are being read or wait for it, by key.
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READ_AT_ONCE // 2))  # Admins read, too.

    async def serve(self, exchange: Exchange) -> None:
        """Whatever lies below /dashboard and is not its API. Raises GatewayError."""
        body = b""
        if exchange.path == SESSION and exchange.method == "POST":
            body = await exchange.body(bytes_max=LOGIN_BYTES_MAX, stall_s=BODY_STALL_S)
        answer = self.door.answer(_asked(exchange, body))
        await exchange.respond(answer.status, answer.headers, answer.body)

    def key(self, exchange: Exchange) -> Key:
        """Who is logged in. Raises Unauthorized or Forbidden."""
        return self.door.key(_asked(exchange))

    async def report(self, exchange: Exchange, name: str, key: Key) -> None:
        """Sums or calls of this key. Raises NotFound, BadRequest, Unavailable, or Overloaded for a key that asks for
        more at once than may wait."""
        if self.asked[key.id] >= ASKED_MAX:
            raise Overloaded
        self.asked[key.id] += 1
        try:
            async with self.turns:
                told = await self._told(exchange, name, key)
        finally:
            self.asked[key.id] -= 1
            if not self.asked[key.id]:
                del self.asked[key.id]
        await exchange.respond(200, _HEADERS, msgspec.json.encode(told))

    async def _told(self, exchange: Exchange, name: str, key: Key) -> Struct:
        match name:
            case "usage":
                return await usage(self.reading, _query(exchange, Period), self.clock(), key=key.id)
            case "requests":
                return await calls(self.reading, _query(exchange, CallsPage), self.clock(), {"key": key.id})
            case _:
                raise NotFound("There is nothing at this path.")


def self_service(settings: Settings, tenants: Tenants, clock: Callable[[], float]) -> SelfService:
    """For every key of this gateway."""
    sessions = Sessions(pepper(settings), tenants, clock)
    return SelfService(Door(sessions, tenants, clock), partial(ledger_reader, settings), clock)


def is_ours(path: str) -> bool:
    """Whether this path is the dashboard's."""
    return path == BASE or path.startswith(f"{BASE}/")


def asked_of_api(path: str) -> str | None:
    """What is asked of its API; None for all else."""
    return path.removeprefix(f"{API}/") if path.startswith(f"{API}/") else None


def _asked(exchange: Exchange, body: bytes = b"") -> Asked:
    return Asked(exchange.method, exchange.path, exchange.headers, exchange.origin, body)


def _query(exchange: Exchange, wanted: type[Q]) -> Q:
    try:
        return msgspec.convert(dict(parse_qsl(exchange.query)), wanted, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from None
