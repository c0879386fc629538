"""Kept answers in Redis or Valkey, which gateways on many machines share. They expire by themselves."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from gateway.core.clearing import Clearing, Label
from gateway.core.errors import Unavailable
from gateway.stores.redis_leases import ROOT, Script
from gateway.stores.redis_link import Link

_PREFIX = f"{ROOT}:answer:"
_BY_END, _LABELS, _SIZES, _TAKEN = (f"{ROOT}:answers{what}" for what in ("", "-labels", "-sizes", "-taken"))
_KEEP, _DROP = Script("keep"), Script("drop")

DROPPED_AT_ONCE = 200
"""In one script, while which the server does nothing else."""

_read = msgspec.msgpack.Decoder(Label)
_write = msgspec.msgpack.encode


class RedisAnswers:
    """See `AnswerStore`. It connects with the first use, and has a breaker of its own. `url`: as `Address` reads it."""

    def __init__(self, url: str, bytes_max: int, clock: Callable[[], float] = time.time) -> None:
        self._link = Link(url, _meet)
        self._bytes_max = bytes_max
        self._clock = clock

    async def find(self, name: bytes) -> bytes | None:
        """See `AnswerStore.find`."""
        found: bytes | None = await self._asked(lambda client: client.get(_PREFIX + name.hex()))
        return found

    async def keep(self, name: bytes, record: bytes, label: Label, until: float) -> None:
        """See `AnswerStore.keep`."""
        now_ms, until_ms = int(self._clock() * 1000), int(until * 1000)
        if len(record) > self._bytes_max or until_ms <= now_ms:
            return
        keys = [_PREFIX + name.hex(), _BY_END, _LABELS, _SIZES, _TAKEN]
        told: list[Any] = [_write(label), name.hex(), now_ms, until_ms, self._bytes_max, _PREFIX, DROPPED_AT_ONCE]
        more = await self._keep(keys, [record, *told])
        while more:
            more = await self._keep(keys, [b"", *told])

    async def clear(self, clearing: Clearing) -> int:
        """See `AnswerStore.clear`."""
        gone, cursor = 0, 0
        while True:
            cursor, labels = await self._asked(self._some(cursor), patient=True)
            covered = [name.decode() for name, label in labels.items() if clearing.covers(_read.decode(label))]
            for first in range(0, len(covered), DROPPED_AT_ONCE):
                gone += await self._drop(covered[first : first + DROPPED_AT_ONCE])
            if cursor == 0:
                return gone

    async def close(self) -> None:
        """See `AnswerStore.close`."""
        await self._link.close()

    async def _keep(self, keys: list[str], told: list[Any]) -> bool:
        return bool(await self._asked(lambda client: _KEEP.run(client, keys, told), patient=True))

    async def _drop(self, names: list[str]) -> int:
        keys = [_BY_END, _LABELS, _SIZES, _TAKEN, *(_PREFIX + name for name in names)]
        return int(await self._asked(lambda client: _DROP.run(client, keys, names), patient=True))

    def _some(self, cursor: int) -> Callable[[Any], Awaitable[Any]]:
        return lambda client: client.hscan(_LABELS, cursor, count=DROPPED_AT_ONCE)

    async def _asked(self, question: Callable[[Any], Awaitable[Any]], *, patient: bool = False) -> Any:
        try:
            return await self._link.ask("answers", question, patient=patient)
        except Unavailable as error:
            raise Unavailable("The store of answers does not answer.") from error


async def _meet(connection: Any, server: Mapping[str, str]) -> None:
    """A new connection. One that has forgotten answers has none."""
