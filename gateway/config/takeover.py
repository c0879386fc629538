"""What of a changed configuration a running gateway takes over, and what needs a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from gateway.config.policies import predicts
from gateway.config.settings import Settings

TAKEN = frozenset({"providers", "left_alone", "models", "aliases", "tiers", "routing", "timeouts", "limits"})
"""Settings that are taken over whole, but for what `_PARTS` names of them."""

_KEYS = {
    "journal_sync_s": "journal",
    "machines": "providers (what machines cost)",
    "otel": "telemetry",
    "shared": "state",
    "ledger_url": "ledger",
}
"""What settings are called in the file, where it is not by their name."""

_PARTS: dict[str, Callable[[Settings], Any]] = {
    "providers (their base_urls)": lambda s: {name: p for name, p in s.providers.items() if p.backends},
    "routing (a policy that predicts)": lambda s: predicts(s.routing),
    "routing.guard": lambda s: s.routing.guard,
    "routing.difficulty": lambda s: s.routing.difficulty,
    "prices.feed": lambda s: (s.prices.feed_url, s.prices.feed_every_s),
    "cache": lambda s: replace(s.cache, prompt="keep"),
}
"""Parts of settings that else are taken over: what stands behind them was built at the start."""


class NeedsRestart(Exception):
    """Something has changed that is not taken over. Names it."""


@dataclass(frozen=True)
class Source:
    """A configuration that can be read again. `said`: what it has said; `read` raises ConfigError or OSError."""

    said: Settings
    read: Callable[[], Settings]

    def again(self) -> Source:
        """As it is now. Raises NeedsRestart, and what `read` raises."""
        now = self.read()
        if changed := sorted(dict.fromkeys(fixed(self.said, now))):
            raise NeedsRestart(f"{', '.join(changed)} cannot change while the gateway runs: restart it")
        return Source(now, self.read)


def fixed(before: Settings, after: Settings) -> Iterable[str]:
    """The keys of what differs and is not taken over."""
    for field in fields(Settings):
        name = field.name
        if name in TAKEN or name in ("prices", "cache"):
            continue
        if getattr(before, name) != getattr(after, name):
            yield _KEYS.get(name, name)
    for key, part in _PARTS.items():
        if part(before) != part(after):
            yield key
