"""Calls over every edge: refused by name, or sent as what the provider's own dialect reads, with nothing that costs
money lost on the way."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fuzz.golden import requests
from fuzz.targets.usage import quirks_of
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Facts
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Losses, Target
from gateway.translate.edges import EDGES

HEAD = 4
"""Which edge; whether losses are allowed, and a stream asked for; which model; which quirks."""

JSON = True
INVOKE = "bedrock-invoke"

LOSSY, STREAM = 1, 2
OUTPUT_TOKENS_MAX = 64_000
MODELS = (
    *("gpt-5.4", "gpt-4.1", "deepseek-reasoner", "kimi-k2", "gemini-3-pro", "gemini-2.5-flash", "o4-mini", "m"),
    *(
        "claude-opus-4-7",
        "claude-sonnet-4-5",
        "claude-3-haiku-20240307",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ),
    *(
        "us.amazon.nova-pro-v1:0",
        "amazon.nova-2-lite-v1:0",
        "openai.gpt-oss-120b-1:0",
        "meta.llama3-1-8b-instruct-v1:0",
    ),
)


def asked_of(inbound: str, body: bytes, how: int) -> Asked:
    """The call as the caller sends it."""
    if inbound != "gemini":
        return Asked(body)
    return Asked(body, model="m", verb="streamGenerateContent" if how & STREAM else "generateContent", query="alt=sse")


def utf8(said: bytes) -> bool:
    """Whether it is."""
    try:
        said.decode()
    except UnicodeDecodeError:
        return False
    return True


def check(data: bytes) -> None:
    """See the module."""
    if len(data) < HEAD:
        return
    edge = EDGES[data[0] % len(EDGES)]
    model, quirks = MODELS[data[2] % len(MODELS)], quirks_of(data[3])
    asked = asked_of(edge.inbound, data[HEAD:], data[1])
    losses = Losses(allowed=bool(data[1] & LOSSY))
    try:
        facts = DIALECTS[edge.inbound].read(asked)
        most = OUTPUT_TOKENS_MAX if facts.output_tokens_max is None else min(facts.output_tokens_max, OUTPUT_TOKENS_MAX)
        sent = edge.request(asked, Target(model, most, quirks), losses)
    except (BadRequest, RecursionError, UnicodeDecodeError):
        return
    if utf8(asked.body):  # What is none in a part that is carried as it is, the provider refuses.
        assert isinstance(json.loads(sent.body), dict)
    lens = DIALECTS[edge.outbound]
    try:
        read = lens.read(sent)
    except BadRequest:  # Nothing is left that could be sent, such as a message without a part.
        return
    if edge.outbound == INVOKE:  # Its lens takes the largest of all vendors' names, which Claude does not know.
        read = replace(read, choices=min(read.choices, facts.choices))
    _nothing_lost(facts, read, most, lossy=bool(losses.dropped))
    assert read.model == model
    lens.aim(sent, model, read)
    lens.countable(sent)
    assert all(isinstance(field, str) for field in losses.dropped)


def _nothing_lost(facts: Facts, sent: Facts, most: int, *, lossy: bool) -> None:
    """What decides about money is the same there."""
    assert sent.stream == facts.stream
    assert sent.choices == facts.choices or (lossy and sent.choices < facts.choices)
    if facts.output_tokens_max is not None:
        assert sent.output_tokens_max is not None
        assert sent.output_tokens_max >= most or lossy


def seeds() -> Iterable[bytes]:
    """Every recorded request, to one model after the other."""
    number = 0
    for index, edge in enumerate(EDGES):
        for body in requests(edge):
            number += 1
            yield bytes((index, number % 4, number * 5 % len(MODELS), number % 64 if number % 3 == 0 else 0)) + body
