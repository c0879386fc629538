"""Which prices are in use: what a feed must not move far."""

from __future__ import annotations

from contextlib import suppress

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import priced_as
from gateway.config.settings import Settings
from gateway.core.errors import Unavailable, UnknownModel
from gateway.ledger.reader import Reader

IN_USE_S = 30 * 86_400
"""What was called so lately is in use."""

Pairs = set[tuple[str, str]]
"""Providers, as prices name them, with their models."""


def configured(names: Catalog) -> Pairs:
    """What the configuration's own names lead to."""
    found: Pairs = set()
    for name in (*names.models, *names.tiers):
        with suppress(UnknownModel, Unavailable):
            found |= {(one.provider.priced_as, one.model) for one in names.find(name)}
    return found


def called(settings: Settings, ledger: Reader, now: float) -> Pairs:
    """What calls were settled by lately, of whichever process: models as they were asked, and as answers named them."""
    return {(priced_as(name, settings.providers), model) for name, model in ledger.priced(now - IN_USE_S)}
