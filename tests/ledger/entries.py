"""Entries to write down."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import Cost, CostStatus
from gateway.core.usage import Usage

BLANK = Entry(
    id="r.1", request_id="r", at=1.5, caller=Caller("key", "org", "team", "user"), asked_model="m", provider="p",
    model="m", served_model="m-1", tier="standard", selfhosted=False, reason="because", usage=Usage(input=3, output=4),
    cost=Cost(Money(7), CostStatus.EXACT, "price"), held_nanos=9, outcome=Outcome.OK, status=200,
)  # fmt: skip


def entry(name, *charges, outcome=Outcome.OK, **more):
    """One with this id, which charges these (account, amount)."""
    request_id = name.rpartition(".")[0] or name
    return replace(BLANK, id=name, request_id=request_id, charges=tuple(charges), outcome=outcome, **more)


def held(name, *charges, **more):
    """The same, while it is under way."""
    return entry(name, *charges, outcome=Outcome.UNRESOLVED, **more)


def ids(entries) -> list[str]:
    """Which they are."""
    return [one.id for one in entries]
