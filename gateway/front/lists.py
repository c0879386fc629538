"""Which models there are for a key, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment
from gateway.core.caller import Key
from gateway.core.errors import UnknownModel
from gateway.front.models import Model, answerable


@dataclass(frozen=True)
class Lists:
    """See the module. `provider`: the only one that is meant, or empty."""

    catalog: Catalog

    def all(self, key: Key, provider: str) -> list[Model]:
        """Every model that the key may use."""
        return [
            self._known(name, behind)
            for name, behind in self.catalog.listed().items()
            if key.may_use(name) and (not provider or provider in behind)
        ]

    def one(self, name: str, key: Key, provider: str) -> Model:
        """The model of that name. Raises UnknownModel for one that the key may not use, or that nobody knows."""
        found = self.catalog.find(name, provider)
        behind = frozenset(d.provider.name for d in found)
        if not key.may_use(name) or not (name in self.catalog.listed() or any(map(self._priced, found))):
            raise UnknownModel("No model of that name is served here, or this key may not use it.")
        return self._known(name, behind, found)

    def _known(self, name: str, behind: frozenset[str], found: tuple[Deployment, ...] = ()) -> Model:
        providers = self.catalog.providers
        dialects = frozenset().union(*(answerable(providers[each].dialects) for each in behind))
        book, limits = self.catalog.book(), [(d.provider.priced_as, d.model) for d in found]
        windows = [window for limit in limits if (window := book.context_window(*limit)) is not None]
        outputs = [most for limit in limits if (most := book.output_max(*limit)) is not None]
        return Model(name, behind, dialects, min(windows, default=None), min(outputs, default=None))

    def _priced(self, deployment: Deployment) -> bool:
        book, now = self.catalog.book(), self.catalog.clock()
        return book.price(deployment.provider.priced_as, deployment.model, now) is not None
