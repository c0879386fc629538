"""The plainest proxy in aiohttp, as a yardstick: no keys, no limits, no prices, no books."""

from __future__ import annotations

import sys

import aiohttp
import uvloop
from aiohttp import web

UPSTREAM = sys.argv[2]


async def handle(request: web.Request) -> web.Response:
    async with request.app["session"].post(
        UPSTREAM, data=await request.read(), headers={"content-type": "application/json", "authorization": "Bearer x"}
    ) as answer:
        body = await answer.read()
        return web.Response(body=body, status=answer.status, headers={"content-type": "application/json"})


async def make() -> web.Application:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handle)
    app["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)
    return app


uvloop.install()
web.run_app(make(), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
