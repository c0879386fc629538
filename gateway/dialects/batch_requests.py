"""A batch as it is asked for: which calls it holds, each in the dialect of ordinary ones.

OpenAI's calls are the lines of a file (https://platform.openai.com/docs/guides/batch), Anthropic's stand in the request
itself (https://platform.claude.com/docs/en/build-with-claude/batch-processing).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from gateway.core.errors import BadRequest
from gateway.dialects import splice
from gateway.dialects.validate import decode

ENDPOINTS = {
    "/v1/chat/completions": "openai-chat",
    "/v1/responses": "openai-responses",
    "/v1/embeddings": "openai-embeddings",
    "/v1/completions": "openai-completions",
}
"""Of OpenAI's batches, those whose cost is known beforehand and read from results; and what is spoken there."""

ANTHROPICS = "anthropic-messages"

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class BatchCall(NamedTuple):
    """One call of a batch."""

    where: str  # As errors name it: "line 3", "requests[2].params".
    dialect: str
    body: bytes


class BatchAsked(NamedTuple):
    """OpenAI's request to begin a batch."""

    file: str
    endpoint: str


class _Create(msgspec.Struct):
    input_file_id: str
    endpoint: str


class _Line(msgspec.Struct):
    method: str
    url: str
    body: msgspec.Raw


class _Request(msgspec.Struct):
    params: msgspec.Raw


class _Requests(msgspec.Struct):
    requests: list[_Request]


_creates = msgspec.json.Decoder(_Create)
_lines = msgspec.json.Decoder(_Line)
_requests = msgspec.json.Decoder(_Requests)
_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_each = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def is_id(text: str) -> bool:
    """Whether this can be the id of a file or a batch: it becomes a part of a path."""
    return _ID.fullmatch(text) is not None


def read_openai(body: bytes) -> BatchAsked:
    """What `POST /v1/batches` asks. Raises BadRequest."""
    asked = decode(_creates, body)
    splice.refuse_twins(body, ("input_file_id", "endpoint"))
    if asked.endpoint not in ENDPOINTS:
        raise BadRequest(f"endpoint must be one of {', '.join(ENDPOINTS)}: no other can be metered", "endpoint")
    if not is_id(asked.input_file_id):
        raise BadRequest("input_file_id must be the id of a file", "input_file_id")
    return BatchAsked(asked.input_file_id, asked.endpoint)


def read_line(line: bytes, number: int, endpoint: str) -> BatchCall | None:
    """One line of OpenAI's file; None for an empty one. Raises BadRequest."""
    if not line.strip():
        return None
    where = f"line {number}"
    try:
        said = decode(_lines, line)
        splice.refuse_twins(line, ("method", "url", "body"))
    except BadRequest as error:
        raise within(where, error) from None
    if said.method != "POST" or said.url != endpoint:
        raise BadRequest(f"{where}: every call of this batch must be a POST to {endpoint}", where)
    return BatchCall(where, ENDPOINTS[endpoint], bytes(said.body))


def read_anthropic(body: bytes) -> list[BatchCall]:
    """The calls of `POST /v1/messages/batches`. Raises BadRequest."""
    asked = decode(_requests, body)
    splice.refuse_twins(body, ("requests",))
    calls = [BatchCall(f"requests[{n}].params", ANTHROPICS, bytes(one.params)) for n, one in enumerate(asked.requests)]
    if not calls:
        raise BadRequest("requests must hold at least one call", "requests")
    return calls


def with_params(body: bytes, bodies: Iterable[bytes]) -> bytes:
    """Anthropic's request with these calls in place of its own: all else stays. Of a name given twice in one call the
    last counts, for us as for whoever gets it."""
    whole = _top.decode(body)
    requests = _each.decode(whole["requests"])
    for request, params in zip(requests, bodies, strict=True):
        request["params"] = msgspec.Raw(params)
    whole["requests"] = msgspec.Raw(msgspec.json.encode(requests))
    return msgspec.json.encode(whole)


def within(where: str, error: BadRequest) -> BadRequest:
    """What is wrong with one call of a batch, saying which."""
    return BadRequest(f"{where}: {error}", f"{where}.{error.param}" if error.param else where)


class Lines:
    """Cuts a file into lines as it comes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that are whole now."""
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield b"".join((*self._parts, line))
            self._parts.clear()
        if rest:
            self._parts.append(rest)

    def rest(self) -> bytes:
        """What stands behind the last line's end, once all has come."""
        return b"".join(self._parts)
