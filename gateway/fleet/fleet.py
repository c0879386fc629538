"""All engines of ours, and which of them take calls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gateway.core.tenant import Drain
from gateway.fleet.backend import Backend, State
from gateway.fleet.demand import Demand


class Fleet:
    """Looked up by the names of providers and deployments. Without backends it costs a call nothing. `share`: what this
    process sees of all calls."""

    def __init__(self, backends: Iterable[Backend] = (), share: float = 1.0) -> None:
        self.backends = tuple(backends)
        self._by_id = {backend.id: backend for backend in self.backends}
        self._by_provider: dict[str, list[Backend]] = {}
        for backend in self.backends:
            self._by_provider.setdefault(backend.provider, []).append(backend)
        self.demands = {provider: Demand(share) for provider in self._by_provider}  # What is asked of each provider's.

    def of(self, deployment: str) -> Backend | None:
        """The backend of a deployment, by its whole name: "local@10.0.0.5:8000/llama-70b"; None for any other."""
        return self._by_id.get(deployment.partition("/")[0])

    def named(self, name: str) -> Backend | None:
        """The backend with this id: "local@10.0.0.5:8000"; None if there is none."""
        return self._by_id.get(name)

    def at(self, provider: str) -> Sequence[Backend]:
        """The provider's backends."""
        return self._by_provider.get(provider, ())

    def drain(self, drains: Mapping[str, Drain]) -> None:
        """These get no new calls, by their ids; all others do again."""
        for backend in self.backends:
            drain = drains.get(backend.id)
            backend.drained = "" if drain is None else f"drained by {drain.by}"

    def open(self, provider: str, model: str | None) -> frozenset[str]:
        """The names of the provider's backends that take calls for the model now; None for any model."""
        known = self._by_provider.get(provider, ())
        return frozenset(b.name for b in known if b.state is State.READY and (model is None or b.serves(model)))

    def models(self, provider: str) -> frozenset[str]:
        """The models that the provider's backends said they serve, those included that take no calls now."""
        known = self._by_provider.get(provider, ())
        return frozenset().union(*(backend.models or () for backend in known))

    def may_serve(self, provider: str, model: str) -> bool:
        """Whether one of them serves the model, or has not said yet what it serves."""
        return any(backend.serves(model) for backend in self._by_provider.get(provider, ()))
