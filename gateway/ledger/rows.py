"""An entry as a row: what every database keeps of it in columns, beside the whole of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

import msgspec

from gateway.core.entry import Entry

COLUMNS = (
    *("id", "request_id", "at", "key_id", "org", "team", "user", "asked_model", "provider", "model", "tier"),
    *("deployment", "outcome", "cost_status", "cost_picos", "saved_nanos", "input_tokens", "cached_tokens"),
    *("output_tokens", "charges", "entry", "replica", "answer_id"),
)


def row(entry: Entry) -> tuple[object, ...]:
    """The values of COLUMNS, in order."""
    usage, caller = entry.usage, entry.caller
    return (
        *(entry.id, entry.request_id, entry.at, caller.key_id, caller.org, caller.team, caller.user),
        *(entry.asked_model, entry.provider, entry.model, entry.tier),
        *("selfhosted" if entry.selfhosted else "api", entry.outcome, entry.cost.status),
        *(entry.cost.total.picos if entry.cost.total is not None else None, entry.saved_nanos),
        *(usage.input_total, usage.cache_read, usage.output_total, msgspec.json.encode(entry.charges).decode()),
        *(msgspec.json.encode(entry), entry.replica, entry.answer_id),
    )


def charged(entries: Iterable[Entry], new: Collection[str]) -> dict[tuple[str, str], int]:
    """What entries with these ids charge, each id once, as (account, replica) -> amount. In the accounts' order, so
    that two who write at once never wait for each other in a circle."""
    charges: Counter[tuple[str, str]] = Counter()
    left = set(new)
    for entry in entries:
        if entry.id in left:
            left.remove(entry.id)
            for account, amount in entry.charges:
                charges[account, entry.replica] += amount
    return dict(sorted(charges.items()))
