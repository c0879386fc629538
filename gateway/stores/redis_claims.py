"""Claims on idempotency keys in Redis or Valkey, which gateways on many machines share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.errors import Unavailable
from gateway.stores.claims import CLAIM_KEPT_S, Claim, State
from gateway.stores.redis_leases import ROOT, Script
from gateway.stores.redis_link import Link

_UNRESOLVED = f"{ROOT}:claims-unresolved"
_read = msgspec.json.Decoder(Claim)
_write = msgspec.json.Encoder().encode


_CLAIM, _UNCLAIM = Script("claim"), Script("unclaim")


class RedisClaims:
    """See `Claims`. They expire by themselves. It connects with the first use. `url`: as `Address` reads it."""

    def __init__(self, url: str) -> None:
        self._link = Link(url, _meet)

    async def claim(self, name: str, claim: Claim) -> Claim | None:
        """See `Claims.claim`."""
        keys = [_key(name), _running(claim.replica)]
        told: list[Any] = [_write(claim), CLAIM_KEPT_S, name]
        stands = await self._asked(lambda client: _CLAIM.run(client, keys, told))
        return _read.decode(stands) if stands else None

    async def end(self, name: str, claim: Claim, state: State | None) -> None:
        """See `Claims.end`."""
        after = b"" if state is None else _write(replace(claim, state=state))
        lost = int(state is State.UNRESOLVED)
        keys = [_key(name), _running(claim.replica), _UNRESOLVED]
        told: list[Any] = [_write(claim), after, name, claim.request_id, lost, CLAIM_KEPT_S]
        await self._asked(lambda client: _UNCLAIM.run(client, keys, told))

    async def resume(self, replica: str | None) -> None:
        """See `Claims.resume`."""
        assert replica is not None, "others may be running"
        for member in await self._asked(lambda client: client.smembers(_running(replica))):
            name = member.decode()
            stands = await self._read(name)
            claim = _read.decode(stands) if stands else None
            if claim is not None and (claim.replica, claim.state) == (replica, State.RUNNING):
                await self.end(name, claim, State.UNRESOLVED)
        await self._asked(lambda client: client.delete(_running(replica)))

    async def resolve(self, request_id: str) -> bool:
        """See `Claims.resolve`."""
        name = await self._asked(lambda client: client.hget(_UNRESOLVED, request_id))
        stands = await self._read(name.decode()) if name else None
        if not stands:
            return False
        await self.end(name.decode(), _read.decode(stands), None)
        return True

    async def sweep(self) -> None:
        """See `Claims.sweep`."""

    async def close(self) -> None:
        """See `Claims.close`."""
        await self._link.close()

    async def _read(self, name: str) -> bytes | None:
        found: bytes | None = await self._asked(lambda client: client.get(_key(name)))
        return found

    async def _asked(self, question: Callable[[Any], Awaitable[Any]]) -> Any:
        try:
            return await self._link.ask("claims", question)
        except Unavailable as error:
            raise Unavailable("The store of idempotency keys does not answer.") from error


async def _meet(connection: Any, server: Mapping[str, str]) -> None:
    """A new connection. One that has forgotten keys is not noticed."""


def _key(name: str) -> str:
    return f"{ROOT}:claim:{name}"


def _running(replica: str) -> str:
    return f"{ROOT}:claims-of:{replica}"
