"""Whether a policy that learns is worth having: it must beat the best fixed model, or it is switched off.

A small share of the calls that the policy would decide is held back: a hash of the request's id sends it to one fixed
model. Each call that a caller rates has a value in dollars, score x worth - cost, and the mean values of both sides are
compared by an interval that may be looked at all the time (`comparison.py`). The policy is switched off where the
interval lies below zero, or where it still holds zero after COMPARED_MAX ratings: then calls go to the fixed model, and
the same small share to the policy, so that it is seen when it has become better. Each verdict ends a comparison and
begins the next, against what is by then the best fixed model; the k-th may be wrong with a chance of ALPHA / k(k + 1),
so all of them together with ALPHA.

Pure, and a fold over ratings: whoever reads the same ratings in the same order has the same state (`judged`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

from msgspec.structs import replace

from gateway.core.money import PICOS_PER_DOLLAR, Money
from gateway.core.rating import Arm, Rating
from gateway.core.request import Request
from gateway.core.route import TIERS, Candidate, Decision
from gateway.difficulty.comparison import EACH_MIN, Interval, Sample, difference

ALPHA = 0.05
"""The chance that any of all verdicts is wrong."""

COMPARED_MAX = 20_000
"""Ratings after which a policy that is not seen to be better counts as not better."""


JUDGED_BY = 100
"""The first ratings, which show whether the policy was on when they were given."""

OFF_FROM = 0.7
"""It was not where more than this share of them was held back."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the guard is told by the configuration."""

    hold_back: float = 0.05  # The share of the calls that the fixed model gets; where the policy is off, the policy.
    worth: float = 0.01  # Dollars that a good answer is worth.
    baseline: str = ""  # The fixed model to begin with, or deployment; empty: the cheapest of the best tier.


class Guard:
    """See the module."""

    def __init__(self, terms: Terms, *, on: bool = True, fixed: str = "") -> None:
        self._terms = terms
        self.values = Values()
        self.on = on
        self.fixed = fixed or terms.baseline  # A model or deployment; empty as long as the best tier has to do.
        self.comparisons = 0  # That have ended.
        self.verdict = ""  # Of the last of them, as a sentence.
        self._begin()

    def _begin(self) -> None:
        self.routed, self.held_back = Sample(self._terms.worth), Sample(self._terms.worth)
        self.interval: Interval | None = None  # Of what a routed call is worth more; None before it is known.
        self.state = self._said()

    # What callers say.

    def hear(self, rating: Rating) -> None:
        """One answer was rated, and no earlier word on it was heard."""
        if rating.cost is None:
            return
        value = rating.score * self._terms.worth - rating.cost.picos / PICOS_PER_DOLLAR
        self.values.add(rating, value)
        if rating.arm == Arm.ROUTED:
            self.routed.add(value)
        elif rating.arm == Arm.HELD_BACK and self.fixed in ("", rating.model, f"{rating.provider}/{rating.model}"):
            self.held_back.add(value)
        else:
            return
        self._judge()

    def _judge(self) -> None:
        number = self.comparisons + 1
        self.interval = difference(self.routed, self.held_back, ALPHA / (number * (number + 1)))
        better = self.interval is not None and self.interval.low > 0
        worse = self.interval is not None and self.interval.high < 0
        if better or worse or self.routed.count + self.held_back.count >= COMPARED_MAX:
            self.on, self.comparisons, self.verdict = better, number, self._said()
            self.fixed = self.values.best() or self._terms.baseline
            self._begin()
        self.state = self._said()

    # What it means for a call.

    def ruled(
        self, request: Request, candidates: Sequence[Candidate], decision: Decision, remaining: Money | None
    ) -> tuple[Decision, Arm]:
        """The decision that counts, and the side that the call is on: none where the fixed model cannot take it, or
        where there is no choice."""
        fixed = self._fixed_of(candidates, remaining)
        if fixed is None or all(candidate.model == fixed.model for candidate in candidates):
            return decision, Arm.NONE
        rare = _drawn(request.id) < self._terms.hold_back
        if rare != self.on:
            return replace(decision, reason=f"{decision.reason}; {self.state}"), Arm.ROUTED
        plan = (fixed, *[candidate for candidate in decision.plan if candidate.name != fixed.name])
        why = "held back to compare" if self.on else "the best fixed model"
        return Decision(plan, f"{why}: {fixed.name}; {self.state}"), Arm.HELD_BACK

    def _fixed_of(self, candidates: Sequence[Candidate], remaining: Money | None) -> Candidate | None:
        named = [c for c in candidates if self.fixed in (c.model, c.group)] if self.fixed else _of_best_tier(candidates)
        able = [c for c in named if c.working and (remaining is None or _affordable(c, remaining))]
        return min(able, key=_by_cost) if able else None

    def _said(self) -> str:
        """How it stands, as a part of a sentence."""
        state, against = f"router {'on' if self.on else 'off'}", self.fixed or "the best tier"
        if self.interval is None:
            known = min(self.routed.count, self.held_back.count)
            return f"{state}, {known} of {EACH_MIN} ratings against {against}"
        return f"{state}, ${self.interval.middle:+.6f} ±{self.interval.margin:.6f} a call against {against}"


def judged(terms: Terms, ratings: Sequence[Rating]) -> Guard:
    """The guard that has heard all of these, oldest first. What was before them shows in the first: where most were
    held back, the policy was off."""
    first = list(islice((rating for rating in ratings if rating.arm), JUDGED_BY))
    held_back = Counter(rating.model for rating in first if rating.arm == Arm.HELD_BACK)
    off = len(first) >= EACH_MIN and held_back.total() > OFF_FROM * len(first)
    guard = Guard(terms, on=False, fixed=held_back.most_common(1)[0][0]) if off else Guard(terms)
    for rating in ratings:
        guard.hear(rating)
    return guard


class Values:
    """What calls to each model were worth, by kind of prompt."""

    def __init__(self) -> None:
        self._kinds: defaultdict[int, defaultdict[str, Sample]] = defaultdict(lambda: defaultdict(lambda: Sample(0)))
        self._all: defaultdict[str, Sample] = defaultdict(lambda: Sample(0))

    def add(self, rating: Rating, value: float) -> None:
        """One rated call."""
        self._kinds[rating.cluster][rating.model].add(value)
        self._all[rating.model].add(value)

    def best(self) -> str:
        """The model whose calls would be worth most if it had all kinds of prompts in the shares that they have;
        empty while none is known. So an easy life does not make a model look good."""
        known = [model for model, sample in self._all.items() if sample.count >= EACH_MIN]
        return max(known, key=lambda model: (self._mean(model), model), default="")

    def _mean(self, model: str) -> float:
        total = sum(sample.count for kind in self._kinds.values() for sample in kind.values())
        mean = 0.0
        for kind in self._kinds.values():
            seen = kind[model] if model in kind else self._all[model]
            mean += seen.mean * sum(sample.count for sample in kind.values()) / total
        return mean


def _of_best_tier(candidates: Sequence[Candidate]) -> list[Candidate]:
    tiers = ([candidate for candidate in candidates if candidate.tier == tier] for tier in TIERS)
    return next(found for found in tiers if found)


def _affordable(candidate: Candidate, remaining: Money) -> bool:
    return candidate.cost_worst is not None and candidate.cost_worst <= remaining


def _by_cost(candidate: Candidate) -> tuple[bool, Money, str]:
    return candidate.cost_likely is None, candidate.cost_likely or Money(0), candidate.name


def _drawn(request_id: str) -> float:
    """From 0 to 1, by the request alone, and by another hash than those of policies: whoever decides draws the same."""
    return int.from_bytes(blake2b(request_id.encode(), digest_size=7, person=b"guard").digest(), "big") / 2**56
