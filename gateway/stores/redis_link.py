"""The connections to a Redis or Valkey, alone or a cluster, and how long anybody waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AskError, ReadOnlyError, RedisClusterException, RedisError

from gateway.core.errors import Unavailable
from gateway.stores.breaker import Breaker

TIMEOUT_S = 0.05
"""How long a call may wait for the store, unless its address says `socket_timeout`."""

PATIENCE_S = 1.0
"""How long what no call waits for may take: to start, a command, and to get connected while calls have gone on."""

TURNS_AFTER = 5
"""Of the event loop, after the time is over. Where it was busy for so long, the answer may be there, and not read."""

FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError, RuntimeError)
"""RuntimeError is uvloop's, for a connection that the server closed while something was about to be written."""

log = logging.getLogger("fareway")


@dataclass(frozen=True, slots=True)
class Address:
    """redis://, rediss:// or unix://, with redis-py's options in the query; `cluster=true`: any node of one."""

    url: str  # Without `cluster`, which the client does not know, and `socket_timeout`, which we heed ourselves.
    cluster: bool
    timeout_s: float

    @classmethod
    def read(cls, text: str) -> Address:
        """From what the configuration says."""
        parts = urlsplit(text)
        options = dict(parse_qsl(parts.query))
        cluster = options.pop("cluster", "").lower() in ("true", "yes", "1")
        timeout_s = float(options.pop("socket_timeout", TIMEOUT_S))
        url = urlunsplit(parts._replace(query=urlencode(options)))
        return cls(url, cluster, timeout_s)


class MayForget(RedisError):
    """The server evicts what it needs not keep in its own opinion."""


def refuse_policy(policy: str) -> None:
    """Raise MayForget for a `maxmemory-policy` by which the server does; what says none of it is believed."""
    if policy not in ("noeviction", ""):
        raise MayForget(f"The store of limits may forget (maxmemory-policy {policy}): set it to noeviction.")


class Link:
    """Asks, and waits no longer than the address says. What is not answered in time goes on for a while, lest a
    connection that takes long to make is never made; its answer is lost, which the store's callers bear.

    `meet` gets each new connection and what INFO says of its server, before it is used.
    """

    def __init__(
        self,
        text: str,
        meet: Callable[[Any, dict[str, str]], Awaitable[None]],
        changed: Callable[[bool], None] | None = None,
    ) -> None:
        self._address = Address.read(text)
        self._meet = meet
        self._breaker = Breaker(changed)
        self._may_forget = ""  # Why it is not believed until a look says otherwise.
        self._asking: set[asyncio.Task[Any]] = set()
        self.calls: Counter[str] = Counter()  # By what was asked.
        options: dict[str, Any] = {
            "socket_timeout": self._patience_s,
            "socket_connect_timeout": self._patience_s,
            "retry": Retry(NoBackoff(), 0),  # Who waits decides whether to ask again.
        }
        self._redis = self._cluster(options) if self._address.cluster else self._single(options)

    @property
    def down(self) -> bool:
        """Whether it has failed so often that calls do not ask it."""
        return self._breaker.down

    async def ask(
        self, operation: str, question: Callable[[Any], Awaitable[Any]], *, patient: bool = False, anyhow: bool = False
    ) -> Any:
        """What the client answers to this question. `patient`: no call waits for it. `anyhow`: also while the store is
        left alone, or may forget. Raises Unavailable."""
        if self._may_forget and not anyhow:
            raise Unavailable(self._may_forget)
        if not (self._breaker.admits() or anyhow):
            raise Unavailable("The store of limits does not answer.")
        self.calls[operation] += 1
        asking = asyncio.create_task(self._asked(question))
        self._asking.add(asking)
        asking.add_done_callback(self._asking.discard)
        await asyncio.wait([asking], timeout=self._patience_s if patient else self._address.timeout_s)
        for _ in range(TURNS_AFTER):
            if asking.done():
                break
            await asyncio.sleep(0)
        answer, failure = asking.result() if asking.done() else (None, TimeoutError("no answer in time"))
        if failure is None:
            self._breaker.worked()
            if anyhow:
                self._may_forget = ""
            return answer
        self._breaker.failed()
        log.debug("the store of limits: %s", failure)
        reason = str(failure) if isinstance(failure, MayForget) else "The store of limits does not answer."
        if isinstance(failure, MayForget) and anyhow:
            self._may_forget = reason
        raise Unavailable(reason) from failure

    async def close(self) -> None:
        """Let the connections go."""
        for asking in self._asking:
            asking.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await self._redis.aclose()
        if self._address.cluster:  # Which leaves connections open once a node has failed.
            for nodes in ("nodes_cache", "startup_nodes"):
                await self._redis.nodes_manager.aclose(nodes)

    @property
    def _patience_s(self) -> float:
        return max(PATIENCE_S, 2 * self._address.timeout_s)

    async def _asked(self, question: Callable[[Any], Awaitable[Any]]) -> tuple[Any, Exception | None]:
        try:
            async with asyncio.timeout(self._patience_s):
                return await question(self._redis), None
        except FAILURES as error:
            if isinstance(error, ReadOnlyError) and not self._address.cluster:  # It is a replica now.
                await self._redis.connection_pool.disconnect()
            return None, error

    def _single(self, options: dict[str, Any]) -> Any:
        return Redis.from_url(self._address.url, redis_connect_func=self._connected, **options)

    def _cluster(self, options: dict[str, Any]) -> Any:
        """Its class takes no function for new connections, but hands its nodes all that connections are made with."""
        client = RedisCluster.from_url(self._address.url, require_full_coverage=False, **options)
        for made_with in (client.get_connection_kwargs(), *(node.connection_kwargs for node in client.startup_nodes)):
            made_with["redis_connect_func"] = self._connected
        return client

    async def _connected(self, connection: Any) -> None:
        """A new connection: before it is used, the server is asked who it is."""
        _notice_resets(connection)
        await connection.on_connect()
        sections = ("server", "replication", "memory")
        await connection.send_packed_command(connection.pack_commands([("INFO", section) for section in sections]))
        told: dict[str, str] = {}
        for _ in sections:
            told |= _fields(await connection.read_response())
        refuse_policy(told.get("maxmemory_policy", ""))
        try:
            await self._meet(connection, told)
        except AskError:  # Or MovedError, which is one: a node of a cluster that keeps other things.
            return


def _notice_resets(connection: Any) -> None:
    """Before it uses a connection again, the client looks whether it may; but one that was reset or closed while it
    rested it takes for good, and the call that is lost there would be refused."""
    looked = type(connection).can_read

    async def can_read() -> bool:
        reader = connection._reader  # noqa: SLF001 - it is told to nobody else
        if reader is not None and (reader.exception() is not None or reader.at_eof()):
            raise ConnectionError
        told: bool = await looked(connection)
        return told

    connection.can_read = can_read


def _fields(info: bytes) -> dict[str, str]:
    """The answer to INFO, by name."""
    return dict(line.split(":", 1) for line in info.decode().split("\r\n") if ":" in line)
