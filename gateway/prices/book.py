"""The price book: one feed, our corrections and the user's overrides, behind a look-up fast enough for every call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from gateway.core.price import Price
from gateway.prices.compose import Dated, compose
from gateway.prices.feed import Feed
from gateway.prices.match import Found, find
from gateway.prices.overrides import Override
from gateway.prices.patterns import LONGEST_NAME
from gateway.prices.rates import Inexact, card, inexact, sold
from gateway.prices.recent import Recent
from gateway.prices.surcharges import Surcharge

REMEMBERED = 4096  # (provider, model) pairs. A gateway uses a few hundred; callers may invent any number.

AGGREGATOR = "openrouter"  # Names models by their makers: openai/gpt-5.

OutputLimits = Mapping[str, Mapping[str, int]]  # Provider -> model in lower case -> most tokens of one answer.


class PriceBook:
    """Immutable: a new feed or new overrides make a new book. Providers go by the ids of genai-prices.

    User overrides win over corrections, and these over the feed. Not for use from several threads at once.
    """

    def __init__(
        self,
        feed: Feed,
        overrides: Iterable[Override] = (),
        corrections: Iterable[Override] = (),
        output_limits: OutputLimits | None = None,
        surcharges: Iterable[Surcharge] = (),
    ) -> None:
        self.feed = feed
        self._surcharges = tuple(surcharges)
        self._layers = (tuple(corrections), tuple(overrides))
        self._limits: OutputLimits = output_limits or {}
        self._priced: dict[tuple[str, str, str], Dated] = {}
        self._unpriced: Recent[tuple[str, str, str], Dated] = Recent(REMEMBERED)
        self._found: Recent[tuple[str, str], tuple[Found | None]] = Recent(REMEMBERED)
        self._most: Recent[tuple[str, str], tuple[int | None]] = Recent(REMEMBERED)

    @property
    def id(self) -> str:
        """What price ids call the feed, such as 'genai-prices-0.2.3'."""
        return self.feed.id

    @property
    def date(self) -> str:
        """The day of the feed, such as '2026-11-10'."""
        return self.feed.date

    @cached_property
    def exceptions(self) -> tuple[Inexact, ...]:
        """The feed's rates that are not charged as they stand: rounded up, or of what nobody here counts."""
        return inexact(self.feed)

    def price(self, provider: str, model: str, at: float, region: str = "") -> Price | None:
        """The price of a model at a unix time; None where none is known, which is not the same as free.

        `region` is the provider's as configured: a call counts where it is sent to, and when it began.
        """
        known = self._priced.get((provider, model, region))
        if known is not None and known.window.since <= at < known.window.until:
            return known.price
        return self._look_up(provider, model, at, region)

    def dated(self, provider: str, model: str, at: float, region: str = "") -> Dated:
        """The same with the time during which it holds, composed anew."""
        return compose(self.feed, provider, model, at, self._layers, surcharges=self._surcharges, region=region)

    def models(self, provider: str) -> tuple[str, ...]:
        """Ids of the models with a price now listed for a provider, less those it has deprecated, sorted."""
        return self._models.get(provider, ())

    def context_window(self, provider: str, model: str) -> int | None:
        """Most input tokens that a model takes, where the feed says so."""
        found = self._entry(provider, model)
        return found.model.context_window if found is not None else None

    def output_max(self, provider: str, model: str) -> int | None:
        """Most tokens of one answer, where known: by the name called or listed, here or where the model is from."""
        kept = self._most.get((provider, model))
        if kept is None:
            kept = (self._find_output_max(provider, model),)
            if len(model) <= LONGEST_NAME:
                self._most.put((provider, model), kept)
        return kept[0]

    def _find_output_max(self, provider: str, model: str) -> int | None:
        found = self._entry(provider, model)
        holders = dict.fromkeys((provider, found.provider if found is not None else provider))
        names = (model.lower(), found.model.id.lower() if found is not None else model.lower())
        for holder in holders:
            for name in names:
                if (most := self._limits.get(holder, {}).get(name)) is not None:
                    return most
        if provider != AGGREGATOR:
            return None
        made = (name.partition("/") for name in names)
        return next((most for maker, _, rest in made if (most := self.output_max(maker, rest)) is not None), None)

    def in_use(self) -> set[tuple[str, str]]:
        """The (provider, model) pairs that were priced lately: what a refresh must not move far."""
        return {(provider, model) for provider, model, _ in self._priced}

    def _look_up(self, provider: str, model: str, at: float, region: str) -> Price | None:
        """Compose and remember a price, or remember that there is none."""
        if len(model) > LONGEST_NAME or len(provider) > LONGEST_NAME:
            return None
        key = (provider, model, region)
        missed = self._unpriced.get(key)
        if missed is not None and missed.window.since <= at < missed.window.until:
            return None
        made = self.dated(provider, model, at, region)
        if made.price is None:
            self._unpriced.put(key, made)
            return None
        if len(self._priced) >= REMEMBERED:
            del self._priced[next(iter(self._priced))]  # The oldest: if it is in use, it is composed again.
        self._priced[key] = made
        return made.price

    def _entry(self, provider: str, model: str) -> Found | None:
        """The feed's entry for a model, remembered, in a tuple because None must be remembered too."""
        kept = self._found.get((provider, model))
        if kept is None:
            kept = (find(self.feed, provider, model),)
            if len(model) <= LONGEST_NAME:
                self._found.put((provider, model), kept)
        return kept[0]

    @cached_property
    def _models(self) -> dict[str, tuple[str, ...]]:
        """Models by provider: the feed's, and those that overrides price on their own."""
        named: dict[str, set[str]] = {}
        for provider in self.feed.providers.values():
            listed = (model for model in provider.models if not model.deprecated)
            priced = {model.id for model in listed if any(sold(card(c.prices)) for c in model.conditionals)}
            named[provider.id] = priced
        for override in (override for layer in self._layers for override in layer):
            if override.provider is not None and override.lists:
                known = named.setdefault(override.provider, set())
                if override.model not in {name.lower() for name in known}:
                    known.add(override.model)
        return {provider: tuple(sorted(names)) for provider, names in named.items()}
