"""Judges whether a new feed may replace the old one without a person looking at it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from gateway.core.price import Price, Rates, Schedule
from gateway.prices.compose import compose
from gateway.prices.feed import Feed

KEPT = Fraction(9, 10)  # A feed that lost this much or more is damaged: 10 % fewer providers or models.
FACTOR = 3  # No honest price moves more at once; a slip of the unit moves it a thousandfold.


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a feed is accepted, and if not, each reason as a sentence."""

    accepted: bool
    reasons: tuple[str, ...] = ()


def judge(
    old: Feed, new: Feed, in_use: Iterable[tuple[str, str]], at: float, factor: int | Fraction = FACTOR
) -> Verdict:
    """Refuse a feed that shrinks, or in which a price in use moves too far, becomes zero or disappears.

    `in_use` holds (provider, model) pairs; those that the old feed does not price cannot get worse.
    """
    reasons = list(shrinkage(old, new))
    for provider, model in sorted(in_use):
        before, after = (compose(feed, provider, model, at).price for feed in (old, new))
        if before is None:
            continue
        name = f"{provider}/{model}"
        if after is None:
            reasons.append(f"{name} is no longer priced")
        else:
            reasons.extend(f"{name}{problem}" for problem in moves(before, after, factor))
    return Verdict(not reasons, tuple(reasons))


def shrinkage(old: Feed, new: Feed) -> Iterator[str]:
    """Counts that fell by a tenth or more."""
    counts = {
        "providers": (len(old.providers), len(new.providers)),
        "models": (old.model_count, new.model_count),
    }
    for what, (before, after) in counts.items():
        if before and after <= before * KEPT:
            yield f"the feed has {after} {what} where it had {before}"


def moves(before: Price, after: Price, factor: int | Fraction) -> Iterator[str]:
    """Suspicious differences between two prices of a model, standard and every tier that there was."""
    yield from schedule_moves(before.standard, after.standard, factor)
    for tier, schedule in before.tiers.items():
        if tier not in after.tiers:
            yield f" no longer has a price for {tier}"
        else:
            found = schedule_moves(schedule, after.tiers[tier], factor)
            yield from (f" at {tier}{problem}" for problem in found)


def schedule_moves(before: Schedule, after: Schedule, factor: int | Fraction) -> Iterator[str]:
    """Suspicious differences in any band of prompt sizes, each rate named once."""
    bounds = {tokens for schedule in (before, after) for tokens, _ in schedule.above}
    found: dict[str, str] = {}
    for size in (0, *(tokens + 1 for tokens in sorted(bounds))):
        for rate, problem in rate_moves(before.at(size), after.at(size), factor).items():
            found.setdefault(rate, f".{rate} {problem}")
    yield from found.values()


def rate_moves(before: Rates, after: Rates, factor: int | Fraction) -> Mapping[str, str]:
    """Rate -> what is wrong with its move. From zero, any move is one too far."""
    found: dict[str, str] = {}
    was_each, now_each = by_name(before), by_name(after)
    for name in was_each | now_each:
        was, now = was_each.get(name, 0), now_each.get(name, 0)
        if was and not now:
            found[name] = f"becomes zero, from {was} pico-dollars"
        elif now > was * factor or was > now * factor:
            found[name] = f"moves from {was} to {now} pico-dollars, more than {factor}-fold"
    return found


def by_name(rates: Rates) -> dict[str, int]:
    """Every rate by its name: the classes of tokens, the request, and each of the extras."""
    plain = (field.name for field in dataclasses.fields(Rates) if field.init and field.type == "int")
    return {name: getattr(rates, name) for name in plain} | dict(rates.extras)
