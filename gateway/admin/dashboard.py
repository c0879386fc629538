"""The dashboard beside the admin API: its files, its sessions, and the same routes for whoever is logged in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from aiohttp import web

from gateway.admin.site import Site
from gateway.core.caller import Key
from gateway.core.errors import Unavailable
from gateway.dashboard.door import API, BASE, SESSION, Asked
from gateway.dashboard.files import SAFE
from gateway.front.events import while_seen
from gateway.front.forwarded import origin
from gateway.telemetry.live import TooManyWatchers

LIVE = f"{API}/live"

HEARTBEAT_S = 2.0
"""Whoever has left is noticed by writing."""

Holder = Callable[[Site, web.Request], Key]


def add_to(app: web.Application, site: Site) -> None:
    """What there is below /dashboard beside its API."""

    async def doors(request: web.Request) -> web.Response:
        body = await request.read() if request.method == "POST" else b""
        answer = site.door.answer(_asked(site, request, body))
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def live(request: web.Request) -> web.StreamResponse:
        return await _live(site, request)

    app.router.add_route("GET", LIVE, live)
    app.router.add_route("*", SESSION, doors)
    app.router.add_route("*", BASE, doors)
    app.router.add_route("*", f"{BASE}/{{name:.*}}", doors)


def holder(site: Site, request: web.Request) -> Key:
    """Who asks the API by a session. Raises Unauthorized or Forbidden."""
    return site.door.key(_asked(site, request))


def address(site: Site, request: web.Request) -> str:
    """Where a request comes from."""
    forwarded = ", ".join(request.headers.getall("X-Forwarded-For", []))
    return origin(request.remote or "", forwarded, site.trusted_proxies)


async def _live(site: Site, request: web.Request) -> web.StreamResponse:
    key = holder(site, request)
    who, everything = partial(holder, site, request), key.sees_all
    response = web.StreamResponse(headers=SAFE | {"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    try:
        async with site.together.watch(key.id, everything=everything) as events:
            await response.prepare(request)
            await response.write(b": watching\n\n")
            async for event in while_seen(events, who, everything=everything, heartbeat_s=HEARTBEAT_S):
                await response.write(event)
    except TooManyWatchers:
        raise Unavailable("Too many are watching.") from None
    except ConnectionError:
        pass
    return response


def _asked(site: Site, request: web.Request, body: bytes = b"") -> Asked:
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Asked(request.method, request.path, headers, lambda: address(site, request), body)
