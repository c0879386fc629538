"""From the name in a request to the deployments that could serve it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Protocol

from gateway.catalog.providers import Deployment, Provider
from gateway.core.errors import Unavailable, UnknownModel
from gateway.core.route import TIERS
from gateway.prices.book import PriceBook

AUTO = "auto"
NAMES_REMEMBERED_MAX = 4096  # Callers may invent any number of names.

PREMIUM_FROM = 8 * 10**6  # Pico-dollars per output token: $8 a million.
STANDARD_FROM = 15 * 10**5  # $1.50 a million.


class Engines(Protocol):
    """What is known of the backends of providers that have some. Who changes what it says tells `Catalog.forget`."""

    def open(self, provider: str, model: str | None) -> frozenset[str]: ...  # noqa: D102 - who takes calls for it now

    def models(self, provider: str) -> frozenset[str]: ...  # noqa: D102 - what they say that they serve

    def may_serve(self, provider: str, model: str) -> bool: ...  # noqa: D102 - whether it is not known that none does


@dataclass(frozen=True)
class Catalog:
    """Which names exist. Configured ones first; then every priced model of an enabled provider, and what its backends
    serve, by its own name."""

    providers: Mapping[str, Provider]
    book: Callable[[], PriceBook]
    clock: Callable[[], float]
    models: Mapping[str, tuple[Deployment, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    tiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    engines: Engines | None = None  # None: all backends are taken to serve everything.
    _found: dict[str, tuple[Deployment, ...]] = field(default_factory=dict, repr=False)

    def find(self, name: str, provider: str = "") -> tuple[Deployment, ...]:
        """The deployments behind a name, each with its tier; where a `provider` is named, those at that one alone.
        Raises UnknownModel, with names that are like it; or Unavailable where none of its backends takes calls."""
        if provider:
            return self._find_at(name, provider)
        known = self._found.get(name)
        if known is None:
            known = self._open(self._find(name))
            if not known:
                raise UnknownModel(self._unknown(name))
            if len(self._found) >= NAMES_REMEMBERED_MAX:
                self._found.clear()
            self._found[name] = known
        return known

    def reached(self, provider: Provider) -> Provider:
        """Where a call goes that names no model: of a provider's backends the first that takes calls. Raises
        Unavailable if none does."""
        taking = self.engines.open(provider.name, None) if self.engines and provider.backends else None
        reached = next((p for p in provider.engines if taking is None or p.backend in taking), provider)
        if reached is provider and provider.backends:
            raise Unavailable(f"None of the backends of {provider.name} takes calls now.")
        return reached

    def names(self) -> tuple[str, ...]:
        """Every name that a caller may ask for, those of single deployments included."""
        return tuple(self.listed())

    def listed(self) -> dict[str, frozenset[str]]:
        """The same, each with the providers that it may lead to."""
        priced = [(p.name, model) for p in self.providers.values() for model in self._models(p)]
        bare: dict[str, frozenset[str]] = {}
        for provider, model in priced:
            bare[model] = bare.get(model, frozenset()) | {provider}
        ours = dict.fromkeys([*self.models, *self.aliases, *([*self.tiers, AUTO] if self.tiers else [])])
        single = {f"{provider}/{model}": frozenset((provider,)) for provider, model in priced}
        return {name: frozenset(d.provider.name for d in self._find(name)) for name in ours} | {
            name: providers for name, providers in (bare | single).items() if name not in ours
        }

    def forget(self) -> None:
        """Prices have changed, or backends have, and with them which names exist."""
        self._found.clear()

    def tier_of(self, deployment: Deployment) -> str:
        """The tier whose list names it or a model of it; without one, by its price for output."""
        for tier, members in self.tiers.items():
            for member in members:
                if member == deployment.group or deployment.group in {d.group for d in self.models.get(member, ())}:
                    return tier
        price = self.book().price(deployment.provider.priced_as, deployment.model, self.clock())
        if price is None:
            return TIERS[1]
        output = price.standard.base.output
        return TIERS[0] if output >= PREMIUM_FROM else TIERS[1] if output >= STANDARD_FROM else TIERS[2]

    def _find_at(self, name: str, provider: str) -> tuple[Deployment, ...]:
        """A name that means nothing else here is the provider's own, as it is in `provider/name`."""
        ours = name in self.models or name in self.aliases or name in self.tiers or name == AUTO
        try:
            found = tuple(d for d in self.find(name) if d.provider.name == provider)
        except UnknownModel:
            found = ()
        if found or not ours:
            return found or self.find(f"{provider}/{name}")
        raise UnknownModel(f"No deployment of that name is at {provider}.")

    def _find(self, name: str) -> tuple[Deployment, ...]:
        name = self.aliases.get(name, name)
        if name == AUTO:
            members = [member for tier in self.tiers.values() for member in tier]
        else:
            members = list(self.tiers.get(name, (name,)))
        found = {d.name: d for member in members for d in self._one(self.aliases.get(member, member))}
        return tuple(replace(d, tier=self.tier_of(d)) for d in found.values())

    def _open(self, found: tuple[Deployment, ...]) -> tuple[Deployment, ...]:
        """The same, with a deployment at each backend that takes calls where a provider has backends. Raises
        Unavailable if that leaves none, or UnknownModel if none of them serves the model."""
        if not any(d.provider.backends for d in found):
            return found
        taken = tuple(one for d in found for one in (self._at_backends(d) if d.provider.backends else (d,)))
        if taken:
            return taken
        if any(self.engines is None or self.engines.may_serve(d.provider.name, d.model) for d in found):
            raise Unavailable(f"None of the backends that serve {found[0].group} takes calls now.")
        raise UnknownModel(f"No backend serves {found[0].group}. GET /v1/models lists what there is.")

    def _at_backends(self, deployment: Deployment) -> list[Deployment]:
        provider, engines = deployment.provider, self.engines
        taking = None if engines is None else engines.open(provider.name, deployment.model)
        return [replace(deployment, provider=p) for p in provider.engines if taking is None or p.backend in taking]

    def _models(self, provider: Provider) -> Collection[str]:
        """What it has by its own names: what its backends say that they serve, or else what is priced."""
        served = self.engines.models(provider.name) if self.engines and provider.backends else frozenset()
        return sorted(served) or self.book().models(provider.priced_as)

    def _one(self, name: str) -> tuple[Deployment, ...]:
        if name in self.models:
            return self.models[name]
        provider, slash, model = name.partition("/")
        if slash and model and provider in self.providers:
            return (Deployment(self.providers[provider], model),)
        providers = tuple(self.providers.values())
        listed = [p for p in providers if name in self._models(p)]
        priced = [p for p in providers if self.book().price(p.priced_as, name, self.clock())]  # A dated variant, say.
        return tuple(Deployment(p, name) for p in listed or priced)

    def _unknown(self, name: str) -> str:
        if name in {AUTO, *TIERS}:
            return f"No models stand under {name} here: `tiers` in the configuration names them."
        near = get_close_matches(name[:100], self.names(), n=3)
        hint = f" Did you mean {' or '.join(near)}?" if near else " GET /v1/models lists what there is."
        return f"No model of that name is served here.{hint}"
