"""Comparing the ledger with a provider's bill: where they differ, by how much, and the likely cause. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction

from gateway.core.money import Money
from gateway.ledger.exports.rows import Kind
from gateway.ledger.sides import Place, Side, Sides

ROUNDING = Money.usd("0.01")
"""Of one model on one day: bills are rounded, some to the cent."""

NEARLY = Fraction(1, 50)
"""Two figures this close, relative to the larger, are taken for the same when a cause is looked for."""

NOTHING = Side()


class Cause(StrEnum):
    """What most likely made two books differ."""

    NONE = ""
    ROUNDING = "rounding"
    TIME_ZONE = "time zone: the neighbouring day differs by the opposite amount"
    AROUND = "calls made around the gateway, or under a name that the ledger does not have"
    NOT_BILLED = "not in the bill: it is not complete yet, is another account's, or the calls were not charged"
    CACHE_CLASS = "cache: the same input, sorted into other classes"
    ESTIMATED = "estimated or uncertain entries cover the difference"
    UNPRICED = "the ledger has calls without a price"
    BATCH = "batch or flex: the bill is about half"
    PRIORITY = "a faster tier: the bill is about twice"
    REGION = "a regional surcharge of 10 %"
    PRICE = "another price: see `fareway prices rerate`"


@dataclass(frozen=True, slots=True)
class Drift:
    """One class of one model on one day. None: that side does not tell."""

    day: str
    model: str
    kind: Kind
    ledger_tokens: int | None
    billed_tokens: int | None
    ledger_amount: Money | None
    billed_amount: Money | None
    cause: Cause

    @property
    def differs(self) -> bool:
        """Whether the two sides say different things, where both say something."""
        return _differ(self.ledger_tokens, self.billed_tokens) or _differ(self.ledger_amount, self.billed_amount)


def compare(ledger: Sides, bill: Sides) -> Iterator[Drift]:
    """Every class of every model and day that either side has, in order. A bill that does not tell classes is compared
    whole."""
    tells_tokens = any(side.has_tokens for side in bill.values())
    tells_amounts = any(side.has_amounts for side in bill.values())
    for place in sorted(ledger.keys() | bill.keys()):
        ours, theirs = ledger.get(place, NOTHING), bill.get(place, NOTHING)
        cause = likely_cause(place, ledger, bill)
        mine = Counter({Kind.OTHER: ours.picos.total()}) if set(theirs.picos) == {Kind.OTHER} else ours.picos
        for kind in Kind:
            if ours.tokens[kind] or theirs.tokens[kind] or mine[kind] or theirs.picos[kind]:
                yield Drift(
                    day=place[0],
                    model=ours.name or theirs.name,
                    kind=kind,
                    ledger_tokens=ours.tokens[kind] if tells_tokens else None,
                    billed_tokens=theirs.tokens[kind] if tells_tokens else None,
                    ledger_amount=Money(mine[kind]) if tells_amounts else None,
                    billed_amount=Money(theirs.picos[kind]) if tells_amounts else None,
                    cause=cause,
                )


def share(ledger: Sides, bill: Sides) -> Fraction:
    """How far the books are apart over the whole period: the sum over models of what each differs by, of the bill.
    In money; in tokens where the bill tells no amounts. 0 to 1 and more; 1 for a bill of nothing that should be one."""
    in_money = any(side.has_amounts for side in bill.values())
    apart: Counter[str] = Counter()
    whole = 0
    for sides, sign in ((ledger, -1), (bill, 1)):
        for (_, model), side in sides.items():
            amount = side.total.picos if in_money else side.tokens.total()
            apart[model] += sign * amount
            whole += amount if sign > 0 else 0
    drift = sum(abs(amount) for amount in apart.values())
    return Fraction(drift, whole) if whole else Fraction(bool(drift))


def likely_cause(place: Place, ledger: Sides, bill: Sides) -> Cause:
    """Why a model's figures of one day differ: the first rule that fits, from the surest on."""
    ours, theirs = ledger.get(place, NOTHING), bill.get(place, NOTHING)
    apart = abs(theirs.total.picos - ours.total.picos)
    same_tokens = not theirs.has_tokens or +ours.tokens == +theirs.tokens
    same_amount = not theirs.has_amounts or apart == 0
    if same_tokens and same_amount and place in ledger and place in bill:
        return Cause.NONE
    if _moved(place, ledger, bill):
        return Cause.TIME_ZONE
    if place not in bill:
        return Cause.NOT_BILLED
    if place not in ledger:
        return Cause.AROUND
    if not same_tokens:
        return _of_tokens(ours, theirs, apart)
    return _of_amounts(ours, theirs, apart)


def _of_tokens(ours: Side, theirs: Side, apart: int) -> Cause:
    if ours.tokens.total() == theirs.tokens.total() and ours.tokens[Kind.OUTPUT] == theirs.tokens[Kind.OUTPUT]:
        return Cause.CACHE_CLASS
    if ours.unsure and ours.unsure >= apart:
        return Cause.ESTIMATED
    return Cause.AROUND if theirs.tokens.total() > ours.tokens.total() else Cause.NOT_BILLED


def _of_amounts(ours: Side, theirs: Side, apart: int) -> Cause:
    ratio = Fraction(theirs.total.picos, ours.total.picos) if ours.total else Fraction(0)
    causes = {
        Cause.UNPRICED: ours.unpriced > 0,
        Cause.BATCH: _near(ratio, Fraction(1, 2)) or ("batch" in theirs.tiers and ratio < 1),
        Cause.PRIORITY: Fraction(17, 10) <= ratio <= Fraction(26, 10),
        Cause.REGION: abs(ratio - Fraction(11, 10)) <= Fraction(1, 200),
        Cause.ROUNDING: apart < ROUNDING.picos,
        Cause.ESTIMATED: ours.unsure >= apart,
        # Where no tokens are told, nobody knows whether the calls are the same.
        Cause.AROUND: not theirs.has_tokens and ratio > 1,
        Cause.NOT_BILLED: not theirs.has_tokens,
    }
    return next((cause for cause, fits in causes.items() if fits), Cause.PRICE)


def _moved(place: Place, ledger: Sides, bill: Sides) -> bool:
    """Whether a neighbouring day lacks, or has too much of, what this one has too much of, or lacks."""
    day, model = place
    here = _gap(place, ledger, bill)
    beside = [((date.fromisoformat(day) + timedelta(days=step)).isoformat(), model) for step in (-1, 1)]
    gaps = [_gap(other, ledger, bill) for other in beside if other in ledger or other in bill]
    return here != 0 and any(gap * here < 0 and _near(-gap, here) for gap in gaps)


def _gap(place: Place, ledger: Sides, bill: Sides) -> int:
    """What the bill has more than the ledger: in tokens where it tells them, else in pico-dollars."""
    ours, theirs = ledger.get(place, NOTHING), bill.get(place, NOTHING)
    if any(side.has_tokens for side in (theirs, *bill.values())):
        return theirs.tokens.total() - ours.tokens.total()
    return theirs.total.picos - ours.total.picos


def _near(one: Fraction | int, other: Fraction | int) -> bool:
    exact = (Fraction(one), Fraction(other))
    return abs(exact[0] - exact[1]) <= NEARLY * max(abs(exact[0]), abs(exact[1]))


def _differ(one: object, other: object) -> bool:
    return one is not None and other is not None and one != other
