"""The simulated vLLM as a web server, with faults to order and a notice of interruption for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.simulator import engine_chat
from gateway.simulator.engine import Engine, EngineSettings
from gateway.simulator.engine_chat import Talk, error
from gateway.simulator.engine_loop import EngineDead, EngineLoop
from gateway.simulator.engine_metrics import CONTENT_TYPE, EngineMetrics
from gateway.simulator.errors import RefusedError
from gateway.simulator.said import EVENTS
from gateway.simulator.server import BODY_BYTES_MAX, Running, listen
from gateway.tokens import bpe
from gateway.tokens.families import O200K

VERSION = "0.32.0"  # Of vLLM, that it is like.
NOTICE_PATH = "/latest/meta-data/spot/instance-action"
"""Where AWS says that a spot instance is about to be taken away: 404 while it is not.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html."""
NOTICE_S = 120  # So long before it is.
_KINDS = {400: "BadRequestError", 404: "NotFoundError"}


@dataclass(frozen=True, slots=True)
class EngineServerSettings:
    """What it serves, and how. Raises ValueError for what makes no sense."""

    model: str = "sim-8b"
    engine: EngineSettings = EngineSettings()
    speed: float = 1.0  # How many seconds of the engine pass in one of the world.
    seed: int = 0
    output_tokens: int = 60  # Mean length of an answer; single ones are 0.5 to 1.5 times as long.

    def __post_init__(self) -> None:
        if self.speed <= 0 or self.output_tokens < 1:
            raise ValueError("an engine's speed is more than 0, and an answer has at least one token")


class _Server:
    def __init__(self, settings: EngineServerSettings) -> None:
        self.settings = settings
        engine = Engine(settings.engine)
        self.loop = EngineLoop(engine, EngineMetrics(engine, settings.model), settings.speed)
        self.created = int(time.time())
        self.notice: dict[str, str] | None = None

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self.chat),
            web.get("/v1/models", self.models),
            web.get("/version", self.version),
            web.get("/health", self.health),
            web.get("/metrics", self.metrics),
            web.get(NOTICE_PATH, self.noticed),
            web.post("/sim/notice", self.give_notice),
            web.delete("/sim/notice", self.withdraw_notice),
            web.post("/sim/fault", self.fault),
        ]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        settings = self.settings
        talk = await engine_chat.talk(
            await request.read(), settings.engine, seed=settings.seed, output_tokens=settings.output_tokens
        )
        if talk.asked.model != settings.model:
            raise RefusedError(404, f"The model `{talk.asked.model}` does not exist.", param="model")
        return await (self._streamed(request, talk) if talk.asked.stream else self._whole(talk))

    async def _whole(self, talk: Talk) -> web.Response:
        async with self.loop.tokens(talk.jobs) as made:
            async for _ in made:
                pass
        return web.json_response(engine_chat.whole(talk))

    async def _streamed(self, request: web.Request, talk: Talk) -> web.StreamResponse:
        sent: dict[int, int] = {}
        async with self.loop.tokens(talk.jobs) as made:
            response = web.StreamResponse(headers={"content-type": EVENTS})
            await response.prepare(request)
            try:
                async for place, tokens in made:
                    if not sent:
                        await response.write(engine_chat.opening(talk))
                    await response.write(engine_chat.pieces(talk, place, sent.get(place, 0), tokens))
                    sent[place] = tokens
                await response.write(engine_chat.ending(talk))
            except EngineDead as dead:
                await response.write(engine_chat.failure(str(dead)))
        await response.write_eof()
        return response

    async def models(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(engine_chat.listed(self.settings.model, self.settings.engine, self.created))

    async def version(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"version": VERSION})

    async def health(self, request: web.Request) -> web.Response:
        del request
        return web.Response(status=503 if self.loop.dead else 200)

    async def metrics(self, request: web.Request) -> web.Response:
        del request
        return web.Response(body=self.loop.metrics.page(), headers={"content-type": CONTENT_TYPE})

    async def noticed(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self.notice) if self.notice else web.Response(status=404)

    async def give_notice(self, request: web.Request) -> web.Response:
        del request
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + NOTICE_S))
        self.notice = {"action": "terminate", "time": when}
        return web.json_response(self.notice)

    async def withdraw_notice(self, request: web.Request) -> web.Response:
        """The machine stays, as no cloud has ever said: for trying it again."""
        del request
        self.notice = None
        return web.Response(status=204)

    async def fault(self, request: web.Request) -> web.Response:
        """`?slow=5` takes five times as long, `?stall` says nothing more, `?oom` fails; without any it is mended."""
        slow = request.query.get("slow", "1")
        if not slow.replace(".", "", 1).isdecimal():
            raise RefusedError(400, "slow is a number: steps take so many times as long.", param="slow")
        self.loop.mend()
        self.loop.engine.slowdown = float(slow)
        self.loop.stalled = "stall" in request.query
        if "oom" in request.query:
            self.loop.die("CUDA out of memory.")
        return web.json_response(dict(request.query))


def build_engine(settings: EngineServerSettings) -> web.Application:
    """The application. Serve it with `handler_cancellation=True`, or aborted calls run on unnoticed."""
    server = _Server(settings)
    app = web.Application(middlewares=[_in_shape], client_max_size=BODY_BYTES_MAX)
    app.add_routes(server.routes())

    async def running(app: web.Application) -> AsyncIterator[None]:
        del app
        await asyncio.to_thread(bpe.encoding, O200K)  # Or the first call would wait for it.
        work = asyncio.create_task(server.loop.run())
        yield
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    app.cleanup_ctx.append(running)
    return app


async def start_engine(settings: EngineServerSettings, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Listen, on a free port if `port` is 0. Raises OSError if that cannot be."""
    return await listen(build_engine(settings), host, port)


@web.middleware
async def _in_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refused:
        body = error(str(refused), refused.status, _KINDS.get(refused.status, "BadRequestError"), refused.param)
        return web.json_response(body, status=refused.status)
    except EngineDead as dead:
        return web.json_response(error(str(dead), 500, "InternalServerError"), status=500)
    except ConnectionResetError:
        return web.Response()  # Nobody is there to read it.
