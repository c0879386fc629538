"""Composes the price of one model at one instant: the feed's, then what overrides it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gateway.core.price import STANDARD_TIERS, Price, Schedule
from gateway.prices.dated import Window, active, applying, window
from gateway.prices.feed import Conditional, Constraint, Feed, Variant
from gateway.prices.match import Found, find
from gateway.prices.overrides import CORRECTION, EVERY, Override, concerning
from gateway.prices.rates import Card, Steps, card, complete, free, schedule, sold, times
from gateway.prices.surcharges import STANDARD, Surcharge, Terms, in_region, surcharged

FREE_QUOTA = "gemini"
"""Models whose searches are free up to a quota of the whole account: of no single call is it known that it pays. They
are counted, and the cost says `uncertain`; whoever is beyond the quota sets a rate."""

SEARCHES = frozenset({"web_searches"})


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
    least: dict[str, int] = field(default_factory=dict)
    sure: bool = True
    configured: bool = False  # Only then may everything be free.
    own: bool = False  # A user's whole price: what they wrote is what they pay, wherever the call runs.

    def lay(self, override: Override) -> None:
        """Put an override on top. One for every model says nothing of those that have no price."""
        if override.model == EVERY and not sold(self.standard):
            return
        rates = {name: Steps(picos) for name, picos in override.rates.items()}
        if override.whole:
            self.id, self.standard, self.tiers, self.least = "", rates, {}, {}
            self.configured, self.sure, self.own = True, True, override.source != CORRECTION
        elif override.tier is None:
            self.standard = {**self.standard, **rates}
        else:
            self.tiers[override.tier] = {**self.tiers.get(override.tier, {}), **rates}
        if override.least_audio_ms is not None:
            self.least = {"audio_ms": override.least_audio_ms}
        name = f"+{override.source}" if self.id else f"{override.source}/{override.provider or '*'}/{override.model}"
        self.id += f"{name}{override.stamp}"

    def price(self, surcharges: Sequence[Surcharge] = (), region: str = "") -> Price | None:
        """The finished price; None while there is no rate that makes one, or where a feed alone claims that all is
        free."""
        if not sold(self.standard) or (free(self.standard.values()) and not self.configured):
            return None
        plain = {name: Terms({**self.standard, **own}) for name, own in self.tiers.items()}
        applied = () if self.own else in_region(surcharges, region)
        made = surcharged({STANDARD: Terms(self.standard), **plain}, applied)
        schedules = {name: priced for name, terms in made.items() if (priced := self.schedule(terms)) is not None}
        standard = schedules.pop(STANDARD)
        return Price(self.id + "".join(s.stamp(region) for s in applied), standard, schedules)

    def schedule(self, terms: Terms) -> Schedule | None:
        """Core rates of the standard or of a tier; None where a tier's own rates beside the standard's are no price, as
        those for output where what is given has none."""
        return schedule(times(terms.card, terms.factor, terms.cached), self.least, sure=self.sure and terms.sure)


def compose(
    feed: Feed,
    provider: str,
    model: str,
    at: float,
    layers: Sequence[Iterable[Override]] = (),
    *,
    surcharges: Iterable[Surcharge] = (),
    region: str = "",
) -> Dated:
    """The price of a model at a unix time, in a region. Later layers win; within one, the more specific entry does.
    What places and conditions add comes on top of them."""
    found = find(feed, provider, model)
    called, listed = model.lower(), found.model.id.lower() if found else None
    draft, valid = drafted(feed, found, at) if found is not None else (Draft(), Window())
    for layer in layers:
        for override in concerning(layer, provider, called, listed):
            valid &= override.window(at)
            if override.applies(at):
                draft.lay(override)
    mine = [surcharge for surcharge in surcharges if surcharge.covers(provider, called, listed)]
    for surcharge in mine:
        valid &= surcharge.window(at)
    return Dated(draft.price([surcharge for surcharge in mine if surcharge.applies(at)], region), valid)


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
        sure=complete(chosen.prices),
    )
    if found.model.id.startswith(FREE_QUOTA):
        draft.standard = {name: steps for name, steps in draft.standard.items() if name not in SEARCHES}
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
