"""What each dialect reads from a call and writes back: refused by name, or the same call for another model, with every
cap that was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fuzz.golden import requests
from fuzz.targets.translate_request import utf8
from fuzz.targets.usage import NAMES, quirks_of

from gateway.core.errors import BadRequest, GatewayError
from gateway.core.request import Asked, Facts
from gateway.dialects.base import Dialect
from gateway.dialects.caps import cap_min, capped
from gateway.dialects.openai_chat import CHOICES_MAX
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edges import EDGES
from gateway.translate.refused import message_of

HEAD = 3
"""Which dialect; which quirks; what the path says."""

JSON = True

FORM = b"boundary-of-the-form"
VERBS = {
    "gemini": ("generateContent", "streamGenerateContent"),
    "gemini-embeddings": ("embedContent", "batchEmbedContents"),
}
VERBS |= {
    "bedrock-converse": ("converse", "converse-stream"),
    "bedrock-invoke": ("invoke", "invoke-with-response-stream"),
}
CAP = 77


def check(data: bytes) -> None:
    """See the module."""
    if len(data) < HEAD:
        return
    name = NAMES[data[0] % len(NAMES)]
    dialect, asked = DIALECTS[name], _asked(name, data[2], data[HEAD:])
    message_of(asked.body)
    try:
        facts = dialect.read(asked)
    except BadRequest:
        return
    _credible(facts)
    dialect.countable(asked)
    try:
        aimed = dialect.aim(asked, "another-model", facts).body
    except BadRequest:  # Such as a name that stands there twice, which is only seen here.
        return
    if not asked.model and _is_json(asked):
        assert json.loads(aimed)["model"] == "another-model"
    _capped(name, dialect, asked, data[1])
    error = GatewayError("x")
    dialect.error(error, "req_1")
    dialect.stream_error(error, "req_1")


def _asked(name: str, choice: int, body: bytes) -> Asked:
    verbs = VERBS.get(name)
    form = f"multipart/form-data; boundary={FORM.decode()}" if choice & 4 else "application/json"
    if verbs is None:
        return Asked(body, content_type=form)
    return Asked(body, model="m", verb=verbs[choice % 2], query="alt=sse" if choice & 8 else "")


def _is_json(asked: Asked) -> bool:
    return asked.content_type == "application/json" and utf8(asked.body)


def _credible(facts: Facts) -> None:
    """Within bounds that every book can hold."""
    assert facts.output_tokens_max is None or 0 <= facts.output_tokens_max < 1 << 53
    assert 1 <= facts.choices <= max(CHOICES_MAX, 4096)
    assert facts.images >= 0
    assert facts.files >= 0
    assert facts.input_tokens_max is None or facts.input_tokens_max >= 0
    assert 0 < len(facts.model) <= 256


def _capped(name: str, dialect: Dialect, asked: Asked, choice: int) -> None:
    """The same call with less output reads as one with that cap."""
    try:
        cap_min(name, asked.body)
        body = capped(name, asked.body, CAP, quirks_of(choice))
    except BadRequest:
        return
    if body is None or not _is_json(asked):
        return
    facts = dialect.read(Asked(body, asked.model, asked.verb, asked.query))
    if facts.output_tokens_max is None:  # InvokeModel's vendors may take as a cap what the lens does not: 64.0.
        assert name == "bedrock-invoke"
    else:
        assert facts.output_tokens_max <= CAP


def seeds() -> Iterable[bytes]:
    """Recorded calls, a form, and one call for each dialect."""
    for index, edge in enumerate(EDGES):
        for number, body in enumerate(requests(edge)):
            if number % 5 == index % 5:
                yield bytes((NAMES.index(edge.inbound), number % 64, number % 2)) + body
    for number, name in enumerate(NAMES):
        yield bytes((number, 0, 0)) + _ASKED.get(
            name, b'{"model":"m","input":"Hi","prompt":"Hi","query":"Hi","documents":["a"]}'
        )
    part = b'--%b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    form = part % (FORM, b"model", b"", b"whisper-1") + part % (FORM, b"file", b'; filename="a.wav"', b"RIFF1234WAVE")
    yield bytes((NAMES.index("openai-transcriptions"), 0, 4)) + form + b"--%b--\r\n" % FORM
    yield (
        bytes((NAMES.index("openai-images"), 0, 4)) + form + part % (FORM, b"prompt", b"", b"x") + b"--%b--\r\n" % FORM
    )


_TURNS = b'"contents":[{"role":"user","parts":[{"text":"Hi"},{"inlineData":{"mimeType":"image/png","data":"iVBO"}}]}]'
_ASKED = {
    "cohere-chat": b'{"model":"m","messages":[{"content":"Hi"}],"max_tokens":9,"thinking":{"token_budget":5}}',
    "gemini-count-tokens": b'{"generateContentRequest":{"model":"models/m",' + _TURNS + b"}}",
    "gemini-embeddings": b'{"requests":[{"model":"m","content":{"parts":[{"text":"Hi"}]}}],"content":{}}',
    "bedrock-converse": b'{"messages":[{"role":"user","content":[{"text":"Hi"},{"toolResult":{"content":[{}]}}]}],'
    b'"inferenceConfig":{"maxTokens":9},"additionalModelRequestFields":{"thinking":{"budget_tokens":5},"max_tokens":8}}',
    "bedrock-invoke": b'{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[],"textGenerationConfig":'
    b'{"maxTokenCount":9},"inferenceConfig":{"max_new_tokens":"5"}}',
    "anthropic-count-tokens": b'{"model":"m","messages":[{"content":[{"type":"document","source":{"type":"url"}}]}]}',
    "openai-images": b'{"model":"m","prompt":"x","n":2,"size":"1024x1024","quality":"high"}',
    "openai-speech": b'{"model":"m","input":"Hi","voice":"alloy","stream_format":"sse"}',
    "cohere-rerank": b'{"model":"m","query":"q","documents":["a",{"text":"b"}],"max_tokens_per_doc":9}',
}
