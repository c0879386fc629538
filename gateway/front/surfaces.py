"""Which path speaks which dialect, and what it says about a call beside the body."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.base import Dialect
from gateway.dialects.spoken import DIALECTS


class Surface(NamedTuple):
    """What a path means."""

    dialect: Dialect
    model: str = ""  # Where the path names it.
    verb: str = ""


_PLAIN = {
    "/v1/chat/completions": "openai-chat",
    "/v1/embeddings": "openai-embeddings",
    "/v1/completions": "openai-completions",
    "/v1/responses": "openai-responses",
    "/v1/responses/input_tokens": "openai-count-tokens",
    "/v1/audio/speech": "openai-speech",
    "/v1/messages": "anthropic-messages",
    "/v1/messages/count_tokens": "anthropic-count-tokens",
    "/v2/chat": "cohere-chat",
    "/v2/rerank": "cohere-rerank",
}
_DOING = {
    "/v1/images/generations": ("openai-images", "generations"),
    "/v1/images/edits": ("openai-images", "edits"),
    "/v1/images/variations": ("openai-images", "variations"),
    "/v1/audio/transcriptions": ("openai-transcriptions", "transcriptions"),
    "/v1/audio/translations": ("openai-transcriptions", "translations"),
}
"""Paths that say what to do, to a model that the body names."""

_GOOGLE = r"/v1(?:beta\d?|alpha)?(?:/projects/[^/]+/locations/[^/]+)?(?:/publishers/google)?/models"
_AWS = r"/model"
_NAMING: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (rf"{_GOOGLE}/(?P<model>[^:]+):(?P<verb>generateContent|streamGenerateContent)", "gemini"),
        (rf"{_GOOGLE}/(?P<model>[^:]+):(?P<verb>embedContent|batchEmbedContents)", "gemini-embeddings"),
        (rf"{_GOOGLE}/(?P<model>[^:]+):(?P<verb>countTokens)", "gemini-count-tokens"),
        (rf"{_AWS}/(?P<model>.+)/(?P<verb>converse|converse-stream)", "bedrock-converse"),
        (rf"{_AWS}/(?P<model>.+)/(?P<verb>invoke|invoke-with-response-stream)", "bedrock-invoke"),
    )
)
"""Paths that name a model, and maybe what to do with it: groups `model` and `verb`."""

EXACT = {path: Surface(DIALECTS[name]) for path, name in _PLAIN.items()} | {
    path: Surface(DIALECTS[name], verb=verb) for path, (name, verb) in _DOING.items()
}
"""Paths that are what they are, letter by letter."""


def surface_of(path: str) -> Surface | None:
    """What is spoken at this path; None for any other."""
    surface = EXACT.get(path)
    if surface is not None:
        return surface
    for pattern, name in _NAMING:
        if found := pattern.fullmatch(path):
            groups = found.groupdict()
            return Surface(DIALECTS[name], unquote(groups["model"]), groups.get("verb") or "")
    return None


def asked_at(surface: Surface, headers: Mapping[str, str], body: bytes, query: str, only: str = "") -> Asked:
    """What is asked there. `only`: the one provider that it may go to."""
    return Asked(
        body,
        surface.model,
        surface.verb,
        query,
        headers.get("content-type", ""),
        headers.get("anthropic-beta", ""),
        asked_tier(headers),
        only,
    )


def shown_headers(headers: dict[str, str], query: str) -> dict[str, str]:
    """The headers with the key that Google's callers may show in the query. Raises BadRequest for a second one."""
    if "key" not in query:
        return headers
    keys = {*parse_qs(query).get("key", ()), *filter(None, (headers.get("x-goog-api-key"),))}
    if len(keys) > 1:
        raise BadRequest("Two different API keys were given in one request.")
    return headers | {"x-goog-api-key": keys.pop()} if keys else headers


def shows_key_in_query(surface: Surface) -> bool:
    """Whether callers of this dialect may."""
    return surface.dialect.name.startswith("gemini")


_TIERS = (
    "x-vertex-ai-llm-shared-request-type",
    "x-amzn-bedrock-service-tier",
    "x-amzn-bedrock-performanceconfig-latency",
)


def asked_tier(headers: Mapping[str, str]) -> str:
    """The service tier that a header asks for, at Vertex AI and for Bedrock's InvokeModel."""
    return next((headers[name] for name in _TIERS if headers.get(name, "standard") not in {"standard", "default"}), "")
