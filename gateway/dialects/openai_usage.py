"""OpenAI's `usage` block, and what the providers that borrowed it made of it, as disjoint counters."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec.structs import replace

from gateway.core.money import Money
from gateway.core.usage import Extras, Usage
from gateway.dialects.base import Quirk

TOKENS_CREDIBLE_MAX = 1_000_000_000
"""A counter above this is an error of the provider, not a count: no context window comes near."""

DOLLARS_CREDIBLE_MAX = 1_000_000
"""The same for a reported cost. Books have 64 bits."""

TICKS_PER_DOLLAR = 10**10
PICOS_PER_TICK = 100
"""xAI's unit of `cost_in_usd_ticks`."""

CHARGING = frozenset({Quirk.CHARGES_REPORTED_COST, Quirk.CHARGES_COST_TICKS})
"""Of providers that charge by a cost that they report."""


Count = Annotated[int, msgspec.Meta(ge=0, le=TOKENS_CREDIBLE_MAX)]


class _Lifetimes(msgspec.Struct, gc=False):
    """Parts of what was written to the cache, by how long it is kept. The rest is kept for the default time."""

    ttl_12h_tokens: Count | None = None


class _Given(msgspec.Struct, gc=False):
    """Parts of the prompt."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None
    cache_write_tokens_details: _Lifetimes | None = None


class _Made(msgspec.Struct, gc=False):
    """Parts of the completion."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class Block(msgspec.Struct):
    """A usage block as it should be: whole counters, none negative or beyond belief."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: _Given | None = None
    completion_tokens_details: _Made | None = None
    prompt_cache_hit_tokens: Count | None = None  # DeepSeek.
    num_cached_tokens: Count | None = None  # Mistral.
    cached_tokens: Count | None = None  # Moonshot, Together.
    prompt_audio_seconds: Any = None  # Mistral.


class NewerBlock(Block):
    """The same by the names of OpenAI's newer endpoints: responses and images."""

    prompt_tokens: Count | None = msgspec.field(default=None, name="input_tokens")
    completion_tokens: Count | None = msgspec.field(default=None, name="output_tokens")
    prompt_tokens_details: _Given | None = msgspec.field(default=None, name="input_tokens_details")
    completion_tokens_details: _Made | None = msgspec.field(default=None, name="output_tokens_details")


_OLDER_NAMES = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "input_token_details": "prompt_tokens_details",  # So spelt for transcriptions.
    "output_tokens_details": "completion_tokens_details",
}

UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What reading JSON of strangers can raise."""

NO_QUIRKS: frozenset[Quirk] = frozenset()
_newer = msgspec.json.Decoder(NewerBlock)
_NONE_GIVEN, _NONE_MADE = _Given(), _Made()
_HITS = ("prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens")
_COUNTS_GIVEN = tuple(name for name in _Given.__struct_fields__ if name != "cache_write_tokens_details")


def read_usage(block: Mapping[str, Any], quirks: frozenset[Quirk]) -> tuple[Usage | None, bool]:
    """The counters of a block that may hold anything, and whether they had to be mended. None if there is no usable
    total at all."""
    mended, clamped = _mended(block, Block, ("prompt_tokens", "completion_tokens", "total_tokens"))
    if clamped or mended.prompt_tokens is None:
        return None, True  # A main counter is nonsense or missing: nothing to charge by.
    hits, clamped_hits = _mended(block, Block, _HITS)
    details = block.get("prompt_tokens_details")
    given, clamped_given = _mended(details, _Given, _COUNTS_GIVEN)
    lifetimes = details.get("cache_write_tokens_details") if isinstance(details, Mapping) else None
    kept, clamped_kept = _mended(lifetimes, _Lifetimes, _Lifetimes.__struct_fields__)
    made, clamped_made = _mended(block.get("completion_tokens_details"), _Made, _Made.__struct_fields__)
    whole = replace(
        mended,
        prompt_tokens_details=replace(given, cache_write_tokens_details=kept),
        completion_tokens_details=made,
        prompt_audio_seconds=block.get("prompt_audio_seconds"),
        **{name: getattr(hits, name) for name in _HITS},
    )
    usage, clamped = disjoint(whole, quirks)
    return usage, clamped or clamped_hits or clamped_given or clamped_kept or clamped_made


def counted_newer(raw: bytes) -> tuple[Usage | None, bool]:
    """As `read_usage`, of valid JSON by the names of OpenAI's newer endpoints."""
    try:
        return disjoint(_newer.decode(raw), NO_QUIRKS)
    except UNREADABLE:
        found = _decoded(raw)
        return read_newer_usage(found) if isinstance(found, Mapping) else (None, True)


def read_newer_usage(block: Mapping[str, Any], quirks: frozenset[Quirk] = NO_QUIRKS) -> tuple[Usage | None, bool]:
    """As `read_usage`, by the names of OpenAI's newer endpoints."""
    return read_usage({_OLDER_NAMES.get(name, name): value for name, value in block.items()}, quirks)


S = TypeVar("S", bound=msgspec.Struct)


def _mended(block: Any, kind: type[S], names: tuple[str, ...]) -> tuple[S, bool]:
    """These counters; 0 for one that is none, and then True."""
    found = {name: block.get(name) for name in names} if isinstance(block, Mapping) else {}
    bad = [name for name, value in found.items() if not (value is None or _counts(value))]
    return kind(**found | dict.fromkeys(bad, 0)), bool(bad)


def _counts(value: Any) -> bool:
    return type(value) is int and 0 <= value <= TOKENS_CREDIBLE_MAX


def disjoint(block: Block, quirks: frozenset[Quirk]) -> tuple[Usage | None, bool]:
    """The counters, none holding another's tokens, and whether they contradicted each other, or leave out how long the
    sound was that is charged by that."""
    usage, clamped = _divided(block, quirks)
    if usage is None or Quirk.AUDIO_BESIDE_INPUT not in quirks:
        return usage, clamped
    heard = length_ms(block.prompt_audio_seconds)
    if heard is None:
        return usage, clamped or usage.input_audio > 0
    return replace(usage, extras=Extras(audio_ms=heard)) if heard else usage, clamped


def length_ms(seconds: Any) -> int | None:
    """How long a recording was, in milliseconds, begun ones included. None for what is no length."""
    if type(seconds) not in (int, float) or not 0 <= seconds <= TOKENS_CREDIBLE_MAX // 1000:
        return None
    return -int(-seconds * 1000 // 1)


def _divided(block: Block, quirks: frozenset[Quirk]) -> tuple[Usage | None, bool]:
    """The counters of tokens.

    Identities and departures: OpenAI counts cached, written and audio tokens inside the prompt and
    reasoning inside the completion; see `Quirk` for who does not. What only the total counts is taken for output.
    """
    if block.prompt_tokens is None:
        return None, True
    given, made = block.prompt_tokens_details or _NONE_GIVEN, block.completion_tokens_details or _NONE_MADE
    prompt, completion, reasoning = block.prompt_tokens, block.completion_tokens or 0, made.reasoning_tokens or 0
    total = block.total_tokens or 0
    if quirks:
        if Quirk.OUTPUT_IS_THE_REST in quirks and total > prompt + completion:
            reasoning, completion = total - prompt - completion, total - prompt
        if Quirk.REASONING_BESIDE_OUTPUT in quirks:
            completion += reasoning
    hits = block.prompt_cache_hit_tokens or block.num_cached_tokens or block.cached_tokens
    cached = given.cached_tokens or hits or 0
    written, heard, seen = given.cache_write_tokens or 0, given.audio_tokens or 0, given.image_tokens or 0
    spoken, drawn = made.audio_tokens or 0, made.image_tokens or 0
    beside = heard if Quirk.AUDIO_BESIDE_INPUT in quirks else 0
    untold = max(0, total - prompt - beside - completion)  # Of a provider that counts something beside the output.
    completion += untold
    text = prompt - cached - written - (heard - beside) - seen
    wording = completion - reasoning - spoken - drawn
    long = _kept_longer(given)
    if text < 0 or wording < 0 or long > written:
        parts = (cached, min(long, written), max(0, written - long), heard - beside, seen)
        return _clamped(prompt, parts, completion, (reasoning, spoken, drawn), beside)
    usage = Usage(
        input=text,
        cache_read=cached,
        cache_write=written - long,
        cache_write_12h=long,
        input_audio=heard,
        input_image=seen,
        output=wording,
        output_reasoning=reasoning,
        output_audio=spoken,
        output_image=drawn,
    )
    return usage, untold > 0


def _kept_longer(given: _Given) -> int:
    """Of the tokens written to the cache, those for twelve hours."""
    lifetimes = given.cache_write_tokens_details
    return (lifetimes.ttl_12h_tokens or 0) if lifetimes is not None else 0


def _clamped(
    prompt: int, given: tuple[int, ...], completion: int, made: tuple[int, ...], beside: int
) -> tuple[Usage, bool]:
    """Parts that pass their whole: each in turn gets what the ones before it have left."""
    text, (cached, long, written, heard, seen) = _shared(prompt, given)
    wording, (reasoning, spoken, drawn) = _shared(completion, made)
    usage = Usage(
        input=text,
        cache_read=cached,
        cache_write=written,
        cache_write_12h=long,
        input_audio=heard + beside,
        input_image=seen,
        output=wording,
        output_reasoning=reasoning,
        output_audio=spoken,
        output_image=drawn,
    )
    return usage, True


def _shared(whole: int, parts: tuple[int, ...]) -> tuple[int, list[int]]:
    """What remains of the whole, and how much each part may be of it."""
    fitting = []
    for part in parts:
        fitting.append(min(part, whole))
        whole -= fitting[-1]
    return whole, fitting


def read_cost(block: Mapping[str, Any], quirks: frozenset[Quirk]) -> Money | None:
    """What the provider says it charged, if it is one that charges by that figure."""
    if Quirk.CHARGES_COST_TICKS in quirks:
        ticks = block.get("cost_in_usd_ticks")
        if type(ticks) is not int or not 0 <= ticks <= DOLLARS_CREDIBLE_MAX * TICKS_PER_DOLLAR:
            return None
        return Money(ticks * PICOS_PER_TICK)
    if Quirk.CHARGES_REPORTED_COST in quirks and not block.get("is_byok"):
        return dollars(block.get("cost"))
    return None


def charged(raw: bytes, quirks: frozenset[Quirk]) -> Money | None:
    """As `read_cost`, of usage that is valid JSON."""
    if not quirks & CHARGING:
        return None
    found = _decoded(raw)
    return read_cost(found, quirks) if isinstance(found, Mapping) else None


def _decoded(raw: bytes) -> Any:
    """What this JSON says; None where nobody can hold it: a number without bounds, or what is no UTF-8."""
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        return None


def dollars(value: Any) -> Money | None:
    """A JSON number of dollars, rounded up to a pico-dollar: some are the trace of a binary fraction."""
    if type(value) not in (int, float) or not 0 <= value <= DOLLARS_CREDIBLE_MAX:
        return None
    return Money(int(Decimal(str(value)).scaleb(12).to_integral_value(ROUND_CEILING)))
