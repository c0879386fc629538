"""What the admin API speaks for, and one request to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from msgspec import Struct

from gateway.alerts.outbox import Delivery
from gateway.catalog.catalog import Catalog
from gateway.core.caller import Role
from gateway.core.limit import Limit
from gateway.dashboard.door import Door
from gateway.difficulty.guard import Guard
from gateway.directory.actor import Actor
from gateway.directory.audited import Audited
from gateway.directory.directory import Directory
from gateway.fleet.fleet import Fleet
from gateway.front.together import Together
from gateway.keyring import Keyring
from gateway.ledger.reader import Reader
from gateway.limits.chain import Limits
from gateway.prices.current import Pricing
from gateway.training.desk import Desk

P = ParamSpec("P")
R = TypeVar("R")

ADMIN = frozenset({Role.ADMIN})
WATCHING = frozenset({Role.ADMIN, Role.VIEWER})
CHANGING = frozenset({Role.ADMIN, Role.TEAM_ADMIN})
READING = frozenset({Role.ADMIN, Role.TEAM_ADMIN, Role.VIEWER})


@dataclass(frozen=True)
class Site:
    """The parts of a running gateway."""

    directory: Directory
    audited: Audited
    keyring: Keyring
    limits: Limits
    configured: Callable[[], Sequence[Limit]]  # The limits of the configuration, as it is now.
    together: Together
    pricing: Pricing
    reading: Callable[[], AbstractContextManager[Reader]]  # The ledger, for sums.
    workers: int
    training: Desk
    others: Callable[[], Awaitable[dict[str, float]]]  # Who shares the limits, and how long ago each was heard of.
    guard: Callable[[], Guard | None]  # None: nothing is held back.
    fleet: Fleet
    clock: Callable[[], float]
    catalog: Callable[[], Catalog]
    baseline: Callable[[], str]  # The deployment that savings are told against where a call leaves the choice to us.
    told: Callable[[int], list[Delivery]]  # So many of the newest alerts. May raise sqlite3.Error.
    door: Door
    trusted_proxies: tuple[str, ...] = ()
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ask(self, function: Callable[P, R], *values: P.args, **named: P.kwargs) -> R:
        """Ask the store, while calls go on. Raises what the function does."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(function, *values, **named)

    async def change(self, function: Callable[P, R], *values: P.args, **named: P.kwargs) -> R:
        """The same, and heed at once what has changed. Other processes do within half a second."""
        done = await self.ask(function, *values, **named)
        await self.keyring.follow()
        return done


@dataclass(frozen=True, slots=True)
class Call:
    """One request, of somebody who may make it. What it says is checked."""

    site: Site
    actor: Actor
    path: dict[str, str]
    body: Any  # As the route says.
    query: Any


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked for."""

    method: str
    path: str  # Below /admin/v1; `{name}` is one part of it, `{name:.+}` one or more.
    handle: Callable[[Call], Awaitable[Struct | dict[str, Any] | None]]
    summary: str
    roles: frozenset[Role]
    answer: Any  # Its type; None: nothing, with 204.
    body: Any = None  # Its type, if there is one.
    query: type[Struct] | None = None
    status: int = 200
    may_be_empty: bool = False  # There may be nothing to tell: then it is 404.


def page(rows: Sequence[R], name: Callable[[R], str], cursor: str, limit: int) -> tuple[list[R], str | None]:
    """The rows after the cursor, sorted by name, and the cursor of the page after these."""
    after = sorted((row for row in rows if name(row) > cursor), key=name)
    shown = after[:limit]
    return shown, name(shown[-1]) if len(after) > limit else None
