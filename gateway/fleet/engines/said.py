"""The metrics page of an engine, as Prometheus's text format has it, and the few figures of it that are of use. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import isfinite

from msgspec import Struct

COUNTED_MAX = 2.0**53
"""Beyond it a float counts no single call or token: no engine says so much."""


class Names(Struct, frozen=True):
    """What an engine calls its figures, of each the newest name first; of histograms without _sum or _count."""

    running: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    cache_used: tuple[str, ...] = ()
    hit_rate: tuple[str, ...] = ()
    hits: tuple[str, ...] = ()
    looked_up: tuple[str, ...] = ()
    prompt_tokens: tuple[str, ...] = ()
    generated_tokens: tuple[str, ...] = ()
    first_token: tuple[str, ...] = ()
    request: tuple[str, ...] = ()


class Times(Struct, frozen=True, gc=False):
    """How often something took time, and how long in all. Both only grow."""

    count: float = 0.0
    seconds: float = 0.0


class Said(Struct, frozen=True):
    """One look at an engine. None: it does not say."""

    running: float | None = None
    waiting: float | None = None
    cache_used: float | None = None  # A share, 0 to 1.
    hit_rate: float | None = None  # The same, where the engine itself works it out;
    hits: float | None = None  # else tokens found in its prefix cache,
    looked_up: float | None = None  # of so many that were looked for. Both only grow,
    prompt_tokens: float | None = None  # as these do.
    generated_tokens: float | None = None
    first_token: Times | None = None
    request: Times | None = None


NOTHING = Said()


def read(page: bytes, names: Names) -> Said:
    """What the page says of these names. An engine with several parts says each figure several times: counts add up,
    of shares the largest stands for all."""
    series = _series(page, _wanted(names))
    return Said(
        running=_sum(series, names.running),
        waiting=_sum(series, names.waiting),
        cache_used=_largest(series, names.cache_used),
        hit_rate=_largest(series, names.hit_rate),
        hits=_sum(series, names.hits),
        looked_up=_sum(series, names.looked_up),
        prompt_tokens=_sum(series, names.prompt_tokens),
        generated_tokens=_sum(series, names.generated_tokens),
        first_token=_times(series, names.first_token),
        request=_times(series, names.request),
    )


def _wanted(names: Names) -> frozenset[str]:
    plain = (*names.running, *names.waiting, *names.cache_used, *names.hit_rate, *names.hits, *names.looked_up)
    tokens = (*names.prompt_tokens, *names.generated_tokens)
    times = (f"{name}_{part}" for name in (*names.first_token, *names.request) for part in ("sum", "count"))
    return frozenset((*plain, *tokens, *times))


def _series(page: bytes, wanted: Collection[str]) -> Mapping[str, list[float]]:
    """The values of each name. What is not a number, or not one that can be reckoned with, is left out."""
    found: dict[str, list[float]] = {}
    for line in page.decode(errors="replace").splitlines():
        name = line.partition("{")[0].partition(" ")[0]
        if name not in wanted:
            continue
        rest = (line.rpartition("}")[2] if "{" in line else line.removeprefix(name)).split()
        try:
            value = float(rest[0])
        except (IndexError, ValueError):
            continue
        if isfinite(value) and value >= 0:
            found.setdefault(name, []).append(value)
    return found


def _first(series: Mapping[str, list[float]], names: Collection[str]) -> list[float]:
    return next((series[name] for name in names if name in series), [])


def _sum(series: Mapping[str, list[float]], names: Collection[str]) -> float | None:
    values = _first(series, names)
    counted = sum(values)
    return counted if values and counted <= COUNTED_MAX else None


def _largest(series: Mapping[str, list[float]], names: Collection[str]) -> float | None:
    return min(1.0, max(_first(series, names), default=-1.0)) if _first(series, names) else None


def _times(series: Mapping[str, list[float]], names: Collection[str]) -> Times | None:
    count = _sum(series, [f"{name}_count" for name in names])
    seconds = _sum(series, [f"{name}_sum" for name in names])
    return None if count is None or seconds is None else Times(count, seconds)
