"""The journey of a call as OpenTelemetry hears of it: when it began and ended, and how. Only where traces are on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from gateway.config.settings import Settings
from gateway.core.errors import GatewayError
from gateway.front.exchange import Exchange
from gateway.journey.passage import Client
from gateway.journey.understanding import Call
from gateway.pipeline import Pipeline
from gateway.telemetry.otel.tracing import CONTENT_BYTES_MAX, Heard, Served, Tracing

Serve = Callable[[Call, Client], Awaitable[None]]


class Traced:
    """Serves calls as `serve` does. `content`: what is asked and answered is told, too."""

    def __init__(self, serve: Serve, tracing: Tracing, *, content: bool) -> None:
        self._serve = serve
        self._tracing = tracing
        self._content = content

    async def serve(self, call: Call, exchange: Exchange) -> None:
        """Answer the call. Raises what serving it raises."""
        tracing, trace = self._tracing, self._tracing.begin(call.id, call.headers)
        served = Served(call.id, exchange.path, trace, tracing.clock())
        client: Client = exchange
        if self._content and trace.sampled:
            served.heard = Heard(call.dialect, call.asked.body[: CONTENT_BYTES_MAX + 1])
            client = Overheard(exchange, served.heard)
        try:
            await self._serve(call, client)
        except GatewayError as error:
            served.status, served.error = 200 if exchange.begun else error.status, error.code
            raise
        except (ConnectionError, asyncio.CancelledError):
            served.status, served.error = 499, "hung_up"
            raise
        except BaseException:
            served.status, served.error = 500, GatewayError.code
            raise
        finally:
            served.ended = tracing.clock()
            tracing.tell(served)


def traced(settings: Settings, pipeline: Pipeline, tracing: Tracing | None) -> Traced | None:
    """What serves calls where they are traced."""
    if tracing is None or settings.otel is None:
        return None
    return Traced(pipeline.serve, tracing, content=settings.otel.content)


class Overheard:
    """A client whose answer is heard, too. See `Client`."""

    def __init__(self, client: Client, heard: Heard) -> None:
        self._client = client
        self._heard = heard
        self.origin, self.may_leave, self.stays = client.origin, client.may_leave, client.stays
        self.keep_up, self.finish = client.keep_up, client.finish

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """See `Client`."""
        self._heard.begin(headers, stream=True)
        await self._client.start(status, headers)

    async def write(self, chunk: bytes) -> None:
        """See `Client`."""
        self._heard.feed(chunk)
        await self._client.write(chunk)

    def offer(self, chunk: bytes) -> bool:
        """See `Client`."""
        self._heard.feed(chunk)
        return self._client.offer(chunk)

    async def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """See `Client`."""
        self._heard.begin(headers, stream=False)
        self._heard.feed(body)
        await self._client.respond(status, headers, body)
