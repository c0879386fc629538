"""Judges whether a new feed may replace the old one without a person looking at it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from gateway.core.price import Price, Rates, Schedule
from gateway.prices.compose import compose
from gateway.prices.dated import changes
from gateway.prices.feed import Constraint, Feed
from gateway.prices.match import find

KEPT = Fraction(9, 10)  # A feed that lost this much or more is damaged: 10 % fewer providers or models.
FACTOR = 3  # No honest price moves more at once; a slip of the unit moves it a thousandfold.
TIER_FACTOR = 4  # No published tier is further from its standard: batch half, or a quarter, where input is cached too.
MOST_CHANGES = 100  # Instants of one model that are looked at. Published lists have seven conditions at most.


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a feed is accepted, and if not, each reason as a sentence."""

    accepted: bool
    reasons: tuple[str, ...] = ()


def judge(
    old: Feed, new: Feed, in_use: Iterable[tuple[str, str]], at: float, factor: int | Fraction = FACTOR
) -> Verdict:
    """Refuse a feed that shrinks, or in which a price in use moves too far, becomes zero or disappears: at the unix
    time `at`, or at a later one for which either feed says by now what will be charged.

    `in_use` holds (provider, model) pairs; those that the old feed does not price cannot get worse.
    """
    reasons = list(shrinkage(old, new))
    for provider, model in sorted(in_use):
        instants = changes([*constraints(old, provider, model), *constraints(new, provider, model)], at)
        if len(instants) > MOST_CHANGES:
            reasons.append(f"{provider}/{model} has more than {MOST_CHANGES} dates and hours at which it changes")
            continue
        found: dict[str, str] = {}
        for instant in instants:
            before, after = (compose(feed, provider, model, instant).price for feed in (old, new))
            for problem in moves(before, after, factor):
                found.setdefault(problem, "" if instant == at else f", as of {written(instant)}")
        reasons.extend(f"{provider}/{model}{problem}{when}" for problem, when in found.items())
    return Verdict(not reasons, tuple(reasons))


def constraints(feed: Feed, provider: str, model: str) -> Iterator[Constraint | None]:
    """When each of the prices applies that a feed has for a model."""
    found = find(feed, provider, model)
    if found is not None:
        yield from (item.constraint for item in found.model.conditionals)
        yield from (variant.constraint for variant in found.model.variants)


def written(instant: float) -> str:
    """A unix time for people, to the minute."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M UTC")


def shrinkage(old: Feed, new: Feed) -> Iterator[str]:
    """Counts that fell by a tenth or more."""
    counts = {
        "providers": (len(old.providers), len(new.providers)),
        "models": (old.model_count, new.model_count),
    }
    for what, (before, after) in counts.items():
        if before and after <= before * KEPT:
            yield f"the feed has {after} {what} where it had {before}"


def moves(before: Price | None, after: Price | None, factor: int | Fraction) -> Iterator[str]:
    """Suspicious differences between two prices of a model: standard, every tier that there was, and each new one,
    which is compared with what was the standard."""
    if before is None:
        return
    if after is None:
        yield " is no longer priced"
        return
    yield from schedule_moves(before.standard, after.standard, factor)
    for tier in before.tiers:
        if tier not in after.tiers:
            yield f" no longer has a price for {tier}"
    for tier, schedule in after.tiers.items():
        known = tier in before.tiers
        was, most = (before.tiers[tier], factor) if known else (before.standard, max(factor, TIER_FACTOR))
        yield from (f" at {'' if known else 'the new '}{tier}{found}" for found in schedule_moves(was, schedule, most))


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
