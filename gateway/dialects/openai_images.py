"""OpenAI's images: `POST /v1/images/generations` (JSON), `/edits` and `/variations` (forms).

The answer names no model. GPT image models report tokens; dall-e models report nothing and are charged by the image.
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
from gateway.dialects.multipart import Form, read_form
from gateway.dialects.openai_usage import UNREADABLE, charged, counted_newer
from gateway.dialects.unread import ALL, SETTINGS, unread
from gateway.dialects.validate import decode, model_name

IMAGES_MAX = 10  # OpenAI's own limit for `n`.

IMAGE_TOKENS_MAX = 8192
"""Output tokens of one image, held for. The largest published is 6,240 (1024 x 1536, high quality, gpt-image-1), and
1.5 writes some hundreds of text beside. Models whose largest size is not published may need more."""

PARTIAL_TOKENS = 100  # Of each partial image, by OpenAI's guide to image generation.
_MONEY_KEYS = ("model", "n", "stream", "partial_images", "quality", "size")


class _Body(msgspec.Struct):
    model: str
    prompt: str = ""
    n: int | None = None
    stream: bool | None = None
    partial_images: int | None = None
    images: list[Any] | None = None  # Of an edit by reference.
    mask: Any = None
    user: str | None = None


class _Answer(msgspec.Struct):
    type: Any = None
    model: Any = None
    error: Any = None
    usage: msgspec.Raw = msgspec.Raw()


class _Made(msgspec.Struct):
    output_tokens_details: Any = None


_NEVER = re.compile(rb"\0(?!)")
_COMPLETED = frozenset({"image_generation.completed", "image_edit.completed"})
_SIGNS = Signs(
    usage=re.compile(rb'"usage"\s*:\s*\{'),
    text=_NEVER,
    finish=_NEVER,
    done=re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])event:[ \t]*image_(?:generation|edit)\.completed"),
    done_hint=b"event:",
    reasoning=_NEVER,
    reasoning_hint=b"\0",
)
_READ = SETTINGS | dict.fromkeys(
    (
        *("prompt", "images", "mask", "size", "quality", "background", "moderation", "style"),
        *("output_format", "response_format", "input_fidelity"),
    ),
    ALL,
)
_requests = msgspec.json.Decoder(_Body)
_answers = msgspec.json.Decoder(_Answer)
_made = msgspec.json.Decoder(_Made)


class OpenAIImages:
    """The lens for images. `Asked.verb` says which of the three endpoints."""

    name = "openai-images"
    signs = _SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`."""
        form, body = _read(asked)
        count = 1 if body.n is None else body.n
        if not 1 <= count <= IMAGES_MAX:
            raise BadRequest(f"n must be between 1 and {IMAGES_MAX}", "n")
        if body.stream and count > 1:  # Each image has a last event of its own.
            raise BadRequest("n must be 1 for a stream: what several images cost in one is not known", "n")
        return Facts(
            model=model_name(body.model),
            stream=bool(body.stream),
            output_tokens_max=IMAGE_TOKENS_MAX + PARTIAL_TOKENS * max(0, body.partial_images or 0),
            choices=count,
            needs=frozenset({"images"}),
            hides_output=True,
            images=_images(form, body),
            prompt=excerpt(body.prompt),
            session=body.user,
            input_tokens_max=None if form is None else len(form.body) - form.files_bytes,
            extras=Extras(images=count),
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        path = with_query(f"/images/{asked.verb or 'generations'}", asked)
        if not _is_form(asked):
            return Aimed(path, splice.with_model(asked.body, model, facts))
        form = read_form(asked.body, asked.content_type)
        return Aimed(path, form.body if model == facts.model else form.with_text("model", model))

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`."""
        form, body = _read(asked)
        beside = unread(asked.body, _READ) if form is None else 0
        return Countable(texts=(body.prompt,), images=_images(form, body), unread=beside)

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`. Where output is not divided, all of it is taken for image, the dearer of the two."""
        try:
            return _report(_answers.decode(message), quirks, before)
        except UNREADABLE:
            return before

    error = staticmethod(openai_errors.error_body)
    stream_error = staticmethod(openai_errors.stream_error)


def _images(form: Form | None, body: _Body) -> int:
    """That are sent along; a mask is one, and any file of a form: which names providers take is theirs to say."""
    if form is not None:
        return len(form.files)
    return len(body.images or []) + bool(body.mask)


def _report(said: _Answer, quirks: frozenset[Quirk], before: Report) -> Report:
    report = replace(
        before,
        model=said.model if isinstance(said.model, str) else before.model,
        failed=bool(said.error) or said.type == "error",
        last=isinstance(said.type, str) and said.type in _COMPLETED,
    )
    raw = bytes(said.usage)
    if raw in (b"", b"null"):
        return report
    usage, clamped = counted_newer(raw)
    if usage is None:
        return replace(report, clamped=True)
    if not isinstance(_made.decode(raw).output_tokens_details, dict):
        usage = replace(usage, output=0, output_image=usage.output)
    cost = charged(raw, quirks) or before.cost
    return replace(report, usage=usage, cost=cost, clamped=clamped or before.clamped, raw=raw)


def _is_form(asked: Asked) -> bool:
    return asked.content_type.lower().startswith("multipart/")


def _read(asked: Asked) -> tuple[Form | None, _Body]:
    """What is asked, in JSON or as a form."""
    if not _is_form(asked):
        body = decode(_requests, asked.body)
        splice.refuse_twins(asked.body, _MONEY_KEYS)
        return None, body
    form = read_form(asked.body, asked.content_type)
    model = form.text("model")
    if model is None:
        raise BadRequest("model is required", "model")
    return form, _Body(
        model=model,
        prompt=form.text("prompt") or "",
        n=form.number("n"),
        stream=(form.text("stream") or "").lower() in ("true", "1"),
        partial_images=form.number("partial_images"),
        user=form.text("user"),
    )
