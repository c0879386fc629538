"""What two looks at an engine tell together: how much it did between them. Pure."""

from __future__ import annotations

from gateway.fleet.backend import Load, Speed
from gateway.fleet.engines.said import Said, Times


def load_of(said: Said, before: Said, load: Load, at: float) -> Load:
    """Its work now. `before` and `load` are of the look before this one."""
    looked_up, hits = grown(before.looked_up, said.looked_up), grown(before.hits, said.hits)
    hit_rate = said.hit_rate
    if hit_rate is None:  # Nothing looked up says nothing new.
        hit_rate = min(1.0, hits / looked_up) if looked_up and hits is not None else load.hit_rate
    return Load(
        at=at,
        running=_whole(said.running),
        waiting=_whole(said.waiting),
        cache_used=said.cache_used,
        hit_rate=hit_rate,
        prompt_tokens=_whole(said.prompt_tokens),
        generated_tokens=_whole(said.generated_tokens),
    )


def speed_of(said: Said, before: Said, speed: Speed, seconds: float) -> Speed:
    """How fast it was since the look before this one, `seconds` ago; as before where it did nothing."""
    return Speed(
        prompt=_rate(grown(before.prompt_tokens, said.prompt_tokens), seconds) or speed.prompt,
        generated=_rate(grown(before.generated_tokens, said.generated_tokens), seconds) or speed.generated,
        first_token_s=_average(before.first_token, said.first_token) or speed.first_token_s,
        request_s=_average(before.request, said.request) or speed.request_s,
    )


def grown(before: float | None, now: float | None) -> float | None:
    """By how much something that only grows has grown: an engine that was started anew began at zero. None: unknown."""
    if before is None or now is None:
        return None
    return now - before if now >= before else now


def _rate(amount: float | None, seconds: float) -> float | None:
    return amount / seconds if amount and seconds > 0 else None


def _average(before: Times | None, now: Times | None) -> float | None:
    if before is None or now is None:
        return None
    if now.count < before.count:
        before = Times()
    count = now.count - before.count
    return max(0.0, now.seconds - before.seconds) / count if count else None


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
