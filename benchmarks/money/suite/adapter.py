"""What the suite needs of a gateway: all that an adapter is. Money is whole pico-dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from servers import Redis


@dataclass(frozen=True)
class Terms:
    """What a gateway is to be set up for. Every tenant has a budget of its own, of this amount."""

    budget_picos: int
    tenants: tuple[str, ...] = ("t0",)
    replicas: int = 1
    window: str = "lifetime"  # Or "minute".
    strict: bool = False  # Streams hold the most that they can cost.
    patient: bool = True  # Wait for a slow store longer than by default: many processes share few cores here.


@dataclass(frozen=True)
class Line:
    """One charge in a gateway's ledger."""

    id: str
    request: str  # As the provider was told it.
    picos: int
    outcome: str
    window: str = ""  # Which one of the budget's it was charged to.


class Gateway(Protocol):
    """A gateway under test: so many replicas in front of one provider."""

    urls: list[str]
    headers: Mapping[str, Mapping[str, str]]  # By tenant.
    redis: Redis | None

    def start(self) -> None:
        """Return once every replica can be asked. Raises NotReady."""
        ...

    def kill(self, replica: int) -> None:
        """SIGKILL."""
        ...

    def restart(self, replica: int) -> None:
        """Start one that was killed, and return once it can be asked."""
        ...

    def restore_keys(self) -> None:
        """The store was emptied: put the callers' keys back."""
        ...

    def rest(self) -> None:
        """Return once everything is settled and booked."""
        ...

    def ledger(self) -> list[Line] | None:
        """Every charge, once at rest. None where it keeps no ledger."""
        ...

    def accounts_picos(self) -> int | None:
        """What its limits think was spent in all. None where they cannot be asked."""
        ...

    def stop(self) -> None:
        """End everything."""
        ...


class Kind(Protocol):
    """A way to make one."""

    name: str
    note: str  # What a reader of its figures must know.
    cannot: Mapping[str, str]  # Scenarios, and why.

    def make(self, folder: Path, provider_url: str, terms: Terms) -> Gateway:
        """Set one up, and start nothing. Raises OSError or a failed installation."""
        ...
