"""Calls whose answers come later: how they stand, their answers, and taking them back. For the key that asked alone."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.assembly.deferred import Deferred
from gateway.core.caller import Key
from gateway.core.entry import Entry
from gateway.core.errors import Conflict, MethodNotAllowed, NotFound
from gateway.core.price import Price
from gateway.deferred.record import ENDED, PREFIX, Later, State
from gateway.deferred.shelf import Kept, Shelf
from gateway.deferred.shown import told
from gateway.deferred.telling import webhook_secret
from gateway.front.exchange import Exchange
from gateway.front.together import Together
from gateway.journey.receipt import request_document

FETCHED_KEPT_S = 3600.0
"""How long an answer is kept that was fetched: should that have gone wrong."""

_ANSWER = "answer"


@dataclass(frozen=True)
class LaterPages:
    """See the module."""

    shelf: Shelf
    home: str
    pepper: bytes
    find: Callable[[str], Awaitable[list[Entry]]]
    prices: Callable[[list[Entry]], Awaitable[dict[str, Price]]]
    clock: Callable[[], float]

    def secret(self, key_id: str) -> str:
        """What webhooks of this key are signed with."""
        return webhook_secret(self.pepper, key_id)

    async def serve(self, exchange: Exchange, path: str, key: Key) -> None:
        """Answer one request for what stands below /v1/requests/. Raises GatewayError."""
        name, _, part = path.partition("/")
        kept = await self._own(name, key)
        if part == _ANSWER:
            await self._answer(exchange, kept)
        elif part:
            raise NotFound("There is nothing at this path.")
        elif exchange.method == "DELETE":
            await self._delete(exchange, kept.later)
        elif exchange.method in ("GET", "HEAD"):
            await self._told(exchange, kept)
        else:
            raise MethodNotAllowed(("GET", "HEAD", "DELETE"))

    async def _own(self, name: str, key: Key) -> Kept:
        kept = await self.shelf.find(name)
        if kept is not None and kept.later.caller.key_id == key.id:
            return kept
        home = name.removeprefix(PREFIX).partition("_")[0]
        if home != self.home and home.isalnum():
            raise NotFound(f"No such request here. If there is one, the gateway with the home {home} has it.")
        raise NotFound("No such request, or it is not kept any more.")

    async def _told(self, exchange: Exchange, kept: Kept) -> None:
        later = kept.later
        entries = [entry for name in later.request_ids for entry in await self.find(name)]
        document: dict[str, Any] = {"cost_usd": None, "entries": []}
        if entries:
            document = request_document(entries, await self.prices(entries))
        document |= told(later)
        if later.state in (State.DONE, State.FAILED):
            document |= {"status_code": later.status, "headers": later.answer_headers}
            document |= _shown(kept.answer, "answer" if later.state is State.DONE else "error")
        await exchange.respond(200, {"Content-Type": "application/json"}, msgspec.json.encode(document))
        await self._fetched(exchange, later)

    async def _answer(self, exchange: Exchange, kept: Kept) -> None:
        """As it would have come at once."""
        if exchange.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(("GET", "HEAD"))
        if kept.answer is None or kept.later.state not in (State.DONE, State.FAILED):
            raise NotFound(f"There is no answer yet: the call is {kept.later.state}.")
        await exchange.respond(kept.later.status, kept.later.answer_headers, kept.answer)
        await self._fetched(exchange, kept.later)

    async def _fetched(self, exchange: Exchange, later: Later) -> None:
        if exchange.method == "GET" and later.state in ENDED:  # HEAD gets no answer.
            await self.shelf.keep_until(later.id, self.clock() + FETCHED_KEPT_S)

    async def _delete(self, exchange: Exchange, later: Later) -> None:
        """Take it back if it has not left; else forget what was asked and answered, once it has ended."""
        if later.state is State.WAITING:
            ended = msgspec.structs.replace(later, state=State.CANCELLED, ended=self.clock(), lane="")
            until = self.clock() + FETCHED_KEPT_S
            if not await self.shelf.put(ended, before=State.WAITING, until=until):
                raise Conflict("This call has left a moment ago.")
            later = ended
        elif later.state is State.RUNNING:
            raise Conflict("This call has left: it can be deleted once it has ended.")
        else:
            await self.shelf.delete(later.id)
        await exchange.respond(200, {"Content-Type": "application/json"}, msgspec.json.encode(told(later)))


def later_pages(deferred: Deferred, together: Together, clock: Callable[[], float]) -> LaterPages:
    """The pages of a home's calls."""
    return LaterPages(deferred.shelf, deferred.home, deferred.pepper, together.find, together.prices, clock)


def _shown(answer: bytes | None, name: str) -> dict[str, Any]:
    """JSON as it is; anything else in base64."""
    if answer is None:
        return {name: None}
    try:
        msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {f"{name}_base64": base64.b64encode(answer).decode()}
    return {name: msgspec.Raw(answer)}
