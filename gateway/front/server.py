"""Which path is what. Every answer that is not a provider's is made here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from gateway.catalog.catalog import Catalog
from gateway.core.caller import Key
from gateway.core.errors import AskedBefore, GatewayError, LimitReached, MethodNotAllowed, NotFound, Unavailable
from gateway.core.request import Asked
from gateway.dialects.openai_errors import error_body
from gateway.front.batch_routes import route_of
from gateway.front.batches import BatchPages
from gateway.front.call_ids import next_id
from gateway.front.exchange import Exchange
from gateway.front.own_key import key_document
from gateway.front.surfaces import Surface, asked_tier, refusal_head, shown_headers, surface_of
from gateway.front.together import Together
from gateway.journey.asking import ProviderRefused
from gateway.journey.receipt import request_document
from gateway.pipeline import Call, Pipeline
from gateway.telemetry.live import TooManyWatchers
from gateway.upstream.headers import for_caller

HEARTBEAT_S = 15.0
"""A comment on an idle stream of live events, so that proxies between keep it open."""

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
    batches: BatchPages
    ready: Callable[[], bool]
    body_bytes_max: int
    body_stall_s: float

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request, whatever happens."""
        call_id, surface = next_id(), surface_of(exchange.path)
        try:
            if surface is not None:
                _only(exchange, "POST")
                await self._call(exchange, call_id, surface)
            elif (route := route_of(exchange.path)) is not None:
                surface = Surface(route.dialect)  # So are its errors worded.
                await self.batches.serve(exchange, call_id, route)
            else:
                await self._page(exchange)
        except GatewayError as error:
            await self._refuse(exchange, error, call_id, surface)
        except ConnectionError:
            raise
        except Exception:
            log.exception("unhandled error in request %s", call_id)
            await self._refuse(exchange, GatewayError("Something went wrong in the gateway."), call_id, surface)

    async def _call(self, exchange: Exchange, call_id: str, surface: Surface) -> None:
        arrived = self.pipeline.monotonic()
        headers = shown_headers(surface, exchange.headers, exchange.query)
        if not exchange.received:  # What came with the head is read. More is taken from no stranger.
            self.pipeline.tenants.identify(headers, self.pipeline.clock(), exchange.origin)
        body = await exchange.body(bytes_max=self.body_bytes_max, stall_s=self.body_stall_s)
        asked = Asked(
            body,
            surface.model,
            surface.verb,
            exchange.query,
            headers.get("content-type", ""),
            headers.get("anthropic-beta", ""),
            asked_tier(headers),
        )
        call = Call(call_id, surface.dialect, headers, asked, arrived)
        try:
            await self.pipeline.serve(call, exchange)
        except ProviderRefused as refused:
            if refused.carried:
                raise
            told = for_caller(refused.headers) | {"x-fareway-request-id": call_id}
            await exchange.respond(refused.status, told, refused.body)

    async def _refuse(self, exchange: Exchange, error: GatewayError, call_id: str, surface: Surface | None) -> None:
        metrics = self.pipeline.metrics
        metrics.count("fareway_errors", error.code)
        if exchange.begun:  # Too late for another status. The relay has said what can be said.
            raise ConnectionResetError from error
        if isinstance(error, LimitReached):
            metrics.count("fareway_refusals", error.refusal.unit, error.refusal.reason)
        worded = error_body if surface is None else surface.dialect.error
        status, more = refusal_head(surface, error, call_id)
        await exchange.respond(status, {**error_headers(error, call_id), **more}, worded(error, call_id))

    async def _page(self, exchange: Exchange) -> None:
        if (page := self._pages.get(exchange.path)) is not None:
            _only(exchange, "GET", "HEAD")
            await page(exchange)
        elif exchange.path.startswith(_REQUESTS):
            _only(exchange, "GET", "HEAD")
            await self._one_request(exchange)
        elif exchange.path == _LIVE:
            _only(exchange, "GET")
            await self._live(exchange)
        else:
            raise NotFound("There is nothing at this path.")

    @property
    def _pages(self) -> dict[str, Page]:
        return {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/v1/models": self._models,
            "/v1/key": self._own_key,
        }

    async def _one_request(self, exchange: Exchange) -> None:
        key = self._key(exchange)
        wanted = exchange.path.removeprefix(_REQUESTS)
        entries = [e for e in await self.together.find(wanted) if key.sees(e.caller)]
        if not entries:
            raise NotFound("No such request, or it is not settled yet.")
        await _json(exchange, request_document(entries, await self.together.prices(entries)))

    async def _own_key(self, exchange: Exchange) -> None:
        """What a key is good for, and what is left of its limits."""
        key = self._key(exchange)
        await _json(exchange, key_document(key, await self.pipeline.books.limits.accounts(key.caller)))

    async def _models(self, exchange: Exchange) -> None:
        key = self._key(exchange)
        names = [name for name in self.catalog.names() if key.may_use(name)]
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "fareway"} for name in names]
        await _json(exchange, {"object": "list", "data": data})

    async def _live(self, exchange: Exchange) -> None:
        """Server-sent events: one for each settled call that the key may see."""
        key = self._key(exchange)
        exchange.may_leave()  # Else whoever has left would take a place until the next heartbeat.
        try:
            async with self.together.watch(key.id, everything=key.sees_all) as events:
                await exchange.start(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
                await exchange.write(b": watching\n\n")
                while (event := await _next_event(events)) is not None:
                    await exchange.write(event)
        except TooManyWatchers:
            raise Unavailable("Too many are watching.") from None
        await exchange.finish()

    async def _healthz(self, exchange: Exchange) -> None:
        await exchange.respond(200, _TEXT, b"ok\n")

    async def _readyz(self, exchange: Exchange) -> None:
        if self.ready():
            await exchange.respond(200, _TEXT, b"ready\n")
        else:
            await exchange.respond(503, _TEXT, b"not ready\n")

    async def _metrics(self, exchange: Exchange) -> None:
        exposition = await self.together.exposition()
        await exchange.respond(200, {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}, exposition)

    def _key(self, exchange: Exchange) -> Key:
        return self.pipeline.tenants.identify(exchange.headers, self.pipeline.clock(), exchange.origin)


async def _next_event(events: asyncio.Queue[bytes | None]) -> bytes | None:
    """What comes next, or a heartbeat; None once the gateway stops."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return await events.get()
    except TimeoutError:
        return b": still here\n\n"


def _only(exchange: Exchange, *methods: str) -> None:
    if exchange.method not in methods:
        raise MethodNotAllowed(methods)


async def _json(exchange: Exchange, value: object) -> None:
    await exchange.respond(200, {"Content-Type": "application/json"}, msgspec.json.encode(value))


def error_headers(error: GatewayError, call_id: str) -> dict[str, str]:
    """What client libraries need to know about trying again."""
    headers = {"Content-Type": "application/json", "x-fareway-request-id": call_id, "x-request-id": call_id}
    headers["request-id"] = call_id  # What Anthropic's clients read.
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.retryable is not None:
        headers["x-should-retry"] = "true" if error.retryable else "false"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, AskedBefore):
        headers["x-fareway-first-request-id"] = error.first
    if isinstance(error, LimitReached):
        headers["x-fareway-budget-scope"] = error.refusal.node
        headers["x-fareway-limit-reason"] = error.refusal.reason
        if error.refusal.resets_at:
            headers["x-fareway-budget-reset"] = error.refusal.resets_at
    return headers
