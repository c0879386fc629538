"""What an answer of Gemini, or a chunk of its stream, says about itself."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.core.price import conditions
from gateway.core.usage import Extras, Report, Usage
from gateway.dialects.base import NOTHING_YET, id_of
from gateway.dialects.gemini_usage import Block, disjoint, read_block

PER_PROMPT_UNTIL = 2
"""Gemini 2 is charged a search by the grounded prompt, Gemini 3 and later by the query."""

ON_DEMAND = 1
"""The number of that traffic type: some clients of Vertex AI get numbers for names."""


class _Grounding(msgspec.Struct, rename="camel"):
    """What Google Search or Maps was asked, and what came of it."""

    web_search_queries: list[str] | None = None
    image_search_queries: list[str] | None = None
    grounding_chunks: list[dict[str, Any]] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    grounding_metadata: _Grounding | None = None


class _Feedback(msgspec.Struct, rename="camel"):
    """Why the prompt was not answered at all."""

    block_reason: str | None = None


_answers = msgspec.json.Decoder(dict[str, msgspec.Raw])
_candidates = msgspec.json.Decoder(list[_Candidate] | None)
_feedbacks = msgspec.json.Decoder(_Feedback | None)
_names = msgspec.json.Decoder(str | None)
_anything = msgspec.json.Decoder()

_MAJOR = re.compile(r"gemini-(\d+)")
_GROUNDED = b'"groundingMetadata"'
_NONE: list[_Candidate] = []


def read_report(message: bytes, before: Report = NOTHING_YET) -> Report:
    """See `Dialect.report`. Every chunk may hold running totals, of which the last count. Garbage says nothing."""
    try:
        answer = _answers.decode(message)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return before
    raw = bytes(answer.get("usageMetadata", b""))
    block, clamped = read_block(raw) if raw else (None, False)
    usage, contradicted = disjoint(block) if block is not None else (None, False)
    model = _read(_names, answer.get("modelVersion")) or before.model
    usage = usage or before.usage
    if usage is not None:
        usage = _with_searches(usage, message, answer, model, before.usage)
    feedback = _read(_feedbacks, answer.get("promptFeedback"))
    return Report(
        usage=usage,
        model=model,
        service_tier=(_tier(block) if block is not None else None) or before.service_tier,
        failed=bool(_read(_anything, answer.get("error"))),
        clamped=clamped or contradicted or before.clamped,
        raw=raw or before.raw,
        last=bool(feedback and feedback.block_reason),
        answer_id=id_of(_read(_names, answer.get("responseId")), before),
    )


def _read(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw | None) -> Any:
    """The field, or None where it is not there or not what it should be."""
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _tier(block: Block) -> str | None:
    """The tier that served, by the names that prices go by; None where nothing is said.

    Vertex AI's on-demand traffic is the standard; its others have no price but that of their namesakes.
    """
    traffic = "on_demand" if block.traffic_type == ON_DEMAND else str(block.traffic_type or "")
    named = block.service_tier or traffic
    if not named:
        return None
    tier = named.lower().removeprefix("service_tier_").removeprefix("on_demand_")
    return None if tier.endswith("unspecified") else conditions(tier) or "standard"


def _with_searches(
    usage: Usage, message: bytes, answer: dict[str, msgspec.Raw], model: str | None, before: Usage | None
) -> Usage:
    """The usage with the searches that were made for it, as far as they are known by now."""
    known = (before.extras if before is not None else None) or Extras()
    if _GROUNDED in message:
        candidates = _read(_candidates, answer.get("candidates")) or _NONE
        known = _more(known, [c.grounding_metadata for c in candidates if c.grounding_metadata is not None], model)
    return replace(usage, extras=known) if known.counted() else usage


def _more(known: Extras, groundings: list[_Grounding], model: str | None) -> Extras:
    """Searches as they are charged, in this chunk or in those before."""
    queries = [query for g in groundings for query in (*(g.web_search_queries or ()), *(g.image_search_queries or ()))]
    chunks = [chunk for g in groundings for chunk in g.grounding_chunks or ()]
    searches = max(len(list(filter(None, queries))), int(any("web" in chunk for chunk in chunks)))
    found = _MAJOR.search(model or "")
    if found and int(found[1]) <= PER_PROMPT_UNTIL:
        searches = min(searches, 1)
    maps = int(any("maps" in chunk for chunk in chunks))
    return Extras(web_searches=max(known.web_searches, searches), map_searches=max(known.map_searches, maps))
