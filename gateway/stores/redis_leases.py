"""Leases of replicas on many machines, in Redis or Valkey.

One Lua script an operation, so that each is atomic. All keys share one hash tag and so one slot: a cluster
takes them, and a script may see whether the store has lost its memory. Names carry a version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.core.errors import Unavailable
from gateway.core.limit import of_short_window, short_window_before
from gateway.stores.base import Ask, Standing, Word

VERSION = 1
ROOT = f"{{fareway:{VERSION}}}"
META, _WANTED = f"{ROOT}:meta", f"{ROOT}:wanted"

LEARN_MS = 1000
"""After a loss, how long nothing new is leased: five syncs, in which every replica that lives has told what it has."""

TIMEOUT_S = 0.05
"""How long a call may wait for the store."""

SHORT_KEPT_S = 48 * 3600
"""How long the record of a window of an hour or less is kept after its last word."""


def _script(name: str) -> str:
    return files("gateway.stores").joinpath(f"lua/{name}.lua").read_text(encoding="utf-8")


_HELLO = _script("hello")


class RedisStore:
    """See `LeaseStore`. `url`: redis://, rediss:// or unix://; with `cluster`, any node of one."""

    exclusive = False

    def __init__(self, url: str, *, cluster: bool = False) -> None:
        client = RedisCluster if cluster else Redis
        self._redis: Any = client.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            redis_connect_func=self._meet,
            retry=Retry(NoBackoff(), 0),  # Who waits decides whether to ask again.
        )
        self._replica = ""
        self._exchange = self._redis.register_script(_script("exchange"))
        self._look = self._redis.register_script(_script("look"))
        self._resume = self._redis.register_script(_script("resume"))

    async def exchange(self, replica: str, asks: Sequence[Ask]) -> list[Word]:
        """See `LeaseStore.exchange`."""
        keys, told = _keys(replica, [ask.record for ask in asks]), [replica, LEARN_MS]
        for ask in asks:
            told += [ask.record, ask.limit, ask.spent, ask.want, ask.held, ask.least, ask.keep, ask.ahead, ask.turn]
            told.append(SHORT_KEPT_S if of_short_window(ask.record) else 0)
        self._replica = replica
        return [_word(said) for said in await self._run(self._exchange, keys, told)]

    async def wanted(self, replica: str) -> set[str]:
        """See `LeaseStore.wanted`."""
        told = [replica, _shorts("")]
        return {name.decode() for name in await self._run(self._look, [META, _WANTED], told)}

    async def records(self, replica: str) -> list[str]:
        """See `LeaseStore.records`."""
        return sorted(name.decode() for name in await self._asked(self._redis.smembers(_of(replica))))

    async def resume(self, replica: str, spent: Mapping[str, int]) -> None:
        """See `LeaseStore.resume`."""
        told = [replica, *(word for pair in spent.items() for word in pair)]
        await self._run(self._resume, _keys(replica, list(spent)), told)

    async def seen(self) -> dict[str, float]:
        """Every replica that has told anything, and how many seconds ago it last did. Raises Unavailable."""
        told = await self._asked(self._redis.hgetall(META))
        seconds, micros = await self._asked(self._redis.time())
        now_ms = seconds * 1000 + micros // 1000
        prefix = b"seen:"
        return {
            name.removeprefix(prefix).decode(): (now_ms - int(at)) / 1000
            for name, at in told.items()
            if name.startswith(prefix)
        }

    async def standings(self, replica: str) -> dict[str, Standing]:
        """What each record says of a replica. Raises Unavailable."""
        found = {}
        for name in await self.records(replica):
            packed = await self._asked(self._redis.hget(_record(name), f"r:{replica}"))
            if packed is not None:
                found[name] = Standing(*msgspec.msgpack.decode(packed, type=tuple[int, ...], strict=False))
        return found

    async def sweep(self, before: float) -> int:
        """Forget that we stood on records of short windows that began before that Unix time: they go by themselves.
        Returns how many. Raises Unavailable."""
        old = [name for name in await self.records(self._replica) if short_window_before(name, before)]
        if old:
            await self._asked(self._redis.srem(_of(self._replica), *old))
        return len(old)

    async def close(self) -> None:
        """Let the connections go."""
        await self._redis.aclose()

    async def _meet(self, connection: Any) -> None:
        """A new connection: before it is used, the store is asked who it is."""
        await connection.on_connect()
        told: dict[str, str] = {}
        for section in ("server", "replication", "memory"):
            await connection.send_command("INFO", section)
            told |= _fields(await connection.read_response())
        if (policy := told.get("maxmemory_policy", "noeviction")) != "noeviction":
            raise RedisError(f"the store may forget (maxmemory-policy {policy}): set it to noeviction")
        identity = f"{told.get('run_id')}/{told.get('master_replid')}"
        await connection.send_command("EVAL", _HELLO, 1, META, identity)
        await connection.read_response()

    async def _run(self, script: Any, keys: list[str], told: list[Any]) -> Any:
        return await self._asked(script(keys=keys, args=told))

    async def _asked(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except (RedisError, OSError) as error:
            raise Unavailable("The store of limits does not answer.") from error
        finally:
            heed_cancelling()


def heed_cancelling() -> None:
    """The client may take a cancelling that comes together with its own time limit for that."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _keys(replica: str, records: Sequence[str]) -> list[str]:
    return [META, _WANTED, _of(replica), *(key for name in records for key in (_record(name), _shorts(name)))]


def _record(name: str) -> str:
    return f"{ROOT}:record:{name}"


def _shorts(name: str) -> str:
    return f"{ROOT}:short:{name}"


def _of(replica: str) -> str:
    return f"{ROOT}:of:{replica}"


def _fields(info: bytes) -> dict[str, str]:
    """The answer to INFO, by name."""
    return dict(line.split(":", 1) for line in info.decode().split("\r\n") if ":" in line)


def _word(said: Sequence[int]) -> Word:
    leased, spent, short, *others, yields = said
    return Word(leased, spent, short, Standing(*others), bool(yields))
