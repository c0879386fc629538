"""OpenAI's `POST /v1/audio/speech`: text in, sound out.

The tts models are charged by the characters of the request. gpt-4o-mini-tts is charged by tokens, and tells them in a
stream of events only: as plain sound, the call is booked at all that is held.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts, excerpt
from gateway.core.usage import Extras, Report
from gateway.dialects import openai_errors, splice
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, Signs, with_query
from gateway.dialects.openai_usage import UNREADABLE, charged, counted_newer
from gateway.dialects.unread import ALL, SETTINGS, unread
from gateway.dialects.validate import decode, model_name

TOKENS_PER_CHARACTER = 8
"""Held for. $0.015 a minute at $12 a million are 21 tokens a second, so this is speech of 2.6 characters a second, a
fifth of the usual pace. No bound is published: instructions may ask for silence."""

_MONEY_KEYS = ("model", "input", "stream_format", "speed")
_NEVER = re.compile(rb"\0(?!)")
_SIGNS = Signs(
    usage=re.compile(rb'"usage"\s*:\s*\{'),
    text=_NEVER,
    finish=_NEVER,
    done=re.compile(rb'(?:\A(?:\xef\xbb\xbf)?|[\r\n])data:[ \t]*\{"type":[ \t]*"speech\.audio\.done"'),
    done_hint=b"speech.audio.done",
    reasoning=_NEVER,
    reasoning_hint=b"\0",
    opaque=True,
)


class _Body(msgspec.Struct):
    model: str
    input: str
    instructions: str | None = None
    stream_format: str | None = None
    speed: float | None = None


class _Answer(msgspec.Struct):
    type: Any = None
    error: Any = None
    usage: msgspec.Raw = msgspec.Raw()


_READ = SETTINGS | dict.fromkeys(("input", "instructions", "voice", "response_format", "stream_format"), ALL)
_requests = msgspec.json.Decoder(_Body)
_answers = msgspec.json.Decoder(_Answer)


class OpenAISpeech:
    """The lens for speech."""

    name = "openai-speech"
    signs = _SIGNS
    shows_cost = False

    def read(self, request: Asked) -> Facts:
        """See `Dialect.read`."""
        asked = decode(_requests, request.body)
        splice.refuse_twins(request.body, _MONEY_KEYS)
        if asked.speed is not None and not asked.speed >= 0.25:
            raise BadRequest("speed must be at least 0.25", "speed")
        slowness = max(1, round(1 / asked.speed + 0.5)) if asked.speed else 1
        return Facts(
            model=model_name(asked.model),
            stream=asked.stream_format == "sse",
            output_tokens_max=len(asked.input) * TOKENS_PER_CHARACTER * slowness,
            needs=frozenset({"speech"}),
            hides_output=True,
            prompt=excerpt(asked.input),
            extras=Extras(characters=len(asked.input)),
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        return Aimed(with_query("/audio/speech", asked), splice.with_model(asked.body, model, facts))

    def countable(self, request: Asked) -> Countable:
        """See `Dialect.countable`."""
        asked = decode(_requests, request.body)
        return Countable(texts=(asked.input, asked.instructions or ""), unread=unread(request.body, _READ))

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`. All that is made is sound."""
        try:
            return _report(_answers.decode(message), quirks, before)
        except UNREADABLE:
            return before

    error = staticmethod(openai_errors.error_body)
    stream_error = staticmethod(openai_errors.stream_error)


def _report(said: _Answer, quirks: frozenset[Quirk], before: Report) -> Report:
    report = replace(before, failed=bool(said.error), last=said.type == "speech.audio.done")
    raw = bytes(said.usage)
    if raw in (b"", b"null"):
        return report
    usage, clamped = counted_newer(raw)
    if usage is None:
        return replace(report, clamped=True)
    usage = replace(usage, output=0, output_audio=usage.output + usage.output_audio)
    cost = charged(raw, quirks) or before.cost
    return replace(report, usage=usage, cost=cost, clamped=clamped or before.clamped, raw=raw)
