"""OpenAI's `POST /v1/completions`: the older endpoint for plain text, which self-hosted engines speak too."""

from __future__ import annotations

from typing import cast

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts, excerpt
from gateway.core.usage import Report
from gateway.dialects import openai_errors, splice
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, with_query
from gateway.dialects.openai_chat import (
    OUTPUT_TOKENS_CREDIBLE_MAX,
    OpenAIChat,
    StreamOptions,
    aimed,
    choices,
)
from gateway.dialects.openai_report import read_report
from gateway.dialects.unread import ALL, SETTINGS, unread
from gateway.dialects.validate import decode, model_name

_MONEY_KEYS = ("model", "prompt", "stream", "stream_options", "n", "best_of", "max_tokens", "service_tier")


class _Body(msgspec.Struct):
    model: str
    prompt: str | list[str | int | list[int]] | None = None
    suffix: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    n: int | None = None
    best_of: int | None = None
    service_tier: str | None = None
    user: str | None = None


_READ = SETTINGS | dict.fromkeys(("prompt", "suffix"), ALL)
_requests = msgspec.json.Decoder(_Body)


class OpenAICompletions:
    """The lens for completions: text or token ids in, several prompts maybe, each with several answers."""

    name = "openai-completions"
    signs = OpenAIChat.signs
    shows_cost = True

    def read(self, request: Asked) -> Facts:
        """See `Dialect.read`. Each of `best_of` answers is charged for, whether shown or not."""
        asked = decode(_requests, request.body)
        splice.refuse_twins(request.body, _MONEY_KEYS)
        if asked.max_tokens is not None and asked.max_tokens < 0:
            raise BadRequest("max_tokens must not be negative", "max_tokens")
        stream = bool(asked.stream)
        prompts = _prompts(asked.prompt)
        return Facts(
            model=model_name(asked.model),
            stream=stream,
            wants_usage=not stream or bool(asked.stream_options and asked.stream_options.include_usage),
            output_tokens_max=None if asked.max_tokens is None else min(asked.max_tokens, OUTPUT_TOKENS_CREDIBLE_MAX),
            choices=len(prompts) * max(choices(asked.n), choices(asked.best_of)),
            turns=len(prompts),
            prompt=excerpt(_text(prompts[-1])),
            service_tier=asked.service_tier,
            session=asked.user,
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`. A stream reports usage only on request, as in chat."""
        return Aimed(with_query("/completions", asked), aimed(asked.body, model, facts))

    def countable(self, request: Asked) -> Countable:
        """See `Dialect.countable`. A token id counts as the text of its digits, which is never too little."""
        asked = decode(_requests, request.body)
        return Countable(
            texts=(*map(_text, _prompts(asked.prompt)), asked.suffix or ""), unread=unread(request.body, _READ)
        )

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`."""
        return read_report(message, quirks, before)

    error = staticmethod(openai_errors.error_body)
    stream_error = staticmethod(openai_errors.stream_error)


def _prompts(prompt: str | list[str | int | list[int]] | None) -> list[str | int | list[int]]:
    """Each prompt, of which one may be given as a list of token ids."""
    if not isinstance(prompt, list):
        return [prompt or ""]
    return prompt if set(map(type, prompt)) - {int} else [cast("list[int]", prompt)]


def _text(prompt: str | int | list[int]) -> str:
    """Token ids as their digits."""
    return " ".join(map(str, prompt)) if isinstance(prompt, list) else str(prompt)
