"""Gemini's `usageMetadata` as disjoint counters.

Source: google-genai's types: the total "is the sum of `prompt_token_count`, `candidates_token_count`,
`tool_use_prompt_token_count`, and `thoughts_token_count`", and the prompt "includes the number of tokens in the
cached content".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from gateway.core.usage import Usage
from gateway.dialects.openai_usage import UNREADABLE

TOKENS_CREDIBLE_MAX = 1_000_000_000
"""A counter above this is an error of the provider, not a count: no context window comes near."""

Count = Annotated[int, msgspec.Meta(ge=0, le=TOKENS_CREDIBLE_MAX)]

_KINDS = {"TEXT": 0, "AUDIO": 1, "IMAGE": 2, "VIDEO": 3, "DOCUMENT": 2, 1: 0, 2: 2, 3: 3, 4: 1, 5: 2}
"""Modalities by name or number. A PDF was recorded as a document in the prompt and as images in the cache."""


class _Part(msgspec.Struct, rename="camel", gc=False):
    """Tokens of one modality."""

    modality: str | int = "TEXT"
    token_count: Count | None = None


class Block(msgspec.Struct, rename="camel"):
    """A usage block as it should be: whole counters, none negative or beyond belief."""

    prompt_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    candidates_token_count: Count | None = None
    response_token_count: Count | None = None  # The Live API's name for candidates.
    thoughts_token_count: Count | None = None
    tool_use_prompt_token_count: Count | None = None
    total_token_count: Count | None = None
    prompt_tokens_details: list[_Part] | None = None
    prompt_token_details: list[_Part] | None = None  # The same, of embeddings.
    cache_tokens_details: list[_Part] | None = None
    candidates_tokens_details: list[_Part] | None = None
    response_tokens_details: list[_Part] | None = None
    service_tier: str | None = None
    traffic_type: str | int | None = None  # Vertex AI's name for the tier.


_blocks = msgspec.json.Decoder(Block)
_anything = msgspec.json.Decoder()


def read_block(raw: bytes) -> tuple[Block | None, bool]:
    """The block, and whether something of it had to be left out. None if nothing of it can be charged by."""
    try:
        return _blocks.decode(raw), False
    except UNREADABLE:
        return _mended(raw)


def _mended(raw: bytes) -> tuple[Block | None, bool]:
    """What is right of a block that is JSON and may hold anything."""
    try:
        found = _anything.decode(raw.decode(errors="replace"))
    except UNREADABLE:  # JSON that nobody can hold: a number without bounds.
        return None, True
    if not isinstance(found, Mapping):
        return None, False
    names = dict(zip(Block.__struct_encode_fields__, Block.__struct_fields__, strict=True))
    good: dict[str, Any] = {}
    for written, name in names.items():
        try:
            good[name] = getattr(msgspec.convert({written: found.get(written)}, Block), name)
        except msgspec.ValidationError:
            if written.endswith("TokenCount"):
                return None, True  # A main counter is nonsense: nothing to charge by.
    return Block(**good), True


def disjoint(block: Block) -> tuple[Usage | None, bool]:
    """The counters, none holding another's tokens, and whether they contradicted each other.

    Thoughts and what tools put into the prompt stand beside prompt and candidates; cached tokens inside the prompt.
    None where there is no prompt to charge for: some chunks of Vertex AI name the tier alone.
    """
    made = block.candidates_token_count or block.response_token_count or 0
    thoughts, tool = block.thoughts_token_count or 0, block.tool_use_prompt_token_count or 0
    prompt, total = block.prompt_token_count, block.total_token_count
    if prompt is None and total is None:
        return None, made + thoughts + tool > 0
    missing = prompt is None
    prompt = max(0, (total or 0) - made - thoughts - tool) if prompt is None else prompt
    rest = max(0, (total or 0) - prompt - made - thoughts - tool)  # What nothing explains was generated unseen.
    given, clamped_given = _given(block, prompt)
    made_of, clamped_made = _fitted(made, block.candidates_tokens_details or block.response_tokens_details)
    wording, spoken, drawn, filmed = made_of
    usage = replace(
        given,
        input_tool=tool,
        output=wording + filmed,
        output_reasoning=thoughts + rest,
        output_audio=spoken,
        output_image=drawn,
        prompt=prompt if tool else None,
    )
    return usage, missing or rest > 0 or filmed > 0 or clamped_given or clamped_made


def _given(block: Block, prompt: int) -> tuple[Usage, bool]:
    """The counters of the prompt by modality, cached apart from uncached."""
    whole, clamped = _fitted(prompt, block.prompt_tokens_details or block.prompt_token_details)
    cached = min(block.cached_content_token_count or 0, prompt)
    hits, clamped_hits = _fitted(cached, block.cache_tokens_details)
    held, over = _within(hits, whole)
    text, audio, image, video = [all_of - part for all_of, part in zip(whole, held, strict=True)]
    counters = Usage(
        input=text,
        input_audio=audio,
        input_image=image,
        input_video=video,
        cache_read=held[0] + held[3],  # Film that was cached has the rate of text.
        cache_read_audio=held[1],
        cache_read_image=held[2],
    )
    beyond = (block.cached_content_token_count or 0) > prompt
    return counters, clamped or clamped_hits or over or beyond


def _fitted(whole: int, parts: Iterable[_Part] | None) -> tuple[tuple[int, int, int, int], bool]:
    """Tokens of text, audio, images and video, which make up the whole; what is not listed is text.

    Of image models the candidates' details list images alone (1,120 of 1,518): the rest is charged as text.
    """
    if not parts:
        return (whole, 0, 0, 0), False
    listed = [0, 0, 0, 0]
    for part in parts:
        listed[_KINDS.get(part.modality, 0)] += part.token_count or 0
    left, fitting = whole, [0, 0, 0, 0]
    for kind in (1, 2, 3):
        fitting[kind] = min(listed[kind], left)
        left -= fitting[kind]
    return (left, fitting[1], fitting[2], fitting[3]), sum(listed) > whole


def _within(hits: Iterable[int], whole: Iterable[int]) -> tuple[list[int], bool]:
    """Cached tokens by modality, none more than the prompt has of it, and whether any were: they are moved then to
    where there is room, text first and audio, the dearest, last."""
    rooms = list(whole)
    held = [min(hit, room) for hit, room in zip(hits, rooms, strict=True)]
    over = spilt = sum(hits) - sum(held)
    for kind in (0, 3, 2, 1):
        more = min(spilt, rooms[kind] - held[kind])
        held[kind] += more
        spilt -= more
    return held, over > 0
