"""What is kept outside the process: leases, claims, keys."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.config.settings import Settings
from gateway.core.errors import Unavailable
from gateway.directory.directory import Directory
from gateway.stores.claims import Claims
from gateway.stores.clock import StoreClock
from gateway.stores.registry import Kind, Registry, keys_of
from gateway.stores.sqlite import SqliteStore
from gateway.stores.sqlite_claims import SqliteClaims
from gateway.stores.sqlite_registry import SqliteRegistry, load_pepper

if TYPE_CHECKING:
    from gateway.stores.redis_leases import RedisStore


def lease_store(
    settings: Settings, clock: StoreClock, changed: Callable[[bool], None], *, several: bool
) -> SqliteStore | RedisStore:
    """Where leases are kept. `several`: more than one process of this home shares them. For what is shared between
    machines, `clock` is set right by the store's, and `changed` hears whether it is down, whenever that changes."""
    if settings.shared is None:
        return SqliteStore(settings.state, exclusive=not several)
    from gateway.stores.redis_leases import RedisStore  # noqa: PLC0415 - an extra, and only here

    return RedisStore(settings.shared, clock, changed)


async def closed(store: Any) -> None:
    """Close a store: some let go of a file, others of connections."""
    closing = store.close()
    if closing is not None:
        await closing


@asynccontextmanager
async def shared_leases(url: str) -> AsyncIterator[RedisStore]:
    """The store that gateways share, for a command."""
    from gateway.stores.redis_leases import RedisStore  # noqa: PLC0415 - an extra, and only here

    store = RedisStore(url)
    try:
        yield store
    finally:
        await store.close()


def claim_store(settings: Settings) -> Claims:
    """Where it stands which call has an Idempotency-Key."""
    if settings.shared is None:
        return SqliteClaims(settings.state)
    from gateway.stores.redis_claims import RedisClaims  # noqa: PLC0415 - an extra, and only here

    return RedisClaims(settings.shared)


def registry(settings: Settings) -> Registry:
    """Where keys are kept, and whom they belong to."""
    if settings.shared is None:
        return SqliteRegistry(settings.state)
    from gateway.stores.redis_registry import RedisRegistry  # noqa: PLC0415 - an extra, and only here

    return RedisRegistry(settings.shared)


@contextmanager
def directory(settings: Settings, clock: Callable[[], float] = time.time) -> Iterator[Directory]:
    """The same, to be changed."""
    with closing(registry(settings)) as kept:
        yield Directory(kept, partial(pepper, settings), clock)


def pepper(settings: Settings) -> bytes:
    """The secret under which key secrets are hashed; made where every key is revoked that was hashed with
    another: an expired one may get another end. Raises Unavailable."""
    return kept_pepper(settings) or load_pepper(settings.home / "pepper")


def kept_pepper(settings: Settings) -> bytes | None:
    """The same, but none is made: None where no key needs one. Raises Unavailable."""
    path = settings.home / "pepper"
    if settings.pepper or path.exists():
        return settings.pepper or load_pepper(path)
    with closing(registry(settings)) as kept:
        keys = sum(not key.revoked for key in keys_of(kept.all(Kind.KEYS)).values())
    if keys and not path.exists():  # Else another process has made it, and a key, just now.
        where = "the shared state" if settings.shared else settings.state
        raise Unavailable(
            f"{path} is not there, without which none of the {keys} keys in {where} can be checked: put it back from a "
            "backup, set pepper to what they were made with, or revoke them (`fareway keys revoke`), expired ones too."
        )
    return None
