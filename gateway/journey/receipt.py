"""What a caller learns about its call: headers on the answer, and a document for later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.occupied import Occupied
from gateway.core.price import Cost, CostStatus, Price
from gateway.core.prompt_note import PromptNote
from gateway.core.rating import NO_CLUSTER
from gateway.journey.provenance import provenance

TEXT_MAX = 300
"""Characters of one header's value."""


class Receipt(Struct, frozen=True):
    """One answer's headers. For a stream they leave before the cost is known: then they tell what is held."""

    entry: Entry  # Settled, or the draft of a stream that has just begun.
    cache: str  # hit, semantic, joined, miss or off.
    overhead_ms: float
    remaining: Money | None

    def headers(self) -> dict[str, str]:
        """All as ASCII text; amounts in dollars with every digit."""
        entry = self.entry
        cost = entry.cost
        status = CostStatus.ESTIMATED if entry.outcome is Outcome.UNRESOLVED and cost.total is not None else cost.status
        headers = {
            "x-fareway-request-id": entry.request_id,
            "x-fareway-cost-status": status,
            "x-fareway-model": plain(entry.served_model),
            "x-fareway-provider": entry.provider,
            "x-fareway-tier": entry.tier,
            "x-fareway-route-reason": plain(entry.reason),
            "x-fareway-cache": self.cache,
            "x-fareway-saved-usd": Money.of_nanos(entry.saved_nanos).decimal,
            "x-fareway-overhead-ms": f"{self.overhead_ms:.2f}",
        }
        if cost.total is not None:
            headers["x-fareway-cost-usd"] = cost.total.decimal
        if entry.occupied is not None and entry.occupied.marginal_picos is not None:
            headers["x-fareway-cost-marginal-usd"] = Money(entry.occupied.marginal_picos).decimal
        if cost.price_id is not None:
            headers["x-fareway-price-id"] = plain(cost.price_id)
        if entry.backend:
            headers["x-fareway-backend"] = entry.backend
        if self.remaining is not None:
            headers["x-fareway-budget-remaining-usd"] = self.remaining.decimal
        return headers


def plain(text: str) -> str:
    """Text that may stand in a header: other people's names can hold anything."""
    if len(text) <= TEXT_MAX and text.isascii() and text.isprintable():
        return text
    text = text[:TEXT_MAX]
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def document(entry: Entry) -> dict[str, Any]:
    """One ledger entry as JSON for its caller, the dashboard and the live feed. Amounts as decimal strings."""
    usage, cost = entry.usage, entry.cost
    return {
        "id": entry.id,
        "request_id": entry.request_id,
        "at": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds"),
        "key_id": entry.caller.key_id,
        "org": entry.caller.org,
        "team": entry.caller.team,
        "user": entry.caller.user,
        "tags": [*entry.caller.tags, *entry.caller.brought_tags],
        "asked_model": entry.asked_model,
        "provider": entry.provider,
        "model": entry.model,
        "served_model": entry.served_model,
        "tier": entry.tier,
        "deployment": "selfhosted" if entry.selfhosted else "api",
        "backend": entry.backend or None,
        "answer_id": entry.answer_id or None,
        "route_reason": entry.reason,
        "outcome": entry.outcome,
        "status": entry.status,
        "stream": entry.stream,
        "session": entry.session or None,
        "service_tier": entry.service_tier or None,
        "tokens": {
            "input": usage.input_total,
            "cache_read": usage.cache_read,
            "cache_write": usage.cache_write + usage.cache_write_1h + usage.cache_write_12h,
            "output": usage.output_total,
            "reasoning": usage.output_reasoning,
            "final": usage.final,
        },
        "cost_usd": None if cost.total is None else cost.total.decimal,
        "cost_status": cost.status,
        "cost_parts_usd": _parts(cost),
        "price_id": cost.price_id,
        "machine": None if entry.occupied is None else _machine(entry.occupied),
        "held_usd": Money.of_nanos(entry.held_nanos).decimal,
        "saved_usd": Money.of_nanos(entry.saved_nanos).decimal,
        "first_token_ms": entry.first_token_ms,
        "duration_ms": entry.duration_ms,
        "attempts": list(entry.attempts),
        "prompt": None if entry.prompt is None else _of_prompt(entry.prompt),
        "policy": entry.policy or None,
        "cluster": entry.cluster if entry.cluster != NO_CLUSTER else None,
        "arm": entry.arm or None,
        "charges": dict(entry.charges),
    }


def _machine(used: Occupied) -> dict[str, Any]:
    """How the call used a machine of ours, and what it was thought to add to the bill."""
    marginal = used.marginal_picos
    return {
        "began_ns": used.began_ns,
        "first_token_ns": used.first_token_ns or None,
        "ended_ns": used.ended_ns or None,
        "weight_prefill": used.prefill,
        "weight_decode": used.decode,
        "marginal_cost_usd": None if marginal is None else Money(marginal).decimal,
    }


def _parts(cost: Cost) -> dict[str, str] | None:
    """The cost by what it was for; None where that is not known, as for a call booked at all that it held."""
    parts = {"input": cost.input, "cache": cost.cache, "output": cost.output, "fees": cost.fees}
    if cost.total != Money(sum(part.picos for part in parts.values())):
        return None
    return {name: part.decimal for name, part in parts.items()}


def request_document(entries: Sequence[Entry], prices: Mapping[str, Price]) -> dict[str, Any]:
    """Everything known about one request: its entries with their provenance, by the prices that they were booked at,
    and what they cost together (None if any is unpriced and was not priced later)."""
    adjusted = {entry.adjusts for entry in entries}
    totals = [entry.cost.total for entry in entries if entry.cost.total is not None or entry.id not in adjusted]
    known = [total for total in totals if total is not None]
    cost = Money(sum(total.picos for total in known)).decimal if len(known) == len(totals) else None
    return {
        "object": "fareway.request",
        "id": entries[0].request_id,
        "cost_usd": cost,
        "entries": [document(entry) | provenance(entry, prices) for entry in entries],
    }


def _of_prompt(note: PromptNote) -> dict[str, Any]:
    """At the provider's cache."""
    return {
        "marks": note.marks or None,
        "saved_usd": Money.of_nanos(note.saved_nanos).decimal,
        "expected_tokens": note.expected,
        "unread_tokens": note.unread,
        "broken": note.broken or None,
        "dropped_tokens": note.dropped,
        "lost_usd": Money.of_nanos(note.lost_nanos).decimal,
    }
