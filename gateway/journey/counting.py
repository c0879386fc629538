"""Counting a prompt here: where a decision hangs on it, and for callers whose provider gives no count."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from functools import partial

import msgspec
from msgspec.structs import replace

from gateway.core.request import Asked, Countable
from gateway.dialects.unread import in_many_pieces
from gateway.journey.question import Question
from gateway.journey.routing import Router
from gateway.tokens import Tokens, bound

LARGE_BYTES = 1 << 13
"""To take more apart would keep other calls waiting, and is done beside them."""

HEADERS = {"content-type": "application/json", "x-fareway-count": "estimated"}

_MIME = rb'"(?:media_type|mimeType|mime_type)"\s*+:\s*+"application\\?/pdf"'
_FORMAT = rb'"format"\s*+:\s*+"pdf"'
_MORE = rb'(?:"[^"]*+"\s*+:\s*+"[^"]*+"\s*+,\s*+){0,4}?'  # Members with a name, a title, a type.
_PDF = re.compile(
    rb"""( "(?:file_data|file_url|document_url|image_url|url)"\s*+:\s*+"data:application\\?/pdf[^",]*+,
         | "file_data"\s*+:\s*+"
         | %b\s*+,\s*+%b"data"\s*+:\s*+"
         | "data"\s*+:\s*+"(?=[\w+/=\\-]++"\s*+,\s*+%b%b)
         | %b\s*+,\s*+%b"source"\s*+:\s*+\{\s*+"bytes"\s*+:\s*+"
         | "bytes"\s*+:\s*+"(?=[\w+/=\\-]++"\s*+\}\s*+,\s*+%b%b)
         )JVBERi0[\w+/=\\-]++"""
    % (_MIME, _MORE, _MORE, _MIME, _FORMAT, _MORE, _MORE, _FORMAT),
    re.VERBOSE,
)
"""As each begins in base64, where it stands as a file's data and says that it is one: a text may begin so, too."""

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
    apart = partial(_countable, question, proof=proof)
    countable = apart() if len(question.asked.body) < LARGE_BYTES else await asyncio.to_thread(apart)
    count = tokens.most if proof else tokens.count
    return max([await count(countable, model) for model in models])


def _countable(question: Question, *, proof: bool) -> Countable:
    return question.dialect.countable(question.asked if proof else _by_pages(question))


def _by_pages(question: Question) -> Asked:
    """What is asked with PDFs counted as files are, and not by their bytes too: those bound it, and are ten times what
    most have."""
    asked, files = question.asked, question.request.facts.files
    if not files or b"JVBERi0" not in asked.body:
        return asked
    return replace(asked, body=_PDF.sub(rb"\1", asked.body, count=files))
