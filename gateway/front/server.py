"""Which path is what. Every answer that is not a provider's is given here."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial

import msgspec

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Provider
from gateway.core.caller import Key
from gateway.core.errors import (
    BadRequest,
    Forbidden,
    GatewayError,
    LimitReached,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    PolicyFailed,
)
from gateway.deferred.record import PREFIX
from gateway.front import feedback
from gateway.front.batch_routes import route_of
from gateway.front.batches import BatchPages
from gateway.front.call_ids import next_id
from gateway.front.declining import Declining
from gateway.front.deferred import LaterPages
from gateway.front.door import LARGE
from gateway.front.events import live
from gateway.front.exchange import Exchange
from gateway.front.lists import Lists
from gateway.front.models import Shape, fits, one, page, shape_of
from gateway.front.own_headers import refuse_unknown
from gateway.front.own_key import key_document
from gateway.front.passing import RESPONSES, Passing, may_continue
from gateway.front.paths import MODELS, Way, Ways, nothing_at
from gateway.front.refusal import refusal
from gateway.front.self_service import SelfService, asked_of_api, is_ours
from gateway.front.surfaces import (
    EXACT,
    Surface,
    asked_at,
    shown_headers,
    shows_key_in_query,
)
from gateway.front.together import Together
from gateway.front.traced import Traced
from gateway.journey.receipt import request_document
from gateway.journey.refused import ProviderRefused
from gateway.journey.understanding import Call
from gateway.journey.untouched import PassThrough
from gateway.pipeline import Pipeline
from gateway.upstream.headers import for_caller

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_REQUESTS = "/v1/requests/"
_LIVE = "/live"

log = logging.getLogger("fareway.front")

Page = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True)
class Front:
    """The data plane. `together` speaks for all workers; `ready` says whether calls are wanted; any are taken."""

    pipeline: Pipeline
    catalog: Catalog
    together: Together
    untouched: PassThrough
    batches: BatchPages
    ratings: feedback.Ratings
    later: LaterPages
    dashboard: SelfService
    ready: Callable[[], bool]
    body_bytes_max: int
    body_stall_s: float
    metrics: str  # Who may read /metrics: open | key | off.
    traced: Traced | None = None  # None: calls go straight to the pipeline.

    @cached_property
    def passing(self) -> Passing:
        """What goes on as it came."""
        bounds = self.body_bytes_max, self.body_stall_s
        return Passing(self.pipeline, self.catalog, self.untouched, self.together.find, *bounds)

    @cached_property
    def ways(self) -> Ways:
        """Where paths lead that are none of the plain ones."""
        return Ways(self.catalog.providers)

    @cached_property
    def declining(self) -> Declining:
        """What is said at the door."""
        return Declining(self.ways, partial(self.pipeline.metrics.count, "fareway_shed"))

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request, whatever happens."""
        call_id, surface, provider = next_id(), EXACT.get(exchange.path), None
        try:
            if surface is None:
                way = self.ways.find(exchange.path)
                provider = way.provider
                surface = way.surface if provider is None or exchange.method == "POST" else None
            refuse_unknown(exchange.headers)
            if surface is not None:
                _only(exchange, "POST")
                await self._call(exchange, call_id, surface, provider)
            elif (route := route_of(way.path, provider)) is not None:
                surface = Surface(route.dialect)  # So are its errors worded.
                await self.batches.serve(exchange, call_id, route)
            else:
                await self._page(exchange, call_id, way)
        except GatewayError as error:
            if isinstance(error, PolicyFailed):
                log.exception("request %s was not decided on", call_id)
            await self._refuse(exchange, error, call_id, surface)
        except ConnectionError:
            raise
        except Exception:
            log.exception("unhandled error in request %s", call_id)
            await self._refuse(exchange, GatewayError("Something went wrong in the gateway."), call_id, surface)

    async def _call(self, exchange: Exchange, call_id: str, surface: Surface, provider: Provider | None) -> None:
        arrived, headers = self.pipeline.monotonic(), exchange.headers
        if shows_key_in_query(surface):
            headers = shown_headers(headers, exchange.query)
        if not exchange.received:  # What came with the head is read. More is taken from no stranger.
            self.pipeline.tenants.identify(headers, self.pipeline.clock(), exchange.origin)
        body = await exchange.body(bytes_max=self.body_bytes_max, stall_s=self.body_stall_s)
        only = "" if provider is None else provider.name
        if may_continue(surface, body):
            maker = await self.passing.continues_at(body, exchange)
            only = only or maker
        asked = asked_at(surface, headers, body, exchange.query, only)
        call = Call(call_id, surface.dialect, headers, asked, arrived)
        try:
            if self.traced is None:
                await self.pipeline.serve(call, exchange)
            else:
                await self.traced.serve(call, exchange)
        except ProviderRefused as refused:
            if refused.reworded:
                raise
            told = for_caller(refused.headers) | {"x-fareway-request-id": call_id}
            await exchange.respond(refused.status, told, refused.body)

    def who(self, exchange: Exchange) -> str:
        """The id of the key that a request shows, as far as it is known."""
        headers = exchange.headers
        if exchange.query:
            with suppress(BadRequest):
                headers = shown_headers(headers, exchange.query)
        return self.pipeline.tenants.probably(headers)

    async def _refuse(self, exchange: Exchange, error: GatewayError, call_id: str, surface: Surface | None) -> None:
        metrics = self.pipeline.metrics
        if not isinstance(error, ProviderRefused) or error.status >= 500:  # Below, it is about the request.
            metrics.count("fareway_errors", error.code)
        if exchange.begun:  # Too late for another status. The relay has said what can be said.
            raise ConnectionResetError from error
        if isinstance(error, LimitReached):
            metrics.count("fareway_refusals", error.refusal.unit, error.refusal.reason)
        elif isinstance(error, Overloaded):
            metrics.count("fareway_shed", LARGE)
        await exchange.respond(*refusal(error, call_id, exchange, None if surface is None else surface.dialect))

    async def _page(self, exchange: Exchange, call_id: str, way: Way) -> None:
        reads = exchange.method in ("GET", "HEAD")
        if way.path in MODELS and (reads or way.provider is None):
            _only(exchange, "GET", "HEAD")
            await self._models(exchange, way)
        elif way.path.startswith(RESPONSES):
            await self.passing.response(exchange, call_id, way)
        elif way.provider is not None:
            await self.passing.below(exchange, call_id, way.provider, way)
        elif (shown := self._pages.get(way.path)) is not None:
            _only(exchange, "GET", "HEAD")
            await shown(exchange)
        elif way.path.startswith(_REQUESTS + PREFIX):
            await self.later.serve(exchange, way.path.removeprefix(_REQUESTS), self._key(exchange))
        elif way.path.startswith(_REQUESTS):
            _only(exchange, "GET", "HEAD")
            await self._one_request(exchange, way.path.removeprefix(_REQUESTS), self._key(exchange))
        elif way.path == feedback.PATH:
            _only(exchange, "POST")
            await self._feedback(exchange)
        elif way.path == _LIVE:
            _only(exchange, "GET")
            await live(exchange, self.together, partial(self._key, exchange))
        elif is_ours(way.path):
            await self._dashboard(exchange)
        else:
            raise NotFound(nothing_at(way.path))

    @property
    def _pages(self) -> dict[str, Page]:
        return {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/v1/key": self._own_key,
        }

    async def _dashboard(self, exchange: Exchange) -> None:
        """What a browser is told. Where it asks for what there is elsewhere, too, it shows its session for a token."""
        asked = asked_of_api(exchange.path)
        if asked is None:
            await self.dashboard.serve(exchange)
            return
        _only(exchange, "GET", "HEAD")
        key = self.dashboard.key(exchange)
        if asked == "key":
            await self._tell_key(exchange, key)
        elif asked == "live":
            await live(exchange, self.together, partial(self.dashboard.key, exchange), own=True)
        elif asked.startswith("requests/"):
            await self._one_request(exchange, asked.removeprefix("requests/"), key)
        else:
            await self.dashboard.report(exchange, asked, key)

    async def _one_request(self, exchange: Exchange, wanted: str, key: Key) -> None:
        """By our id, or by the provider's id of the answer: then the newest that has it."""
        seen = [e for e in await self.together.find(wanted) if key.sees(e.caller)]
        if not seen:
            raise NotFound("No such request, or it is not settled yet.")
        entries = [e for e in seen if e.request_id == seen[-1].request_id]
        await _json(exchange, request_document(entries, await self.together.prices(entries)))

    async def _feedback(self, exchange: Exchange) -> None:
        """How good an answer was, for who may see its call."""
        key = self._key(exchange)
        body = await exchange.body(bytes_max=feedback.BYTES_MAX, stall_s=self.body_stall_s)
        await _json(exchange, await self.ratings.take(body, key))

    async def _own_key(self, exchange: Exchange) -> None:
        await self._tell_key(exchange, self._key(exchange))

    async def _tell_key(self, exchange: Exchange, key: Key) -> None:
        """What a key is good for, and what is left of its limits."""
        accounts = await self.pipeline.books.limits.accounts(key.caller)
        await _json(exchange, key_document(key, accounts, self.later.secret(key.id)))

    async def _models(self, exchange: Exchange, way: Way) -> None:
        shape = shape_of(exchange.path, exchange.headers, exchange.query)
        headers = shown_headers(exchange.headers, exchange.query) if shape is Shape.GEMINI else exchange.headers
        key = self.pipeline.tenants.identify(headers, self.pipeline.clock(), exchange.origin)
        lists, provider = Lists(self.catalog), "" if way.provider is None else way.provider.name
        if way.model:
            await _json(exchange, one(lists.one(way.model, key, provider), shape))
        else:
            found = [model for model in lists.all(key, provider) if fits(model, shape)]
            await _json(exchange, page(found, shape, exchange.query))

    async def _healthz(self, exchange: Exchange) -> None:
        await exchange.respond(200, _TEXT, b"ok\n")

    async def _readyz(self, exchange: Exchange) -> None:
        if self.ready():
            await exchange.respond(200, _TEXT, b"ready\n")
        else:
            await exchange.respond(503, _TEXT, b"not ready\n")

    async def _metrics(self, exchange: Exchange) -> None:
        if self.metrics == "off":
            raise NotFound(nothing_at(exchange.path))
        if self.metrics == "key" and not self._key(exchange).sees_all:
            raise Forbidden("This takes an admin's key, or an auditor's.")
        page, content_type = await self.together.exposition(exchange.headers.get("accept", ""))
        await exchange.respond(200, {"Content-Type": content_type}, page)

    def _key(self, exchange: Exchange) -> Key:
        return self.pipeline.tenants.identify(exchange.headers, self.pipeline.clock(), exchange.origin)


def _only(exchange: Exchange, *methods: str) -> None:
    if exchange.method not in methods:
        raise MethodNotAllowed(methods)


async def _json(exchange: Exchange, value: object) -> None:
    await exchange.respond(200, {"Content-Type": "application/json"}, msgspec.json.encode(value))
