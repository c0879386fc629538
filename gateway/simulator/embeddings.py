"""POST /v1/embeddings: vectors that depend on the text alone."""

from __future__ import annotations

import base64
import math
import struct
import uuid
from hashlib import shake_256

from aiohttp import web

from gateway.core.request import Countable
from gateway.simulator import faults
from gateway.simulator.bill import Prompt
from gateway.simulator.bodies import Embeddings, read
from gateway.simulator.calls import PROVIDER, garbage, stall
from gateway.simulator.errors import RefusedError
from gateway.simulator.provider import Provider, caller

DIMENSIONS = 256
INPUTS_MAX = 2048


async def embeddings(request: web.Request) -> web.Response:
    """Answer one call. Texts, lists of texts, and tokens are taken, as at OpenAI."""
    provider = request.app[PROVIDER]
    asked = read(Embeddings, await request.read())
    rates = provider.rates(asked.model)
    inputs = _inputs(asked)
    text = inputs[-1] if isinstance(inputs[-1], str) else ""
    header = request.headers.get("x-sim")
    orders = faults.read(header, text)
    provider.maybe_fail(orders, f"{header} {text}")
    if orders.garbage:
        return garbage()
    tokens = await _count(provider, inputs, asked.model)
    who = caller(request.headers)
    with provider.bill.tab(f"embd-{uuid.uuid4().hex}", asked.model, rates, Prompt(tokens), 0, who) as tab:
        await stall(orders)
        tab.close("complete")
        return web.json_response(_body(asked, inputs, tokens))


def vector(text: str | list[int], dimensions: int) -> list[float]:
    """A direction of length one."""
    drawn = shake_256(repr(text).encode("utf-8", "backslashreplace")).digest(2 * dimensions)
    raw = [number - 32767.5 for number in struct.unpack(f"<{dimensions}H", drawn)]
    length = math.hypot(*raw)
    return [number / length for number in raw]


def _body(asked: Embeddings, inputs: list[str | list[int]], tokens: int) -> dict[str, object]:
    dimensions = asked.dimensions or DIMENSIONS
    vectors = [_encoded(vector(text, dimensions), asked.encoding_format) for text in inputs]
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": place, "embedding": v} for place, v in enumerate(vectors)],
        "model": asked.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _encoded(numbers: list[float], form: str | None) -> list[float] | str:
    if form == "base64":
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    return numbers


async def _count(provider: Provider, inputs: list[str | list[int]], model: str) -> int:
    texts = tuple(text for text in inputs if isinstance(text, str))
    counted = sum(len(text) for text in inputs if not isinstance(text, str))
    return counted + await provider.tokens.count(Countable(texts=texts), model)


def _inputs(asked: Embeddings) -> list[str | list[int]]:
    if isinstance(asked.input, str):
        return [asked.input]
    if asked.input and all(isinstance(item, int) for item in asked.input):
        return [asked.input]
    texts = all(isinstance(item, str) for item in asked.input)
    tokens = all(isinstance(item, list) and all(isinstance(t, int) for t in item) for item in asked.input)
    if not (texts or tokens) or not 0 < len(asked.input) <= INPUTS_MAX:
        raise RefusedError(400, "'$.input' is invalid.", param="input")
    return asked.input
