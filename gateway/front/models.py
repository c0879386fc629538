"""The models that a key may use, as the clients of each dialect list them. Pure.

Nobody here knows when a model was made: OpenAI's field says 0 then, and Anthropic's the epoch, as its own API does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct

from gateway.core.errors import BadRequest
from gateway.translate.edges import EDGES

EPOCH = "1970-01-01T00:00:00Z"

ANTHROPIC_PAGE, GEMINI_PAGE, PAGE_MAX = 20, 50, 1000
"""Models on a page, where the caller does not say: as the providers do.

https://platform.claude.com/docs/en/api/models-list, https://ai.google.dev/api/models
"""

_GEMINI_VERBS = {
    "gemini": ("generateContent", "streamGenerateContent"),
    "gemini-count-tokens": ("countTokens",),
    "gemini-embeddings": ("embedContent", "batchEmbedContents"),
}


class Shape(StrEnum):
    """Whose client asks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"


class Model(Struct, frozen=True):
    """A name that a caller may ask for, and what stands behind it."""

    id: str
    providers: frozenset[str]
    dialects: frozenset[str]  # In which it may be asked.
    input_tokens_max: int | None = None
    output_tokens_max: int | None = None


def answerable(spoken: frozenset[str]) -> frozenset[str]:
    """In which dialects a provider that speaks these may be asked."""
    return spoken | {edge.inbound for edge in EDGES if edge.outbound in spoken}


def shape_of(path: str, headers: Mapping[str, str], query: str) -> Shape:
    """Whose client asks, by the path as it came, and by what it shows. Google's show their key as nobody else does."""
    if path.startswith("/anthropic/") or "anthropic-version" in headers:
        return Shape.ANTHROPIC
    if path.startswith(("/gemini/", "/google/", "/vertex/", "/v1beta")) or "x-goog-api-key" in headers:
        return Shape.GEMINI
    if "key" in query and "key" in parse_qs(query):
        return Shape.GEMINI
    return Shape.ANTHROPIC if path.startswith("/v1/messages") else Shape.OPENAI


def fits(model: Model, shape: Shape) -> bool:
    """Whether a client of this kind can ask for it. OpenAI's list has every name."""
    if shape is Shape.ANTHROPIC:
        return "anthropic-messages" in model.dialects
    return shape is Shape.OPENAI or bool(model.dialects & _GEMINI_VERBS.keys())


def one(model: Model, shape: Shape) -> dict[str, Any]:
    """One model."""
    return _WRITERS[shape](model)


def page(models: Sequence[Model], shape: Shape, query: str) -> dict[str, Any]:
    """A list of them, or the page of it that the query asks for. Raises BadRequest."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    if shape is Shape.ANTHROPIC:
        return _anthropic_page(models, asked)
    if shape is Shape.GEMINI:
        return _gemini_page(models, asked)
    return {"object": "list", "data": [_openai(model) for model in models]}


def _openai(model: Model) -> dict[str, Any]:
    owner = next(iter(model.providers)) if len(model.providers) == 1 else "fareway"
    return {"id": model.id, "object": "model", "created": 0, "owned_by": owner}


def _anthropic(model: Model) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": EPOCH,
        "lifecycle": "active",
        "max_input_tokens": model.input_tokens_max,
        "max_tokens": model.output_tokens_max,
    }


def _gemini(model: Model) -> dict[str, Any]:
    verbs = [verb for dialect, found in _GEMINI_VERBS.items() if dialect in model.dialects for verb in found]
    limits = {"inputTokenLimit": model.input_tokens_max, "outputTokenLimit": model.output_tokens_max}
    return {
        "name": f"models/{model.id}",
        "baseModelId": model.id,
        "displayName": model.id,
        **{name: limit for name, limit in limits.items() if limit is not None},
        "supportedGenerationMethods": verbs,
    }


_WRITERS: dict[Shape, Callable[[Model], dict[str, Any]]] = {
    Shape.OPENAI: _openai,
    Shape.ANTHROPIC: _anthropic,
    Shape.GEMINI: _gemini,
}


def _anthropic_page(models: Sequence[Model], asked: Mapping[str, str]) -> dict[str, Any]:
    size, ids = _size(asked.get("limit"), "limit", ANTHROPIC_PAGE), [model.id for model in models]
    if "before_id" in asked:
        end = _place(ids, asked["before_id"], "before_id")
        shown, more = models[max(0, end - size) : end], end > size
    else:
        start = _place(ids, asked["after_id"], "after_id") + 1 if "after_id" in asked else 0
        shown, more = models[start : start + size], len(models) > start + size
    first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
    return {"data": [_anthropic(model) for model in shown], "has_more": more, "first_id": first, "last_id": last}


def _gemini_page(models: Sequence[Model], asked: Mapping[str, str]) -> dict[str, Any]:
    size = _size(asked.get("pageSize"), "pageSize", GEMINI_PAGE)
    token = asked.get("pageToken", "0")
    if not token.isdecimal() or len(token) > 9:
        raise BadRequest("pageToken is the nextPageToken of the page before.", "pageToken")
    start = int(token)
    found: dict[str, Any] = {"models": [_gemini(model) for model in models[start : start + size]]}
    return found | {"nextPageToken": str(start + size)} if len(models) > start + size else found


def _size(text: str | None, name: str, otherwise: int) -> int:
    if text is None:
        return otherwise
    if not text.isdecimal() or not 1 <= int(text[:9]) <= PAGE_MAX:
        raise BadRequest(f"{name} must be a number from 1 to {PAGE_MAX}", name)
    return int(text)


def _place(ids: Sequence[str], wanted: str, name: str) -> int:
    try:
        return ids.index(wanted)
    except ValueError:
        raise BadRequest(f"{name} is none of the models that this key may use.", name) from None
