"""Whole answers over every edge: said to be none, or in the caller's dialect with the same tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fuzz.golden import answers
from fuzz.promises import mixed, same_tokens
from fuzz.targets.translate_request import utf8
from fuzz.targets.usage import quirks_of

from gateway.core.request import Asked
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Told
from gateway.translate.edges import EDGES

HEAD = 3
"""Which edge; which quirks; what the caller asked."""

JSON = True

ASKED = (
    b'{"model":"m","messages":[{"role":"user","content":"Hi"}],"input":"Hi","max_tokens":9}',
    b'{"model":"m","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":2000},"messages":[]}',
    b'{"model":"m","reasoning":{"effort":"high"},"input":"Hi"}',
    b'{"model":"m","messages":[],"contents":[],"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}',
    b'{"model":"m","messages":[],"max_tokens":9,"tools":[{"name":"look","input_schema":{}}]}',
    b'{"model":"m","input":[],"tools":[{"type":"function","name":"look"},{"type":"custom","name":"say"}]}',
)


def told(index: int, quirks: int, asked: int) -> Told:
    """The answer is to this call."""
    body = ASKED[asked % len(ASKED)]
    verb = "generateContent" if EDGES[index].inbound == "gemini" else ""
    return Told(Asked(body, model="m", verb=verb), "req_0000000000000001", 1_763_712_000, quirks_of(quirks))


def check(data: bytes) -> None:
    """See the module."""
    if len(data) < HEAD:
        return
    index, body = data[0] % len(EDGES), data[HEAD:]
    edge, about = EDGES[index], told(index, data[1], data[2])
    try:
        out = edge.answer(body, about)
    except ValueError:
        return
    if not utf8(body) or mixed(edge.outbound, body):
        return
    assert isinstance(json.loads(out), dict)
    report = DIALECTS[edge.outbound].report(body, about.quirks)
    meant = None if report.clamped else report.usage
    said = DIALECTS[edge.inbound].report(out, frozenset())
    if meant is not None and meant.tokens <= TOKENS_CREDIBLE_MAX:
        assert said.usage is not None
        assert said.clamped or same_tokens(said.usage, meant)


def seeds() -> Iterable[bytes]:
    """Every recorded answer."""
    for index, edge in enumerate(EDGES):
        for number, body in enumerate(answers(edge)):
            yield bytes((index, 0, number % len(ASKED))) + body
