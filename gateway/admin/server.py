"""The admin API as a web server: who may come in, what is read, and how it is refused."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.admin import (
    cache,
    dashboard,
    fleet,
    keys,
    limits,
    openapi,
    plans,
    prices,
    reports,
    spending,
    tenants,
    training,
)
from gateway.admin import documents as d
from gateway.admin.site import READING, Call, Route, Site
from gateway.core.caller import Key, Role
from gateway.core.errors import (
    BadRequest,
    BodyTooLarge,
    Forbidden,
    GatewayError,
    MethodNotAllowed,
    NotFound,
    UnsupportedEncoding,
)
from gateway.dashboard.door import API
from gateway.directory.actor import Actor
from gateway.front.call_ids import next_id
from gateway.stores.registry import Kind

BASE = "/admin/v1"
BODY_BYTES_MAX = 64 << 10
REQUEST_S_MAX = 30.0
"""For one request, its body included."""
STOP_S = 2.0

ROUTES: tuple[Route, ...] = (
    *(route for kind in (Kind.ORGS, Kind.TEAMS, Kind.USERS) for route in tenants.routes(kind)),
    *keys.ROUTES,
    *limits.ROUTES,
    *spending.ROUTES,
    *reports.ROUTES,
    *prices.ROUTES,
    *cache.ROUTES,
    *fleet.ROUTES,
    *plans.ROUTES,
    *training.ROUTES,
)

_CODES = {"unknown field": "unknown_field", "malformed": "invalid_json", "missing": "missing_field"}

_NO_HTTP = "The request is not valid HTTP, or its body is encoded in a way that is not taken."

log = logging.getLogger("fareway.admin")


@dataclass(frozen=True, slots=True)
class Listening:
    """An admin API that takes requests."""

    port: int
    runner: web.AppRunner
    server: asyncio.Server

    async def stop(self) -> None:
        """Take no more, and let what is under way end."""
        self.server.close()
        await self.runner.cleanup()


class _Line(web.RequestHandler):
    """One connection. What is no HTTP is answered as all else is, without a word of it here or in the log: there may be
    a key in it."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """See aiohttp."""
        if status >= 500 or request.writer.output_size:
            return super().handle_error(request, status, exc, message)
        call_id = next_id()
        answer = _named(_error(BadRequest(_NO_HTTP), call_id), call_id)
        answer.force_close()
        return answer


async def listen(site: Site, host: str, port: int, *, shared: bool) -> Listening:
    """Take requests, on a port that other processes share or not. Raises OSError."""
    runner = web.AppRunner(application(site), access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    loop, manager = asyncio.get_running_loop(), runner.server
    assert manager is not None
    try:
        server = await loop.create_server(
            # No log; and what is compressed is refused below, for whoever unpacks it has unpacked all of it.
            lambda: _Line(manager, loop=loop, access_log=None, auto_decompress=False),  # type: ignore[arg-type]
            host,
            port,
            reuse_port=shared or None,
        )
    except OSError as error:
        await runner.cleanup()
        said = f"the admin API at {host}:{port}: {error.strerror} (server.admin_port, or --admin-port)"
        raise OSError(error.errno, said) from error
    except BaseException:
        await runner.cleanup()
        raise
    return Listening(server.sockets[0].getsockname()[1], runner, server)


def application(site: Site) -> web.Application:
    """All routes, behind one door."""
    app = web.Application(middlewares=[_answered], client_max_size=BODY_BYTES_MAX)
    for route in ROUTES:
        app.router.add_route(route.method, BASE + route.path, _handler(site, route, _holder))
        app.router.add_route(route.method, API + route.path, _handler(site, route, dashboard.holder))
    dashboard.add_to(app, site)
    described = msgspec.json.encode(openapi.document(ROUTES, BASE))

    async def describe(request: web.Request) -> web.Response:
        _actor(_holder(site, request), READING)
        return _json(200, described)

    app.router.add_route("GET", f"{BASE}/openapi.json", describe)
    return app


def _handler(site: Site, route: Route, holder: dashboard.Holder) -> Handler:
    body_of = msgspec.json.Decoder(route.body) if route.body is not None else None

    async def handle(request: web.Request) -> web.Response:
        actor = _actor(holder(site, request), route.roles)
        query, body = _query(request, route), None
        if body_of is not None:
            body = _decoded(body_of, await _body(request))
            actor = _actor(holder(site, request), route.roles)  # Who was revoked while it came changes nothing.
        done = await route.handle(Call(site, actor, dict(request.match_info), body, query))
        return web.Response(status=204) if done is None else _json(route.status, msgspec.json.encode(done))

    return handle


def _holder(site: Site, request: web.Request) -> Key:
    """Who asks by a token. Raises Unauthorized, Forbidden or BadRequest."""
    shown = request.headers.getall("Authorization", [])
    if len(shown) > 1:
        raise BadRequest("Two Authorization headers were sent.")
    headers = dict.fromkeys(("authorization",), "".join(shown))
    return site.keyring.tenants.identify(headers, site.clock(), lambda: dashboard.address(site, request))


def _actor(key: Key, roles: frozenset[Role]) -> Actor:
    """The same, if that one may. Raises Forbidden."""
    if key.role not in roles:
        raise Forbidden(f"This takes a key whose role is {' or '.join(sorted(role.value for role in roles))}.")
    if key.role is Role.TEAM_ADMIN and not key.caller.team:
        raise Forbidden("This key is a team's admin's and belongs to no team.")
    return Actor.of_key(key)


def _query(request: web.Request, route: Route) -> Any:
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise BadRequest("This stands in the address twice.", name)
    if route.query is None:
        if request.query:
            raise _refused("This takes nothing in the query.", next(iter(request.query)), "unknown_field")
        return None
    try:
        return msgspec.convert(dict(request.query), route.query, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None


async def _body(request: web.Request) -> bytes:
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedEncoding("Send the body uncompressed.")
    return await request.read()


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(error) from None


def _invalid(error: Exception) -> BadRequest:
    """What msgspec says, with its place as a path."""
    text, _, place = str(error).partition(" - at `")
    path = place.removesuffix("`") or "$"
    if found := re.search(r"unknown field `(.*)`|missing required field `(.*)`", text):
        path = f"{path}.{found[1] or found[2]}"
    code = next((code for words, code in _CODES.items() if words in text), "invalid_value")
    if not isinstance(error, msgspec.ValidationError):
        text, code = f"This is not JSON: {text}", "invalid_json"
    return _refused(text, path, code)


def _refused(message: str, path: str, code: str) -> BadRequest:
    error = BadRequest(message, path)
    error.code = code
    return error


@web.middleware
async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever happens ends in an answer of ours, which no one keeps."""
    call_id = next_id()
    try:
        async with asyncio.timeout(REQUEST_S_MAX if request.path != dashboard.LIVE else None):
            response = await handler(request)
    except GatewayError as error:
        response = _error(error, call_id)
    except TimeoutError:
        response = _error(BadRequest("The request did not arrive, or could not be answered, in time."), call_id)
    except web.HTTPException as error:
        response = _error(_ours(error), call_id)
    except Exception:
        log.exception("unhandled error in admin request %s", call_id)
        response = _error(GatewayError("Something went wrong in the gateway."), call_id)
    return _named(response, call_id)


def _named(response: web.StreamResponse, call_id: str) -> web.StreamResponse:
    response.headers.update({"X-Request-Id": call_id, "Server": "fareway"})
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _ours(error: web.HTTPException) -> GatewayError:
    """What the web server refuses by itself."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return MethodNotAllowed(tuple(sorted(error.allowed_methods)))
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return BodyTooLarge(f"The body is larger than {BODY_BYTES_MAX} bytes.")
    if error.status == NotFound.status:
        return NotFound("There is nothing at this path. The dashboard is at /dashboard, the API below /admin/v1.")
    return BadRequest(_NO_HTTP)


def _error(error: GatewayError, call_id: str) -> web.Response:
    param = error.param if isinstance(error, BadRequest) else None
    code = "invalid_value" if param and error.code == BadRequest.code else error.code
    detail = d.ErrorDetail(code=code, message=str(error), param=param, request_id=call_id)
    response = _json(error.status, msgspec.json.encode(d.Error(error=detail)))
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.allowed)
    return response


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
