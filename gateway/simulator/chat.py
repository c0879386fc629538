"""POST /v1/chat/completions, from the body to the last byte, faults included."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
import uuid
from dataclasses import dataclass

from aiohttp import web

from gateway.simulator import faults, shapes
from gateway.simulator.answers import compose
from gateway.simulator.bill import Tab
from gateway.simulator.bodies import Chat, read
from gateway.simulator.errors import error_body
from gateway.simulator.faults import Orders
from gateway.simulator.pace import Pace
from gateway.simulator.provider import Provider, caller

PROVIDER = web.AppKey("provider", Provider)
_PAGE = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_EVENTS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
_ERROR = error_body("The server had an error while processing your request.", 500)
_RESET = struct.pack("ii", 1, 0)  # Linger for no time: closing sends a reset instead of an end.


@dataclass(frozen=True, slots=True)
class Call:
    """One call that is being answered."""

    request: web.Request
    said: shapes.Said
    pace: Pace
    tab: Tab


async def chat(request: web.Request) -> web.StreamResponse:
    """Answer one chat completion, or go wrong as told."""
    provider = request.app[PROVIDER]
    asked = read(Chat, await request.read())
    rates = provider.rates(asked.model)
    header = request.headers.get("x-sim")
    orders = faults.read(header, asked.last_said)
    provider.maybe_fail(orders, f"{header} {asked.last_said}")
    if orders.garbage:
        return garbage()
    chance = provider.chance(asked, orders)
    mean = provider.settings.output_tokens
    prompt = await provider.measure(asked)
    answer = await compose(asked, orders, mean_tokens=mean, reasons=rates.reasons, chance=chance)
    call_id = f"chatcmpl-{uuid.uuid4().hex}"
    said = shapes.Said(call_id, int(time.time()), asked, orders, answer, prompt.tokens, prompt.cached)
    who = caller(request.headers)
    with provider.bill.tab(call_id, asked.model, rates, prompt.tokens, prompt.cached, answer.tokens, who) as tab:
        await stall(orders)
        call = Call(request, said, provider.pace(orders, chance), tab)
        return await (_streamed(call) if asked.stream else _whole(call))


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
    return web.json_response(shapes.completion(call.said))


async def _streamed(call: Call) -> web.StreamResponse:
    """The answer token by token, each one an event."""
    response = web.StreamResponse(headers=_EVENTS)
    await response.prepare(call.request)
    chunks = shapes.Chunks(call.said)
    await _think(call)
    await response.write(chunks.opening())
    how, after = call.said.orders.stop or ("", call.said.answer.tokens)
    left = after
    for tick, chunk in chunks.tokens():
        if left == 0:
            break
        await call.pace.until(tick)
        await response.write(chunk)
        call.tab.completion_tokens += 1
        left -= 1
    if how:
        await _stop(call, how, response)
    else:
        call.tab.close("complete")
        await response.write(chunks.ending())
    await response.write_eof()
    return response


async def _think(call: Call) -> None:
    """Wait for the first visible token. Tokens of thinking count as they come."""
    answer, tab = call.said.answer, call.tab
    try:
        await call.pace.until(answer.hidden)
    finally:
        tab.completion_tokens = call.pace.reached(answer.hidden) * len(answer.choices)


async def _stop(call: Call, how: str, response: web.StreamResponse | None) -> None:
    """End the answer before its time. What was generated until then is billed."""
    call.tab.close({"cut": "cut", "eof": "eof", "hang_after": "hang", "error_after": "error"}[how])
    if how == "cut":
        _reset(call.request)
    if how == "hang_after":
        await _forever()
    if how == "error_after" and response is not None:
        await response.write(f"data: {json.dumps(_ERROR)}\n\n".encode())


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
