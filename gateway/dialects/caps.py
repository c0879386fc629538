"""Lowering the most that a request lets be generated, without touching any other byte of it.

A cap that stands there is replaced; where there is none, one is added under the name that everybody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from gateway.dialects import bedrock_vendors, gemini_request, splice
from gateway.dialects.base import Quirk
from gateway.dialects.validate import decode

ANSWER_TOKENS_MIN = 16
"""An answer shorter than this is none. It must also fit behind the thoughts that a request asks for."""

Quirks = frozenset[Quirk]


class _Cap(NamedTuple):
    write: Callable[[bytes, int, Quirks], bytes | None]
    thoughts: Callable[[bytes], int] = lambda _: 0


class _Thinks(msgspec.Struct):
    """Where Anthropic's and Cohere's bodies, and Bedrock's beside them, say how much is thought."""

    thinking: Any = None
    more: Any = msgspec.field(name="additionalModelRequestFields", default=None)


_thinks = msgspec.json.Decoder(_Thinks)


def capped(dialect: str, body: bytes, tokens: int, quirks: Quirks = frozenset()) -> bytes | None:
    """The body of a request for at most so many output tokens a choice. None where that cannot be said in it."""
    cap = _CAPS.get(dialect)
    return None if cap is None else cap.write(body, tokens, quirks)


def cap_min(dialect: str, body: bytes) -> int:
    """The lowest cap that leaves room for an answer: the thoughts that were asked for come first."""
    cap = _CAPS.get(dialect)
    return ANSWER_TOKENS_MIN + (0 if cap is None else cap.thoughts(body))


def _lowered(body: bytes, names: Iterable[str], tokens: int) -> bytes | None:
    """The object with every cap of these names lowered; None if there is none in it."""
    found = False
    for name in names:
        span = splice.find(body, name)
        given = 0.0 if span is None else _number(body[slice(*span)])
        found = found or given > 0
        if span is not None and given > tokens:
            body = splice.replace(body, span, b"%d" % tokens)
    return body if found else None


def _put(body: bytes, name: str, value: bytes) -> bytes:
    span = splice.find(body, name)
    return splice.append(body, name, value) if span is None else splice.replace(body, span, value)


def _number(value: bytes) -> float:
    """A cap that is given; 0 for null and whatever else is none. Protobuf may write numbers in quotes."""
    try:
        return max(0.0, float(value.strip(b'"')))
    except ValueError:
        return 0.0


def _plainly(name: str) -> Callable[[bytes, int, Quirks], bytes]:
    def write(body: bytes, tokens: int, quirks: Quirks) -> bytes:
        del quirks
        return _lowered(body, (name,), tokens) or _put(body, name, b"%d" % tokens)

    return write


def _chat(body: bytes, tokens: int, quirks: Quirks) -> bytes:
    name = "max_completion_tokens" if Quirk.CAPS_COMPLETION_TOKENS in quirks else "max_tokens"
    return _lowered(body, ("max_tokens", "max_completion_tokens"), tokens) or _put(body, name, b"%d" % tokens)


def _gemini(body: bytes, tokens: int, quirks: Quirks) -> bytes:
    outer = _spelt(body, "generationConfig", "generation_config")
    config = splice.find_object(body, outer) or b"{}"
    inner = _spelt(config, "maxOutputTokens", "max_output_tokens")
    return _put(body, outer, _plainly(inner)(config, tokens, quirks))


def _spelt(body: bytes, camel: str, snake: str) -> str:
    """Whichever of the two names stands there: other names may be those of a tool's own parameters."""
    return camel if splice.find(body, snake) is None else snake


def _converse(body: bytes, tokens: int, quirks: Quirks) -> bytes:
    more = splice.find_object(body, "additionalModelRequestFields")
    if more is not None and (lower := _invoke(more, tokens, quirks)) is not None:
        body = _put(body, "additionalModelRequestFields", lower)
    config = splice.find_object(body, "inferenceConfig") or b"{}"
    return _put(body, "inferenceConfig", _plainly("maxTokens")(config, tokens, quirks))


def _invoke(body: bytes, tokens: int, quirks: Quirks) -> bytes | None:
    """What a vendor calls it, only its callers know: none is added."""
    del quirks
    lower = _lowered(body, bedrock_vendors.CAPS, tokens)
    for name in bedrock_vendors.NESTED:
        inner = splice.find_object(body, name)
        if inner is not None and (lowered := _lowered(inner, bedrock_vendors.CAPS, tokens)) is not None:
            lower = _put(lower or body, name, lowered)
    return lower


def _budget(thinking: Any, name: str) -> int:
    given = thinking.get(name) if isinstance(thinking, dict) else None
    return max(0, given) if type(given) is int else 0


def _anthropic_thoughts(body: bytes) -> int:
    return _budget(decode(_thinks, body).thinking, "budget_tokens")


def _cohere_thoughts(body: bytes) -> int:
    return _budget(decode(_thinks, body).thinking, "token_budget")


def _converse_thoughts(body: bytes) -> int:
    more = decode(_thinks, body).more
    given = more if isinstance(more, dict) else {}
    return max(_budget(given.get(name), "budget_tokens") for name in ("thinking", "reasoning_config"))


def _gemini_thoughts(body: bytes) -> int:
    config = gemini_request.read_generation(gemini_request.read_body(body)).thinking_config
    return max(0, config.thinking_budget or 0) if config else 0


_CAPS = {
    "openai-chat": _Cap(_chat),
    "openai-completions": _Cap(_plainly("max_tokens")),
    "openai-responses": _Cap(_plainly("max_output_tokens")),
    "anthropic-messages": _Cap(_plainly("max_tokens"), _anthropic_thoughts),
    "gemini": _Cap(_gemini, _gemini_thoughts),
    "bedrock-converse": _Cap(_converse, _converse_thoughts),
    "bedrock-invoke": _Cap(_invoke, _anthropic_thoughts),
    "cohere-chat": _Cap(_plainly("max_tokens"), _cohere_thoughts),
}
"""By dialect. Those that are not here generate nothing that a cap would end."""
