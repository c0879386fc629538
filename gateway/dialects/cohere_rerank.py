"""Cohere's `POST /v2/rerank`: https://docs.cohere.com/reference/rerank."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.core.errors import BadRequest
from gateway.core.request import Asked, Countable, Facts
from gateway.core.usage import Extras, Report
from gateway.dialects import cohere_errors, splice
from gateway.dialects.base import NOTHING_YET, Aimed, Quirk, with_query
from gateway.dialects.cohere_chat import SIGNS
from gateway.dialects.cohere_usage import read_units
from gateway.dialects.unread import ALL, SETTINGS, unread
from gateway.dialects.validate import decode, model_name

DOCUMENTS_PER_UNIT = 100
TOKENS_PER_DOCUMENT = 500
"""A search unit is a query with up to 100 documents. A longer document counts as several."""


class _Body(msgspec.Struct):
    model: str
    query: str
    documents: list[Any]


class _Meta(msgspec.Struct):
    billed_units: Any = None


class _Answer(msgspec.Struct):
    meta: _Meta | None = None


_READ = SETTINGS | dict.fromkeys(("query", "documents", "rank_fields"), ALL)
_requests = msgspec.json.Decoder(_Body)
_answers = msgspec.json.Decoder(_Answer)


class CohereRerank:
    """The lens for ranking: a query and documents in, scores out, charged by search units."""

    name = "cohere-rerank"
    signs = SIGNS
    shows_cost = False

    def read(self, asked: Asked) -> Facts:
        """See `Dialect.read`. A token is at least a byte, which bounds the units."""
        body = decode(_requests, asked.body)
        splice.refuse_twins(asked.body, ("model", "query", "documents"))
        if not body.documents:
            raise BadRequest("documents must not be empty", "documents")
        query = len(body.query.encode(errors="replace"))
        sizes = [query + len(text.encode(errors="replace")) for text in _texts(body)]
        counted = sum(max(1, -(-size // TOKENS_PER_DOCUMENT)) for size in sizes)
        return Facts(
            model=model_name(body.model),
            output_tokens_max=0,
            needs=frozenset({"rerank"}),
            extras_max=Extras(search_units=-(-counted // DOCUMENTS_PER_UNIT)),
        )

    def aim(self, asked: Asked, model: str, facts: Facts) -> Aimed:
        """See `Dialect.aim`."""
        return Aimed(with_query("/rerank", asked), splice.with_model(asked.body, model, facts))

    def countable(self, asked: Asked) -> Countable:
        """See `Dialect.countable`."""
        body = decode(_requests, asked.body)
        return Countable(texts=(body.query, *_texts(body)), unread=unread(asked.body, _READ))

    def report(self, message: bytes, quirks: frozenset[Quirk], before: Report = NOTHING_YET) -> Report:
        """See `Dialect.report`."""
        del quirks
        try:
            meta = _answers.decode(message).meta
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return before
        if meta is None or not isinstance(meta.billed_units, dict):
            return before
        usage, clamped = read_units(meta.billed_units)
        return Report(usage=usage, clamped=clamped, raw=msgspec.json.encode(meta.billed_units))

    error = staticmethod(cohere_errors.error_body)
    stream_error = staticmethod(cohere_errors.stream_error)


def _texts(body: _Body) -> list[str]:
    """The documents, each as text; one with fields counts as its JSON."""
    return [text if isinstance(text, str) else msgspec.json.encode(text).decode() for text in body.documents]
