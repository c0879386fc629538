"""OpenAI's `usage` block, and what the providers that borrowed it made of it, as disjoint counters."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from msgspec.structs import replace

from gateway.core.money import Money
from gateway.core.usage import Usage
from gateway.dialects.base import Quirk

TOKENS_CREDIBLE_MAX = 1_000_000_000
"""A counter above this is an error of the provider, not a count: no context window comes near."""

DOLLARS_CREDIBLE_MAX = 1_000_000
"""The same for a reported cost. Books have 64 bits."""

TICKS_PER_DOLLAR = 10**10
PICOS_PER_TICK = 100
"""xAI's unit of `cost_in_usd_ticks`."""


class _Counters:
    """Reads counters that should be whole and not negative; remembers if one was not."""

    def __init__(self) -> None:
        self.clamped = False

    def read(self, block: Any, name: str) -> int:
        value = block.get(name) if isinstance(block, Mapping) else None
        if value is None:
            return 0
        if type(value) is not int or not 0 <= value <= TOKENS_CREDIBLE_MAX:
            self.clamped = True
            return 0
        return value

    def within(self, part: int, whole: int) -> int:
        """The part, no larger than the whole."""
        if part > whole:
            self.clamped = True
        return min(part, whole)


def read_usage(block: Mapping[str, Any], quirks: frozenset[Quirk]) -> tuple[Usage | None, bool]:
    """The counters, and whether they had to be mended. None if the block holds no usable total at all.

    Identities and departures: OpenAI counts cached, written and audio tokens inside the prompt and
    reasoning inside the completion; see `Quirk` for who does not.
    """
    counters = _Counters()
    prompt, completion = counters.read(block, "prompt_tokens"), counters.read(block, "completion_tokens")
    total = counters.read(block, "total_tokens")
    if counters.clamped or block.get("prompt_tokens") is None:
        return None, True  # A main counter is nonsense or missing: nothing to charge by.
    if Quirk.OUTPUT_IS_THE_REST in quirks and total > prompt + completion:
        reasoning, completion = total - prompt - completion, total - prompt
    else:
        reasoning = counters.read(block.get("completion_tokens_details"), "reasoning_tokens")
    if Quirk.REASONING_BESIDE_OUTPUT in quirks:
        completion += reasoning
    given = _input(block, prompt, quirks, counters)
    return _output(given, block, completion, counters.within(reasoning, completion), counters), counters.clamped


def _input(block: Mapping[str, Any], prompt: int, quirks: frozenset[Quirk], counters: _Counters) -> Usage:
    details = block.get("prompt_tokens_details")
    cached = counters.read(details, "cached_tokens")
    cached = cached or counters.read(block, "prompt_cache_hit_tokens") or counters.read(block, "num_cached_tokens")
    cached = counters.within(cached, prompt)
    written = counters.within(counters.read(details, "cache_write_tokens"), prompt - cached)
    rest = prompt - cached - written
    audio = counters.read(details, "audio_tokens")
    if Quirk.AUDIO_BESIDE_INPUT not in quirks:
        audio = counters.within(audio, rest)
        rest -= audio
    image = counters.within(counters.read(details, "image_tokens"), rest)
    return Usage(input=rest - image, cache_read=cached, cache_write=written, input_audio=audio, input_image=image)


def _output(given: Usage, block: Mapping[str, Any], completion: int, reasoning: int, counters: _Counters) -> Usage:
    details = block.get("completion_tokens_details")
    rest = completion - reasoning
    audio = counters.within(counters.read(details, "audio_tokens"), rest)
    image = counters.within(counters.read(details, "image_tokens"), rest - audio)
    return replace(
        given, output=rest - audio - image, output_reasoning=reasoning, output_audio=audio, output_image=image
    )


def read_cost(block: Mapping[str, Any], quirks: frozenset[Quirk]) -> Money | None:
    """What the provider says it charged, if it is one that charges by that figure."""
    if Quirk.CHARGES_COST_TICKS in quirks:
        ticks = block.get("cost_in_usd_ticks")
        if type(ticks) is not int or not 0 <= ticks <= DOLLARS_CREDIBLE_MAX * TICKS_PER_DOLLAR:
            return None
        return Money(ticks * PICOS_PER_TICK)
    if Quirk.CHARGES_REPORTED_COST in quirks and not block.get("is_byok"):
        return _dollars(block.get("cost"))
    return None


def _dollars(value: Any) -> Money | None:
    """A JSON number of dollars, rounded up to a pico-dollar: some are the trace of a binary fraction."""
    if type(value) not in (int, float) or not 0 <= value <= DOLLARS_CREDIBLE_MAX:
        return None
    return Money(int(Decimal(str(value)).scaleb(12).to_integral_value(ROUND_CEILING)))
