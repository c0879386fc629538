"""The simulator as a web server: routes, keys, errors, and how it starts and stops."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.simulator import (
    anthropic,
    anthropic_request,
    bedrock,
    bedrock_request,
    gemini,
    gemini_request,
    openai_chat,
    openai_responses,
    openai_responses_request,
)
from gateway.simulator.calls import PROVIDER, Api, answering
from gateway.simulator.embeddings import embeddings
from gateway.simulator.errors import RefusedError, style_of
from gateway.simulator.openai_responses_kept import Kept
from gateway.simulator.provider import Provider
from gateway.simulator.recorded import Recordings
from gateway.simulator.settings import Settings

BODY_BYTES_MAX = 64 * 1024 * 1024
_ID_HEADERS = {"anthropic": "request-id", "aws": "x-amzn-requestid", "google": "x-gemini-request-id"}
SHUTDOWN_S = 0.2  # Calls that hang on purpose are not waited for.
_CREATED = 1_750_000_000
_SCHEMES = {"bearer", "aws4-hmac-sha256"}
_CHAT = Api("chatcmpl-", openai_chat.asked, openai_chat.Shape)
_MESSAGES = Api("msg_", anthropic_request.asked, anthropic.Shape)
_GEMINI = Api("", gemini_request.asked, gemini.Shape)
_CONVERSE = Api("", bedrock_request.asked, bedrock.ConverseShape)
_INVOKE = Api("msg_", bedrock_request.invoked, bedrock.InvokeShape)
_KEY_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")


@dataclass(frozen=True, slots=True)
class Running:
    """A simulator that listens. `url` has no path; SDKs want `{url}/v1`."""

    url: str
    runner: web.AppRunner

    async def stop(self) -> None:
        """Stop listening, cancel what still runs (and bill it), close the bill."""
        await self.runner.cleanup()


def build(settings: Settings) -> web.Application:
    """The application. Serve it with `handler_cancellation=True`, or aborted calls run on unnoticed."""
    app = web.Application(middlewares=[_in_shape, _with_key], client_max_size=BODY_BYTES_MAX)
    app[PROVIDER] = Provider(settings)
    app.router.add_post("/v1/chat/completions", answering(_CHAT))
    app.router.add_post("/v1/messages", answering(_MESSAGES))
    app.router.add_post("/v1/messages/count_tokens", anthropic.count_tokens)
    _add_responses(app.router)
    for version in ("v1", "v1beta"):
        base = f"/{version}/models/{{model:[^/:]+}}"
        app.router.add_post(f"{base}:{{verb:generateContent|streamGenerateContent}}", answering(_GEMINI))
        app.router.add_post(f"{base}:countTokens", gemini.count_tokens)
    app.router.add_post("/v1/embeddings", embeddings)
    for base in ("/model/{model:.+}", "/v1/model/{model:.+}"):
        app.router.add_post(f"{base}/{{verb:converse|converse-stream}}", answering(_CONVERSE))
        app.router.add_post(f"{base}/{{verb:invoke|invoke-with-response-stream}}", answering(_INVOKE))
    app.router.add_get("/v1/models", _models)
    if settings.recorded is not None:
        replay = Recordings(settings.recorded).answer
        app.router.add_post("/recorded/{name}/{path:.*}", replay)
    app.on_response_prepare.append(_name_request)
    app.cleanup_ctx.append(_closing)
    return app


def _add_responses(router: web.UrlDispatcher) -> None:
    kept = Kept()
    asked = partial(openai_responses_request.asked, kept=kept)
    router.add_post("/v1/responses", answering(Api("resp_", asked, partial(openai_responses.Shape, kept=kept))))
    router.add_post("/v1/responses/input_tokens", openai_responses_request.count_tokens)
    kept.add_to(router)


async def start(settings: Settings, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Listen, on a free port if `port` is 0. Raises OSError if that cannot be."""
    return await listen(build(settings), host, port)


async def listen(app: web.Application, host: str, port: int) -> Running:
    """The same for any application."""
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return Running(f"http://{host}:{runner.addresses[0][1]}", runner)


def run(settings: Settings, host: str = "127.0.0.1", port: int = 8081) -> None:
    """Listen until the process is told to stop."""
    web.run_app(
        build(settings), host=host, port=port, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S, access_log=None
    )


async def _models(request: web.Request) -> web.Response:
    names = request.app[PROVIDER].settings.models
    listed = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "sim"} for name in names]
    return web.json_response({"object": "list", "data": listed})


@web.middleware
async def _in_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusedError as refused:
        return _refusal(refused, request.path)
    except web.HTTPError as error:
        return _refusal(RefusedError(error.status, f"{error.reason}: {request.method} {request.path}"), request.path)
    except ConnectionResetError:
        # Nobody is there to read it, and the server would report what is raised as a failure of its own.
        return web.Response()


def _refusal(refused: RefusedError, path: str) -> web.Response:
    style = style_of(path)
    return web.json_response(refused.body(style), status=refused.status, headers=refused.headers(style))


@web.middleware
async def _with_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    shown = scheme.lower() in _SCHEMES and key.strip()
    if not shown and not any(request.headers.get(name) for name in _KEY_HEADERS):
        raise RefusedError(401, "You didn't provide an API key: send Authorization: Bearer <key>.", "invalid_api_key")
    return await handler(request)


async def _name_request(request: web.Request, response: web.StreamResponse) -> None:
    response.headers[_ID_HEADERS.get(style_of(request.path), "x-request-id")] = f"req_{uuid.uuid4().hex}"


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    app[PROVIDER].close()
