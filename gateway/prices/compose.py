"""Composes the price of one model at one instant: the feed's, then what overrides it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.core.price import STANDARD_TIERS, Price, Schedule
from gateway.prices.dated import Window, active, applying, window
from gateway.prices.feed import Conditional, Constraint, Feed, Variant
from gateway.prices.match import Found, find
from gateway.prices.overrides import Override, concerning
from gateway.prices.rates import Card, Steps, card, extras, free, schedule

FREE_QUOTA = "gemini"
"""Models whose searches are free up to a quota of the whole account: of no single call is it known that it pays. They
are counted, and the cost says `uncertain`; whoever is beyond the quota sets a rate."""


@dataclass(frozen=True, slots=True)
class Dated:
    """A price, or None where none is known, and the time during which that stays true."""

    price: Price | None
    window: Window


@dataclass(slots=True)
class Draft:
    """A price in the making: published rates, what the tiers charge differently, and where it all comes from."""

    id: str = ""
    standard: Card = field(default_factory=dict)
    tiers: dict[str, Card] = field(default_factory=dict)
    extras: dict[str, int] = field(default_factory=dict)  # Pico-dollars each.
    configured: bool = False  # Only then may everything be free.

    def lay(self, override: Override) -> None:
        """Put an override on top."""
        rates = {name: Steps(picos) for name, picos in override.rates.items()}
        if override.whole:
            self.id, self.standard, self.tiers, self.configured = "", rates, {}, True
        elif override.tier is None:
            self.standard = {**self.standard, **rates}
        else:
            self.tiers[override.tier] = {**self.tiers.get(override.tier, {}), **rates}
        name = f"+{override.source}" if self.id else f"{override.source}/{override.provider or '*'}/{override.model}"
        self.id += f"{name}{override.stamp}"

    def price(self) -> Price | None:
        """The finished price; None while input has no rate, or where a feed alone claims that all is free."""
        standard = schedule(self.standard, self.extras)
        if standard is None or (free(self.standard.values()) and not self.configured):
            return None
        return Price(self.id, standard, self.tier_schedules())

    def tier_schedules(self) -> dict[str, Schedule]:
        """Schedules of the tiers: the standard's with what they charge differently."""
        made = ((name, schedule({**self.standard, **own}, self.extras)) for name, own in self.tiers.items())
        return {name: rates for name, rates in made if rates is not None}


def compose(feed: Feed, provider: str, model: str, at: float, layers: Sequence[Iterable[Override]] = ()) -> Dated:
    """The price of a model at a unix time. Later layers win; within one, the more specific entry does."""
    found = find(feed, provider, model)
    draft, valid = drafted(feed, found, at) if found is not None else (Draft(), Window())
    for layer in layers:
        for override in concerning(layer, provider, model.lower(), found.model.id.lower() if found else None):
            valid &= override.window(at)
            if override.applies(at):
                draft.lay(override)
    return Dated(draft.price(), valid)


def drafted(feed: Feed, found: Found, at: float) -> tuple[Draft, Window]:
    """What the feed itself says. Tiers are the provider's own: none are taken from a list that helps out."""
    conditionals = found.model.conditionals
    variants = found.model.variants if found.own else ()
    chosen = applying(conditionals, at)
    alive = [variant for variant in variants if active(variant.constraint, at)]
    draft = Draft(
        id=f"{feed.id}/{found.provider}/{found.model.id}@{dating(chosen, alive)}",
        standard=card(chosen.prices),
        tiers=tier_cards(alive),
        extras={} if found.model.id.startswith(FREE_QUOTA) else extras(chosen.prices),
    )
    constraints = [item.constraint for item in conditionals] + [variant.constraint for variant in variants]
    return draft, window(constraints, at)


def dating(chosen: Conditional, alive: list[Variant]) -> str:
    """The day since when this price is what it is, its tiers included, and the hours that it is limited to."""
    hours = chosen.constraint or Constraint()
    constraints = [hours, *(variant.constraint for variant in alive)]
    days = [constraint.start_date for constraint in constraints if constraint and constraint.start_date]
    since = max(days).isoformat() if days else "start"
    if hours.start_time is None or hours.end_time is None:
        return since
    return f"{since}T{hours.start_time:%H:%M}-{hours.end_time:%H:%M}"


def tier_cards(alive: list[Variant]) -> dict[str, Card]:
    """What each context charges differently. Where two variants apply to a context, the first one wins."""
    result: dict[str, Card] = {}
    for name, when in {tier_name(variant.when): variant.when for variant in alive}.items():
        if name in STANDARD_TIERS:
            continue
        own: dict[str, Steps] = {}
        for variant in reversed(alive):
            if variant.when.items() <= when.items():
                own.update(card(variant.prices))
        result[name] = own
    return result


def tier_name(when: dict[str, str]) -> str:
    """The name of a context in Price.tiers: 'flex', 'batch', or 'speed:fast' for what is no service tier."""
    words = [
        value if key == "service_tier" or (key, value) == ("processing", "batch") else f"{key}:{value}"
        for key, value in sorted(when.items())
    ]
    return ",".join(words)
