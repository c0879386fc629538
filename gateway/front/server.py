"""Which path is what. Every answer that is not a provider's is made here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from gateway.catalog.catalog import Catalog
from gateway.core.errors import Forbidden, GatewayError, LimitReached, MethodNotAllowed, NotFound, Unavailable
from gateway.dialects.base import Dialect
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_embeddings import OpenAIEmbeddings
from gateway.dialects.openai_errors import error_body
from gateway.front.call_ids import next_id
from gateway.front.client import HttpClient, read_body
from gateway.front.together import Together
from gateway.journey.asking import ProviderRefused
from gateway.journey.receipt import request_document
from gateway.pipeline import Call, Pipeline
from gateway.telemetry.live import TooManyWatchers
from gateway.upstream.headers import for_caller

HEARTBEAT_S = 15.0
"""A comment on an idle stream of live events, so that proxies between keep it open."""

DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": OpenAIChat(),
    "/v1/embeddings": OpenAIEmbeddings(),
}
_REQUESTS = "/v1/requests/"
_LIVE = "/live"
_APPROVE = "/admin/v1/prices/approve"

log = logging.getLogger("fareway.front")

Answer = Awaitable[web.StreamResponse]


@dataclass(frozen=True)
class Front:
    """The data plane. `together` speaks for all workers; `ready` says whether calls can be taken."""

    pipeline: Pipeline
    catalog: Catalog
    together: Together
    ready: Callable[[], bool]
    body_bytes_max: int
    body_stall_s: float

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever happens."""
        call_id = next_id()
        client = HttpClient(request)
        try:
            return await self._route(request, call_id, client)
        except GatewayError as error:
            self.pipeline.metrics.count("fareway_errors", error.code)
            if client.response is not None:  # Too late for another status. The relay has said what can be said.
                raise ConnectionResetError from error
            if isinstance(error, LimitReached):
                self.pipeline.metrics.count("fareway_refusals", error.refusal.unit, error.refusal.reason)
            return error_response(error, call_id)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("unhandled error in request %s", call_id)
            if client.response is not None:
                raise ConnectionResetError from None
            return error_response(GatewayError("Something went wrong in the gateway."), call_id)

    def _route(self, request: web.BaseRequest, call_id: str, client: HttpClient) -> Answer:
        path = request.path
        if (dialect := DIALECTS.get(path)) is not None:
            _only(request, "POST")
            return self._serve(request, call_id, dialect, client)
        if (page := self._pages.get(path)) is not None:
            _only(request, "GET", "HEAD")
            return page(request)
        if path.startswith(_REQUESTS):
            _only(request, "GET", "HEAD")
            return self._one_request(request, path.removeprefix(_REQUESTS))
        if path == _LIVE:
            _only(request, "GET")
            return self._live(request)
        if path == _APPROVE:
            _only(request, "POST")
            return self._approve(request)
        raise NotFound("There is nothing at this path.")

    @property
    def _pages(self) -> dict[str, Callable[[web.BaseRequest], Answer]]:
        return {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/v1/models": self._models,
        }

    async def _serve(
        self, request: web.BaseRequest, call_id: str, dialect: Dialect, client: HttpClient
    ) -> web.StreamResponse:
        arrived = self.pipeline.monotonic()
        if not self.ready():
            raise Unavailable("The gateway is starting or stopping.")
        if not request.content.is_eof():  # What came with the head is read. More is taken from no stranger.
            self.pipeline.tenants.identify(request.headers, self.pipeline.clock())
        body = await read_body(request, bytes_max=self.body_bytes_max, stall_s=self.body_stall_s)
        call = Call(call_id, dialect, request.headers, body, arrived)
        try:
            await self.pipeline.serve(call, client)
        except ProviderRefused as refused:
            return _provider_response(refused, call_id)
        finally:
            client.stay()
        assert client.response is not None
        return client.response

    async def _one_request(self, request: web.BaseRequest, wanted: str) -> web.StreamResponse:
        key = self.pipeline.tenants.identify(request.headers, self.pipeline.clock())
        entries = [e for e in await self.together.find(wanted) if key.admin or e.caller.key_id == key.id]
        if not entries:
            raise NotFound("No such request, or it is not settled yet.")
        return _json(request_document(entries))

    async def _approve(self, request: web.BaseRequest) -> web.StreamResponse:
        """An admin's yes to the price feed that waits in quarantine."""
        key = self.pipeline.tenants.identify(request.headers, self.pipeline.clock())
        if not key.admin:
            raise Forbidden("This takes an admin's key.")
        return _json({"approved": await self.together.approve()})

    async def _models(self, request: web.BaseRequest) -> web.StreamResponse:
        key = self.pipeline.tenants.identify(request.headers, self.pipeline.clock())
        names = [name for name in self.catalog.names() if key.may_use(name)]
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "fareway"} for name in names]
        return _json({"object": "list", "data": data})

    async def _live(self, request: web.BaseRequest) -> web.StreamResponse:
        """Server-sent events: one for each settled call that the key may see."""
        key = self.pipeline.tenants.identify(request.headers, self.pipeline.clock())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        client = HttpClient(request)
        client.may_leave()  # Else whoever has left would take a place until the next heartbeat.
        try:
            async with self.together.watch(key.id, everything=key.admin) as events:
                await response.prepare(request)
                await response.write(b": watching\n\n")
                while (event := await _next_event(events)) is not None:
                    await response.write(event)
        except TooManyWatchers:
            raise Unavailable("Too many are watching.") from None
        finally:
            client.stay()
        return response

    async def _healthz(self, _: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.BaseRequest) -> web.StreamResponse:
        ready = self.ready()
        return web.Response(status=200 if ready else 503, text="ready\n" if ready else "not ready\n")

    async def _metrics(self, _: web.BaseRequest) -> web.StreamResponse:
        exposition = await self.together.exposition()
        return web.Response(body=exposition, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})


async def _next_event(events: asyncio.Queue[bytes | None]) -> bytes | None:
    """What comes next, or a heartbeat; None once the gateway stops."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return await events.get()
    except TimeoutError:
        return b": still here\n\n"


def _only(request: web.BaseRequest, *methods: str) -> None:
    if request.method not in methods:
        raise MethodNotAllowed(methods)


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def error_response(error: GatewayError, call_id: str) -> web.Response:
    """Our refusal, with what client libraries need to know about trying again."""
    headers = {"x-fareway-request-id": call_id, "x-request-id": call_id}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.retryable is not None:
        headers["x-should-retry"] = "true" if error.retryable else "false"
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allowed)
    if isinstance(error, LimitReached):
        headers["x-fareway-budget-scope"] = error.refusal.node
        headers["x-fareway-limit-reason"] = error.refusal.reason
        if error.refusal.resets_at:
            headers["x-fareway-budget-reset"] = error.refusal.resets_at
    body = error_body(error, call_id)
    return web.Response(status=error.status, headers=headers, body=body, content_type="application/json")


def _provider_response(refused: ProviderRefused, call_id: str) -> web.Response:
    """The provider's own error, as it came."""
    headers = for_caller(refused.headers) | {"x-fareway-request-id": call_id}
    return web.Response(status=refused.status, headers=headers, body=refused.body)
