"""One call of any API, from the body to the last byte, faults included."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.simulator import faults
from gateway.simulator.answers import compose
from gateway.simulator.asked import Asked
from gateway.simulator.bill import Tab
from gateway.simulator.errors import understanding
from gateway.simulator.faults import Orders
from gateway.simulator.pace import Pace
from gateway.simulator.provider import Provider, caller
from gateway.simulator.said import Said, Shape

PROVIDER = web.AppKey("provider", Provider)
_PAGE = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_RESET = struct.pack("ii", 1, 0)  # Linger for no time: closing sends a reset instead of an end.


@dataclass(frozen=True, slots=True)
class Api:
    """One way to ask, and the shape of the answer. Reading gets the body and what the path and its query say."""

    prefix: str  # Of the ids of answers.
    read: Callable[[bytes, Mapping[str, str]], Asked]
    shape: Callable[[Said], Shape]


@dataclass(frozen=True, slots=True)
class Call:
    """One call that is being answered."""

    request: web.Request
    said: Said
    shape: Shape
    pace: Pace
    tab: Tab


def answering(api: Api) -> Handler:
    """What answers calls of one API, or goes wrong as told."""

    async def answer(request: web.Request) -> web.StreamResponse:
        provider = request.app[PROVIDER]
        body = await request.read()
        with understanding():
            asked = api.read(body, {**request.query, **request.match_info})
        rates = provider.rates(asked.model)
        header = request.headers.get("x-sim")
        orders = faults.read(header, asked.orders)
        provider.maybe_fail(orders, f"{header} {asked.orders}")
        if orders.garbage:
            return garbage()
        chance = provider.chance(asked, orders)
        mean = provider.settings.output_tokens
        prompt = await provider.measure(asked)
        with understanding():
            answer = await compose(asked, orders, mean_tokens=mean, reasons=rates.reasons, chance=chance)
        said = Said(f"{api.prefix}{uuid.uuid4().hex}", int(time.time()), asked, orders, answer, prompt)
        who = caller(request.headers)
        with provider.bill.tab(said.id, asked.model, rates, prompt, answer.tokens, who) as tab:
            await stall(orders)
            call = Call(request, said, api.shape(said), provider.pace(orders, chance), tab)
            return await (_streamed(call) if asked.stream else _whole(call))

    return answer


def garbage() -> web.Response:
    """What a proxy on the way might answer: success, and a page that says otherwise."""
    return web.Response(text=_PAGE, content_type="text/html")


async def stall(orders: Orders) -> None:
    """Keep the caller waiting for the first byte: for a while, or for ever."""
    if orders.hang:
        await _forever()
    if orders.slow_headers:
        await asyncio.sleep(orders.slow_headers)


async def _whole(call: Call) -> web.Response:
    """The answer in one piece, once its last token is there."""
    answer, tab = call.said.answer, call.tab
    how, after = call.said.orders.stop or ("", 0)
    early = how in {"cut", "hang_after"}
    ticks = min(after, answer.ticks) if early else answer.ticks
    try:
        await call.pace.until(max(0, ticks - 1))
    finally:
        tab.completion_tokens = min(call.pace.reached(ticks) * len(answer.choices), answer.tokens)
    if early:
        await _stop(call, how, None)
    tab.close("complete")
    return web.json_response(call.shape.whole())


async def _streamed(call: Call) -> web.StreamResponse:
    """The answer token by token."""
    shape = call.shape
    response = web.StreamResponse(headers={"content-type": shape.content_type, "cache-control": "no-cache"})
    await response.prepare(call.request)
    await _think(call)
    await response.write(shape.opening())
    how, after = call.said.orders.stop or ("", call.said.answer.tokens)
    left = after
    for tick, piece in shape.tokens():
        if left == 0:
            break
        await call.pace.until(tick)
        await response.write(piece)
        call.tab.completion_tokens += 1
        left -= 1
    if how:
        await _stop(call, how, response)
    else:
        call.tab.close("complete")
        await response.write(shape.ending())
    await response.write_eof()
    return response


async def _think(call: Call) -> None:
    """Wait for the first visible token. Tokens of thinking count as they come."""
    answer, tab, silent = call.said.answer, call.tab, call.said.silent
    try:
        await call.pace.until(silent)
    finally:
        tab.completion_tokens = call.pace.reached(silent) * len(answer.choices)


async def _stop(call: Call, how: str, response: web.StreamResponse | None) -> None:
    """End the answer before its time. What was generated until then is billed."""
    call.tab.close({"cut": "cut", "eof": "eof", "hang_after": "hang", "error_after": "error"}[how])
    if how == "cut":
        _reset(call.request)
    if how == "hang_after":
        await _forever()
    if how == "error_after" and response is not None:
        await response.write(call.shape.failure())


def _reset(request: web.Request) -> None:
    """Break the connection off, as a crash of the provider would. Raises ConnectionResetError, always."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    raise ConnectionResetError("cut as told")


async def _forever() -> None:
    """Until the client gives up or the server stops, either of which cancels the handler."""
    await asyncio.Event().wait()
