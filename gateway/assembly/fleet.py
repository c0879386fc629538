"""The engines of one's own that settings name."""

from __future__ import annotations

from gateway.config.settings import Settings
from gateway.fleet.backend import Backend
from gateway.fleet.fleet import Fleet


def fleet_of(settings: Settings) -> Fleet:
    """All backends, none of which has been asked anything yet."""
    return Fleet(
        Backend(
            provider=name,
            name=engine.backend,
            base_url=engine.base_url,
            kind=provider.engine,
            machine=settings.machines.get(name),
        )
        for name, provider in settings.providers.items()
        for engine in provider.engines
    )
