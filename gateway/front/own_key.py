"""What the holder of a key may know of it: what it is good for, and what is left of its limits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from gateway.core.caller import Key
from gateway.core.limit import Unit
from gateway.core.money import Money
from gateway.limits.accounts import Account
from gateway.limits.windows import utc_text


class LimitState(Struct, frozen=True):
    """One limit in the window that runs. Amounts are decimal text: dollars, or a count of the unit."""

    node: str
    unit: str
    window: str
    mode: str
    amount: str
    spent: str
    held: str  # Set aside by calls in flight.
    left: str  # Never below zero.
    resets_at: str | None  # RFC 3339; null for a limit that does not.


class OwnKey(Struct, frozen=True):
    """A key, as its holder sees it."""

    id: str
    alias: str
    org: str
    team: str
    user: str
    role: str
    tags: tuple[str, ...]
    models: tuple[str, ...]  # Empty for all.
    networks: tuple[str, ...]  # Empty for anywhere.
    expires: str | None
    limits: list[LimitState]
    deadline_s: float | None  # By when its calls want their answers where they do not say; null: at once.
    webhook: str  # That hears of those which were answered later.
    webhook_secret: str  # What webhooks are signed with.
    object: str = "key"


def key_document(key: Key, accounts: Iterable[Account], webhook_secret: str) -> OwnKey:
    """The answer to GET /v1/key."""
    caller = key.caller
    return OwnKey(
        *(key.id, key.alias, caller.org, caller.team, caller.user, key.role),
        *(caller.tags, key.models, key.networks, moment_text(key.expires)),
        [state(account) for account in accounts],
        *(key.deadline_s, key.webhook, webhook_secret),
    )


def state(account: Account) -> LimitState:
    """The figures of all replicas together, as far as this one knows."""
    limit = account.limit
    amounts = (limit.amount, account.spent_by_all, account.held + account.others.held, max(0, account.left))
    amount, spent, held, left = (figure(one, limit.unit) for one in amounts)
    resets_at = utc_text(account.resets_at)
    return LimitState(account.node, limit.unit, limit.window, limit.mode, amount, spent, held, left, resets_at)


def figure(amount: int, unit: Unit) -> str:
    """An amount as decimal text: dollars, or a count."""
    return Money.of_nanos(amount).decimal if unit is Unit.USD else str(amount)


def moment_text(at: float | None) -> str | None:
    """A Unix time as RFC 3339 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
