"""The built-in simulator, for settings that need it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.catalog.providers import KNOWN
from gateway.config.settings import Settings
from gateway.config.takeover import NeedsRestart

if TYPE_CHECKING:
    from gateway.simulator import Running

SIMULATED_TIERS = {"premium": ("sim/sim-large",), "standard": ("sim/sim-medium",), "economy": ("sim/sim-small",)}


def needs_simulator(settings: Settings) -> bool:
    """Whether the built-in simulator has to run: there is no provider at all, or one of its kind without an address."""
    return not all(provider.base_url for provider in settings.providers.values()) or not settings.providers


async def started_simulator(home: Path, port: int = 0) -> Running:
    """The built-in simulator, on a port of its own."""
    from gateway import simulator  # noqa: PLC0415 - who has providers need not wait for it.

    return await simulator.start(simulator.Settings(bill=home / "simulator-bill.jsonl"), "127.0.0.1", port)


def simulated(settings: Settings, url: str) -> Settings:
    """These settings with the built-in simulator's address where they need it. Raises NeedsRestart if none runs: ""."""
    if not needs_simulator(settings):
        return settings
    if not url:
        raise NeedsRestart("the simulator answers from the next start on")
    return with_simulator(settings, url)


def with_simulator(settings: Settings, url: str) -> Settings:
    """These settings with the simulator's address where none is given. Without a provider, it is the only one."""
    tiers = settings.tiers if settings.providers else settings.tiers or SIMULATED_TIERS
    providers = settings.providers or {"sim": KNOWN["sim"]}
    found = {name: p if p.base_url else replace(p, base_url=f"{url}/v1") for name, p in providers.items()}
    return replace(settings, providers=found, tiers=tiers)
