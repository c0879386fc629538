"""Whose call it would be: a key, the limits over it, and what is left of them. Nothing is written."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence

from gateway.assembly.ledgers import ledger_reader
from gateway.assembly.stores import shared_leases
from gateway.cli.kept import kept_in
from gateway.cli.settings import Unusable
from gateway.config.settings import Settings
from gateway.core.caller import Key
from gateway.core.errors import GatewayError, Unavailable
from gateway.core.limit import Limit
from gateway.core.rolling import books
from gateway.directory.rules import in_force
from gateway.ledger.base import LedgerUnfit
from gateway.limits.accounts import Account
from gateway.stores.base import Standing
from gateway.stores.sqlite import held_in

NOBODY = Key("explain", b"")
"""Who asks where no key is named: nobody whom limits know."""


def key_and_limits(found: Settings, name: str) -> tuple[Key, tuple[Limit, ...]]:
    """The key with this id, and all limits in force. Without one nobody's, and those of the configuration."""
    if not name:
        return NOBODY, found.limits
    known = name.split("-")[1] if name.startswith("fw-") and name.count("-") else name
    try:
        with kept_in(found) as kept:
            return kept.key(known), in_force(found.limits, kept.rules().values())
    except (GatewayError, Unusable) as error:
        raise Unusable(f"--key: {error}") from None


def load(found: Settings, accounts: Collection[Account]) -> None:
    """What is spent of these by the ledger, and held by the store's last word. Raises Unusable."""
    now = time.time()
    try:
        spent = _spent(found, [name for account in accounts for name in books(account.id, now)])
        held = asyncio.run(_held(found, [account.id for account in accounts]))
    except (Unavailable, LedgerUnfit) as error:
        raise Unusable(f"what is left of the limits cannot be told: {error}") from None
    for account in accounts:
        account.load(spent)
        account.others = Standing(held=held.get(account.id, 0))


def _spent(found: Settings, names: Sequence[str]) -> dict[str, int]:
    if not names or (found.ledger_url is None and not found.ledger.exists()):
        return {}
    with ledger_reader(found) as reader:
        return reader.balances(names)


async def _held(found: Settings, records: Sequence[str]) -> dict[str, int]:
    if found.shared is None:
        return held_in(found.state, records) if found.state.exists() else {}
    async with shared_leases(found.shared) as store:
        standings = [await store.standings(name) for name in await store.seen()]
    return {record: sum(one[record].held for one in standings if record in one) for record in records}
