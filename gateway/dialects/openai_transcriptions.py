"""OpenAI's `POST /v1/audio/transcriptions` and `/translations`: a recording as a form in, text out.

GPT models report tokens, Whisper reports seconds; Groq's Whisper and the formats that are no JSON report nothing.
How long a recording is only its decoder knows: at most, what `recording_length.py` says.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts
from gateway.core.usage import Extras, Report, Usage
from gateway.dialects import openai_errors
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, Signs, with_query
from gateway.dialects.multipart import Form, read_form
from gateway.dialects.openai_usage import UNREADABLE, length_ms, read_newer_usage
from gateway.dialects.recording_length import seconds_max
from gateway.dialects.validate import model_name

TOKENS_PER_SECOND = 10
"""Of audio, as OpenAI's models hear it."""

_ELSEWHERE = frozenset({"url", "file_url", "file_id"})
"""Where Groq and Mistral take a recording from that is not in the form."""

_NEVER = re.compile(rb"\0(?!)")
_SIGNS = Signs(
    usage=re.compile(rb'"usage"\s*:\s*\{'),
    text=re.compile(rb'"delta"\s*:\s*"((?:[^"\\]++|\\.)++)"', re.DOTALL),
    finish=_NEVER,
    done=re.compile(rb'(?:\A(?:\xef\xbb\xbf)?|[\r\n])data:[ \t]*\{"type":[ \t]*"transcript\.text\.done"'),
    done_hint=b"transcript.text.done",
    reasoning=_NEVER,
    reasoning_hint=b"\0",
    opaque=True,
    text_whole=lambda: re.compile(rb'"text"\s*:\s*"((?:[^"\\]++|\\.)++)"', re.DOTALL),
)


class _Answer(msgspec.Struct):
    type: Any = None
    error: Any = None
    usage: Any = None
    duration: Any = None  # Seconds, in the verbose format.


_answers = msgspec.json.Decoder(_Answer)


class OpenAITranscriptions:
    """The lens for recordings. `Asked.verb` says which of the two endpoints."""

    name = "openai-transcriptions"
    signs = _SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`."""
        form = read_form(asked.body, asked.content_type)
        model = form.text("model")
        if model is None:
            raise BadRequest("model is required", "model")
        _refuse_elsewhere(form)
        form.text("prompt")  # It is counted where a decision hangs on that, and must be text.
        seconds = sum(seconds_max(form.body, field.span) for field in form.files)
        return Facts(
            model=model_name(model),
            stream=(form.text("stream") or "").lower() in ("true", "1"),
            needs=frozenset({"transcription"}),
            input_tokens_max=len(form.body) - form.files_bytes + seconds * TOKENS_PER_SECOND,
            extras_max=Extras(audio_ms=seconds * 1000),
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        path = with_query(f"/audio/{asked.verb or 'transcriptions'}", asked)
        if model == facts.model:
            return Aimed(path, asked.body)
        return Aimed(path, read_form(asked.body, asked.content_type).with_text("model", model))

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`. What was said cannot be counted: its bytes bound it."""
        form = read_form(asked.body, asked.content_type)
        return Countable(texts=(form.text("prompt") or "",), unread=self.read(asked).input_tokens_max or 0)

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`."""
        try:
            return _report(_answers.decode(message), quirks, before)
        except UNREADABLE:
            return before

    error = staticmethod(openai_errors.error_body)
    stream_error = staticmethod(openai_errors.stream_error)


def _refuse_elsewhere(form: Form) -> None:
    """Raise BadRequest for a recording that is not in the form."""
    for name in _ELSEWHERE.intersection(field.name for field in form.fields):
        raise BadRequest(
            f"{name} is not taken here, as nobody could say how long what lies there is: send a file", name
        )
    given = [field.is_file for field in form.fields if field.name.removesuffix("[]") == "file"]
    if given != [True]:  # Others take one without a name for a file, too.
        raise BadRequest("file must be given once, as a file", "file")


def _report(said: _Answer, quirks: frozenset[Quirk], before: Report) -> Report:
    report = replace(before, failed=bool(said.error), last=said.type == "transcript.text.done")
    if isinstance(said.usage, dict) and said.usage.get("type") != "duration":
        usage, clamped = read_newer_usage(said.usage, quirks & {Quirk.AUDIO_BESIDE_INPUT})
    else:
        seconds = said.usage.get("seconds") if isinstance(said.usage, dict) else said.duration
        length = length_ms(seconds)
        usage = None if length is None else Usage(extras=Extras(audio_ms=length))
        clamped = usage is None and said.usage is not None
    if usage is None:
        return replace(report, clamped=clamped or before.clamped)
    raw = b"" if said.usage is None else msgspec.json.encode(said.usage)
    return replace(report, usage=usage, clamped=clamped or before.clamped, raw=raw)
