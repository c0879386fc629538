"""Claims on idempotency keys in Redis or Valkey, which gateways on many machines share."""

from __future__ import annotations

from collections.abc import Awaitable
from importlib.resources import files
from typing import Any

import msgspec
from msgspec.structs import replace
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.core.errors import Unavailable
from gateway.stores.claims import CLAIM_KEPT_S, Claim, State
from gateway.stores.redis_leases import ROOT, TIMEOUT_S, heed_cancelling

_UNRESOLVED = f"{ROOT}:claims-unresolved"
_read = msgspec.json.Decoder(Claim)
_write = msgspec.json.Encoder().encode


class RedisClaims:
    """See `Claims`. They expire by themselves. It connects with the first use."""

    def __init__(self, url: str) -> None:
        self._redis: Any = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # Who waits decides whether to ask again.
        )
        self._claim = self._redis.register_script(_script("claim"))
        self._unclaim = self._redis.register_script(_script("unclaim"))

    async def claim(self, name: str, claim: Claim) -> Claim | None:
        """See `Claims.claim`."""
        keys = [_key(name), _running(claim.replica)]
        told: list[Any] = [_write(claim), CLAIM_KEPT_S, name]
        stands = await self._asked(self._claim(keys=keys, args=told))
        return _read.decode(stands) if stands else None

    async def end(self, name: str, claim: Claim, state: State | None) -> None:
        """See `Claims.end`."""
        after = b"" if state is None else _write(replace(claim, state=state))
        lost = int(state is State.UNRESOLVED)
        keys = [_key(name), _running(claim.replica), _UNRESOLVED]
        told: list[Any] = [_write(claim), after, name, claim.request_id, lost, CLAIM_KEPT_S]
        await self._asked(self._unclaim(keys=keys, args=told))

    async def resume(self, replica: str | None) -> None:
        """See `Claims.resume`."""
        assert replica is not None, "others may be running"
        for member in await self._asked(self._redis.smembers(_running(replica))):
            name = member.decode()
            stands = await self._asked(self._redis.get(_key(name)))
            claim = _read.decode(stands) if stands else None
            if claim is not None and (claim.replica, claim.state) == (replica, State.RUNNING):
                await self.end(name, claim, State.UNRESOLVED)
        await self._asked(self._redis.delete(_running(replica)))

    async def resolve(self, request_id: str) -> bool:
        """See `Claims.resolve`."""
        name = await self._asked(self._redis.hget(_UNRESOLVED, request_id))
        stands = await self._asked(self._redis.get(_key(name.decode()))) if name else None
        if not stands:
            return False
        await self.end(name.decode(), _read.decode(stands), None)
        return True

    async def sweep(self) -> None:
        """See `Claims.sweep`."""

    async def close(self) -> None:
        """See `Claims.close`."""
        await self._redis.aclose()

    async def _asked(self, answer: Awaitable[Any]) -> Any:
        try:
            return await answer
        except (RedisError, OSError) as error:
            raise Unavailable("The store of idempotency keys does not answer.") from error
        finally:
            heed_cancelling()


def _script(name: str) -> str:
    return files("gateway.stores").joinpath(f"lua/{name}.lua").read_text(encoding="utf-8")


def _key(name: str) -> str:
    return f"{ROOT}:claim:{name}"


def _running(replica: str) -> str:
    return f"{ROOT}:claims-of:{replica}"
