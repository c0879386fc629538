"""Seeing that something has changed: what is so now is compared with what was so a while ago. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from gateway.core.alert import Alert, AlertKind


class Seen(NamedTuple):
    """How things are."""

    down: frozenset[str] = frozenset()  # Deployments that are left alone.
    drift: int = 0  # What the books disagree by.
    quarantined: str = ""  # Why a price feed waits; empty where none does.
    stale: bool = False  # The prices are older than they should be.
    keys: Mapping[str, tuple[str, bool]] | None = None  # By id: the alias, and whether it is revoked.


def changes(before: Seen, now: Seen, at: float, home: str) -> Iterator[Alert]:
    """What is to be told. `home` tells the gateways apart that see things each for themselves."""
    for name in sorted(now.down - before.down):
        sentence = f"{name} is left alone after failing repeatedly."
        yield _alert(AlertKind.PROVIDER_DOWN, f"{name}/{home}", at, sentence, deployment=name)
    for name in sorted(before.down - now.down):
        yield _alert(AlertKind.PROVIDER_RECOVERED, f"{name}/{home}", at, f"{name} answers again.", deployment=name)
    if now.drift and not before.drift:
        sentence = f"The books disagree by {now.drift} units: accounts, journal and ledger do not say the same."
        yield _alert(AlertKind.LEDGER_DRIFT, home, at, sentence, units=str(now.drift))
    if now.quarantined and now.quarantined != before.quarantined:
        sentence = f"New prices wait for a yes (fareway prices approve): {now.quarantined}"
        yield _alert(AlertKind.PRICE_QUARANTINED, home, at, sentence)
    if now.stale and not before.stale:
        sentence = "The price feed has not answered for long: prices may be out of date."
        yield _alert(AlertKind.PRICE_STALE, home, at, sentence)
    if before.keys is not None and now.keys is not None:
        yield from _keys(before.keys, now.keys, at)


def _keys(before: Mapping[str, tuple[str, bool]], now: Mapping[str, tuple[str, bool]], at: float) -> Iterator[Alert]:
    for name, (alias, revoked) in now.items():
        known = before.get(name)
        called = f"{name} ({alias})" if alias else name
        if known is None:
            sentence = f"The key {called} was made."
            yield Alert(f"{AlertKind.KEY_CREATED}/{name}", AlertKind.KEY_CREATED, at, sentence, {"key": name})
        if revoked and not (known or ("", False))[1]:
            sentence = f"The key {called} was revoked."
            yield Alert(f"{AlertKind.KEY_REVOKED}/{name}", AlertKind.KEY_REVOKED, at, sentence, {"key": name})


def _alert(kind: AlertKind, about: str, at: float, sentence: str, **data: str) -> Alert:
    """What may happen again is told again: the moment is a part of its id."""
    return Alert(f"{kind}/{about}/{at:.3f}", kind, at, sentence, data)
