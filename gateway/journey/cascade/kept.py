"""A caller's end for an answer that is to be checked first: it keeps all that it is told."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.journey.passage import Client

KEPT_BYTES_MAX = 4 << 20
"""Of a stream. A longer one goes on to the caller as it comes, unchecked: it has said a good deal by then."""

CASCADE = "x-fareway-cascade"
"""The header that says what became of it."""


class Kept:
    """See the module. Implements `Client`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._parts: list[bytes] = []
        self._size = 0
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.streams = False
        self.given = False  # It goes to the caller.

    @property
    def body(self) -> bytes:
        """All that came."""
        return b"".join(self._parts)

    def origin(self) -> str:
        """See `Client.origin`."""
        return self._client.origin()

    def may_leave(self) -> None:
        """See `Client.may_leave`."""
        self._client.may_leave()

    def stays(self) -> None:
        """See `Client.stays`."""
        self._client.stays()

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """See `Client.start`."""
        self.status, self.headers, self.streams = status, headers, True

    async def write(self, chunk: bytes) -> None:
        """See `Client.write`."""
        if not self.offer(chunk):
            await self.keep_up()

    def offer(self, chunk: bytes) -> bool:
        """See `Client.offer`."""
        if self.given:
            return self._client.offer(chunk)
        self._parts.append(chunk)
        self._size += len(chunk)
        return self._size <= KEPT_BYTES_MAX

    async def keep_up(self) -> None:
        """See `Client.keep_up`."""
        if not self.given and self._size > KEPT_BYTES_MAX:
            await self.give({CASCADE: "too long to be checked"}, finish=False)
        if self.given:
            await self._client.keep_up()

    async def finish(self) -> None:
        """See `Client.finish`."""
        if self.given:
            await self._client.finish()

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """See `Client.respond`."""
        self.status, self.headers, self._parts = status, headers, [body]

    async def give(self, told: Mapping[str, str], *, finish: bool = True) -> None:
        """To the caller, with what else it is to be told: all that came, and what still comes."""
        self.given = True
        body, self._parts = self.body, []
        if not self.streams:
            await self._client.respond(self.status, {**self.headers, **told}, body)
            return
        await self._client.start(self.status, {**self.headers, **told})
        await self._client.write(body)
        if finish:
            await self._client.finish()
