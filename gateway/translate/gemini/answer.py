"""What an answer of Gemini's says, or a chunk of its stream. Read leniently: what is not as it should be is not there.

https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from gateway.core.usage import Usage
from gateway.dialects.gemini_usage import disjoint, read_block

Json = dict[str, Any]

_LONG = frozenset({"MAX_TOKENS", "CONTINUATION"})
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

_answers = msgspec.json.Decoder(dict[str, msgspec.Raw])
_anything = msgspec.json.Decoder()


class Call(NamedTuple):
    """A function that the model calls."""

    name: str
    args: Json
    id: str  # Empty where it has none.


class Part(NamedTuple):
    """A piece of an answer: text or thoughts, a call, or a picture or sound."""

    text: str = ""
    thought: bool = False
    call: Call | None = None
    mime: str = ""
    data: str = ""  # Base64.
    signature: str = ""


class Candidate(NamedTuple):
    """One of several answers, or some more of it."""

    choice: int  # Which of them.
    parts: list[Part]
    finish: str  # As Google says it; empty while it goes on.
    message: str  # What Google says about that.
    logprobs: Json


NO_CANDIDATE = Candidate(0, [], "", "", {})


class Answer(NamedTuple):
    """A whole answer, or a chunk of a stream."""

    candidates: list[Candidate]
    blocked: str  # Why the prompt was not answered at all; empty where it was.
    model: str
    usage: bytes  # The block, JSON. In a stream the last one counts.


def read(data: bytes) -> Answer | None:
    """The answer; None for what is none."""
    try:
        found = _answers.decode(data)
    except _UNREADABLE:
        return None
    feedback = _object(_value(found, "promptFeedback"))
    blocked = _text(feedback, "blockReason")
    if blocked and (message := _text(feedback, "blockReasonMessage")):
        blocked = f"{blocked}: {message}"
    candidates = _value(found, "candidates")
    model = _value(found, "modelVersion")
    return Answer(
        [_candidate(each) for each in candidates if isinstance(each, dict)] if isinstance(candidates, list) else [],
        blocked,
        model if isinstance(model, str) else "",
        bytes(found.get("usageMetadata", b"")),
    )


def usage_of(raw: bytes) -> Usage | None:
    """The counters of the block; None where nothing is told."""
    block = read_block(raw)[0] if raw else None
    return None if block is None else disjoint(block)[0]


def tier_of(raw: bytes) -> str:
    """The tier that served; empty where nothing is told."""
    block = read_block(raw)[0] if raw else None
    return (block and block.service_tier) or ""


def reason(finish: str, *, called: bool) -> str:
    """Why an answer ended, in the words of OpenAI's chat: stop, length, tool_calls or content_filter.

    Gemini says STOP after calls too. Whatever it says beside that and MAX_TOKENS means that there is no good answer:
    filters of many kinds, and calls that could not be read (https://ai.google.dev/api/generate-content#FinishReason).
    """
    if finish in _LONG:
        return "length"
    if failed(finish):
        return "content_filter"
    return "tool_calls" if called else "stop"


def failed(finish: str) -> bool:
    """Whether there is no good answer."""
    return finish not in ("", "STOP", "FINISH_REASON_UNSPECIFIED", *_LONG)


def told(finish: str, message: str) -> str:
    """A sentence on why there is no good answer."""
    return f"The model broke off: {finish}" + (f": {message}" if message else ".")


def told_blocked(blocked: str) -> str:
    """A sentence on why there is no answer at all."""
    return f"The prompt was blocked: {blocked}."


def _value(found: dict[str, msgspec.Raw], name: str) -> Any:
    raw = found.get(name)
    if raw is None:
        return None
    try:
        return _anything.decode(raw)
    except _UNREADABLE:  # Nested too deeply, or no UTF-8.
        return None


def _candidate(given: Json) -> Candidate:
    index = given.get("index")
    content = _object(given.get("content"))
    parts = content.get("parts")
    return Candidate(
        index if type(index) is int and index >= 0 else 0,
        [_part(each) for each in parts if isinstance(each, dict)] if isinstance(parts, list) else [],
        _text(given, "finishReason"),
        _text(given, "finishMessage"),
        _object(given.get("logprobsResult")),
    )


def _part(given: Json) -> Part:
    blob = _object(given.get("inlineData"))
    return Part(
        text=_text(given, "text"),
        thought=given.get("thought") is True,
        call=_call(_object(given.get("functionCall"))),
        mime=_text(blob, "mimeType"),
        data=_text(blob, "data"),
        signature=_text(given, "thoughtSignature"),
    )


def _call(given: Json) -> Call | None:
    name = _text(given, "name")
    if not name:
        return None
    return Call(name, _object(given.get("args")), _text(given, "id"))


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _text(given: Json, name: str) -> str:
    value = given.get(name)
    return value if isinstance(value, str) else ""
