"""What goes on to a provider as it came: any path below its name, and what is asked of a response by its id."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from gateway.catalog.catalog import Catalog
from gateway.catalog.prefixes import Place, located
from gateway.catalog.providers import Provider
from gateway.core.caller import Key
from gateway.core.entry import Entry
from gateway.core.errors import BadRequest, Forbidden, MethodNotAllowed, NotFound, Unavailable
from gateway.dialects.openai_usage import UNREADABLE
from gateway.front.exchange import Exchange
from gateway.front.paths import Way
from gateway.front.surfaces import Surface, shown_headers
from gateway.journey.untouched import PassThrough, Untouched, may_pass
from gateway.pipeline import Pipeline
from gateway.tenants import tagged

READING = frozenset({"GET", "HEAD", "DELETE"})
"""Methods that nobody charges for."""

WRITING = frozenset({"POST", "PUT", "PATCH"})

RESPONSES = "/v1/responses/"
_RESPONSE = re.compile(r"/v1/responses/([A-Za-z0-9_-]{1,256})(|/cancel|/input_items)")
_RESPONSE_METHODS = {"": ("GET", "HEAD", "DELETE"), "/input_items": ("GET", "HEAD"), "/cancel": ("POST",)}
_SECRETS = re.compile(r"(?:^|(?<=&))(?:key|access_token|oauth_token)=[^&]*&?")
"""What Google takes for credentials: https://cloud.google.com/apis/docs/system-parameters."""


class _Continues(Struct):
    previous_response_id: str | None = None


_continues = msgspec.json.Decoder(_Continues)


def may_continue(surface: Surface, body: bytes) -> bool:
    """Whether a call may be for a response that continues another. Names may hide behind escapes."""
    named = surface.dialect.name in ("openai-responses", "openai-count-tokens")
    return named and (b"previous_response_id" in body or b"\\u00" in body)


@dataclass(frozen=True)
class Passing:
    """See the module. `find` gives the ledger's entries of a request, or of an answer by the provider's own id."""

    pipeline: Pipeline
    catalog: Catalog
    untouched: PassThrough
    find: Callable[[str], Awaitable[list[Entry]]]
    body_bytes_max: int
    body_stall_s: float

    async def below(self, exchange: Exchange, call_id: str, provider: Provider, way: Way) -> None:
        """Any path of a provider's. Raises GatewayError."""
        if exchange.method not in READING | WRITING or not way.rest:
            raise MethodNotAllowed(tuple(sorted(READING | WRITING)))
        headers = shown_headers(exchange.headers, exchange.query) if _is_google(provider) else exchange.headers
        key = self._key(exchange, headers)
        if not may_pass(key):
            raise Forbidden("This key may use only some models, and nobody here reads which one this call is for.")
        free = _is_free(exchange.method, exchange.query) or way.path in provider.free
        provider = self.catalog.reached(provider)
        await self._pass(exchange, call_id, key, provider, located(provider, way.rest), free=free)

    async def response(self, exchange: Exchange, call_id: str, way: Way) -> None:
        """A response that was made through here, by whoever may see its call. Raises GatewayError."""
        found = _RESPONSE.fullmatch(way.path)
        if found is None:
            raise NotFound("There is nothing at this path.")
        if exchange.method not in (allowed := _RESPONSE_METHODS[found[2]]):
            raise MethodNotAllowed(allowed)
        key = self._key(exchange, exchange.headers)
        provider = await self._maker(found[1], key, way.provider)
        access = provider.access["openai-responses"]
        place = Place(access, access.base_url + way.path.removeprefix("/v1"))
        await self._pass(exchange, call_id, key, provider, place, free=True)

    async def continues_at(self, body: bytes, exchange: Exchange) -> str:
        """The provider of the response that a new one continues; empty where that is not known, or there is none: an
        entry may still be on its way from another replica. Raises Unauthorized before anything is looked up, BadRequest
        where it is another's response, and Unavailable where nobody can tell whose it is."""
        try:
            previous = _continues.decode(body).previous_response_id
        except UNREADABLE:
            return ""
        if not previous:
            return ""
        key = self._key(exchange, exchange.headers)
        try:
            entries = await self._made(previous)
        except Unavailable:  # The ledger is away. What was made here since then waits for it.
            entries = [e for e in self._waiting(previous) if key.sees(e.caller)]
            if not entries:
                raise
        seen = [e.provider for e in entries if key.sees(e.caller)]
        if entries and not seen:
            raise BadRequest(f"No response {previous} was made with this key.", "previous_response_id")
        return seen[-1] if seen and seen[-1] in self.catalog.providers else ""

    def _waiting(self, answer_id: str) -> list[Entry]:
        return [e for e in self.pipeline.books.journal.settled if e.answer_id == answer_id]

    async def _made(self, answer_id: str) -> list[Entry]:
        return [e for e in await self.find(answer_id) if e.answer_id == answer_id]

    async def _maker(self, answer_id: str, key: Key, only: Provider | None) -> Provider:
        """Who made this response."""
        entries = [e for e in await self._made(answer_id) if key.sees(e.caller)]
        names = [e.provider for e in entries if only is None or e.provider == only.name]
        maker = self.catalog.providers.get(names[-1]) if names else None
        if maker is None or "openai-responses" not in maker.dialects:
            raise NotFound(
                f"No response {answer_id} was made with this key. What came over a translation is kept nowhere: "
                "send its items again."
            )
        return maker

    async def _pass(
        self, exchange: Exchange, call_id: str, key: Key, provider: Provider, place: Place, *, free: bool
    ) -> None:
        arrived = self.untouched.monotonic()
        body = await exchange.body(bytes_max=self.body_bytes_max, stall_s=self.body_stall_s)
        method = "GET" if exchange.method == "HEAD" else exchange.method
        if body and method == "GET":
            raise BadRequest("A request that only reads has no body.")
        query = _SECRETS.sub("", exchange.query).rstrip("&") if _is_google(provider) else exchange.query
        place = Place(place.access, f"{place.url}?{query}" if query else place.url)
        call = Untouched(call_id, key, method, provider, place, exchange.headers, body, free, arrived)
        await self.untouched.serve(call, exchange)

    def _key(self, exchange: Exchange, headers: dict[str, str]) -> Key:
        return tagged(self.pipeline.tenants.identify(headers, self.pipeline.clock(), exchange.origin), headers)


def _is_google(provider: Provider) -> bool:
    """Whether callers may show their key in the query."""
    return "gemini" in provider.dialects


def _is_free(method: str, query: str) -> bool:
    """Whether a call only reads or deletes. A query that may name another method is not believed."""
    return method in READING and not any("method" in name.lower() for name in parse_qs(query, keep_blank_values=True))
