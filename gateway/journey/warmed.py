"""What is warm for a call at one place, what that saves, and how long it waits there."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.core.request import Request
from gateway.journey.option import Option
from gateway.journey.visit import Expected
from gateway.prompt_cache.warmth import Prefix, Warmth


def warmed(option: Option, request: Request, warmth: Warmth, prefix: Prefix, now: float, *, given: int) -> Option:
    """The option with what is warm there, what that saves, and how long a call waits. `given`: tokens of the prompt,
    the same for all that count alike, so that what is learned of each does not decide between them."""
    provider, price = option.deployment.provider, option.price
    cache_tokens = provider.cache_tokens if provider.selfhosted else None
    outlook = warmth.outlook(option.candidate.name, prefix, given, now, cache_tokens=cache_tokens)
    candidate = replace(
        option.candidate,
        cost_likely=price.likely(given, option.output_guess, outlook.warm_tokens) if price else None,
        cost_warm=price.likely(given, option.output_guess, given) if price else None,
        warm_tokens=outlook.warm_tokens,
        wait_ms=outlook.wait_ms,
        prefill_ms=outlook.prefill_ms,
        tokens_lately=outlook.tokens_lately,
    )
    expected = Expected(warmth, outlook, request.key_id, request.facts.session, cache_tokens)
    return replace(option, candidate=candidate, expected=expected)
