"""Counting a prompt here, for callers who ask for a count that no provider of the model gives."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gateway.journey.question import Question
from gateway.journey.routing import Router
from gateway.tokens import Tokens

HEADERS = {"content-type": "application/json", "x-fareway-count": "estimated"}

_TOLD: dict[str, Callable[[int], object]] = {
    "anthropic-count-tokens": lambda tokens: {"input_tokens": tokens},
    "gemini-count-tokens": lambda tokens: {"totalTokens": tokens},
    "openai-count-tokens": lambda tokens: {"object": "response.input_tokens", "input_tokens": tokens},
}
"""A count in each dialect that asks for one."""


async def counted_here(question: Question, tokens: Tokens, router: Router) -> bytes:
    """The answer: as many tokens as the model takes that counts the most of those behind the name. Where its provider
    does not publish how it counts, that is an estimate."""
    countable = question.dialect.countable(question.asked)
    most = max([await tokens.count(countable, model) for model in router.models(question.request.facts)])
    return msgspec.json.encode(_TOLD[question.dialect.name](most))
