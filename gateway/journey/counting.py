"""Counting a prompt here: where a decision hangs on it, and for callers whose provider gives no count."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from gateway.core.request import Countable
from gateway.dialects.unread import in_many_pieces
from gateway.journey.question import Question
from gateway.journey.routing import Router
from gateway.tokens import Tokens, bound

HEADERS = {"content-type": "application/json", "x-fareway-count": "estimated"}

_PDF = re.compile(r"JVBERi0[\w+/=-]*+", re.ASCII)
_PDF_BYTES = re.compile(rb"JVBERi0[\w+/=-]*+")
"""As each begins in base64."""

_TOLD: dict[str, Callable[[int], object]] = {
    "anthropic-count-tokens": lambda tokens: {"input_tokens": tokens},
    "gemini-count-tokens": lambda tokens: {"totalTokens": tokens},
    "openai-count-tokens": lambda tokens: {"object": "response.input_tokens", "input_tokens": tokens},
}
"""A count in each dialect that asks for one."""


async def counted_here(question: Question, tokens: Tokens, router: Router) -> bytes:
    """The answer: as many tokens as the model takes that counts the most of those behind the name. Where its provider
    does not publish how it counts, that is an estimate."""
    most = await input_tokens(question, tokens, router.models(question.request.facts))
    return msgspec.json.encode(_TOLD[question.dialect.name](most))


async def input_tokens(question: Question, tokens: Tokens, models: Iterable[str], *, proof: bool = False) -> int:
    """Tokens of the prompt at the one of these models that takes the most of it: counted, as a `proof` never too
    little; or bounded by the bytes, where to take the body apart would keep other calls waiting."""
    if in_many_pieces(question.asked.body):
        return max(bound(question.size.body, question.request.facts, model) for model in models)
    countable = question.dialect.countable(question.asked)
    if countable.files and not proof:
        countable = _by_pages(countable, question.asked.body)
    count = tokens.most if proof else tokens.count
    return max([await count(countable, model) for model in models])


def _by_pages(countable: Countable, body: bytes) -> Countable:
    """With PDFs counted as files are, and not by their bytes too: those bound it, and are ten times what most have."""
    texts = tuple(_PDF.sub("", text) for text in countable.texts)
    read = sum(map(len, countable.texts)) - sum(map(len, texts))
    pages = sum(len(found[0]) for found in _PDF_BYTES.finditer(body))
    return replace(countable, texts=texts, unread=max(0, countable.unread - max(0, pages - read)))
