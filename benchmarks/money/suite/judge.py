"""Three books compared: the provider's bill, the gateway's ledger, and what its limits think. Pure.

`overspend`: the bill above the budget, by budget. `formula`: what docs/money.md says it may be at most. `utilisation`:
what was booked on budgets that more was asked of than they have (the bill, where there is no ledger). `cut`: admitted
answers that did not come to their end, though nobody left and no process was killed. `lost`: charges without a ledger
entry; `doubled`: entries without a charge of their own.

`wrongly_refused` is conservative. From when it is sent until its answer is there, a call is taken to hold the most that
it can cost (a token for each byte of its body, and its cap); after that, what it was charged or booked at, whichever
is more. One whose end nobody saw holds for ever, and one that was left for a second longer than the provider worked on
it. A refusal is wrong if the budget less all of this never falls below what the refused call needs (its tokens counted,
and its cap), from when it was sent until it was refused: then its money stood free somewhere all the time. Calls sent
while a replica is dead or the store is down (`blind`) are not judged: their refusal is the promise there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from adapter import Line, Terms
from calls import OUTPUT_PICOS, OVERHEAD, PICOS, Call, picos_of

ABORT_S = 0.2
"""How long an abort may take to be noticed; `t` in the formula."""

TOKENIZER_ERROR = 0.02
"""By how much our count may fall short of the provider's; as a part of the cap, it is `ε`."""

KEPT_BACK = 16
"""Tokens that a gateway keeps back for what is made while the abort travels."""

SETTLED_S = 1.0
"""How long after the provider has noticed it the end of a call that was left may come to the books."""

FAR = float("inf")


@dataclass
class Evidence:
    """Everything that was seen of one run."""

    terms: Terms
    calls: Sequence[Call]
    bill: Sequence[dict[str, Any]]
    ledger: Sequence[Line] | None
    accounts_picos: int | None
    tokens_per_s: float
    blind: Sequence[tuple[float, float]] = ()
    recover_s: float | None = None
    more: dict[str, Any] = field(default_factory=dict)  # Figures of this scenario alone.
    budget_of: Callable[[Call], str] = lambda call: call.tenant


def judged(seen: Evidence) -> dict[str, Any]:
    """The figures of one run."""
    billed = Counter[str]()
    for line in seen.bill:
        billed[line["call"]] += line["picos"]
    booked = _booked(seen)
    budgets = defaultdict(list)
    for call in seen.calls:
        budgets[seen.budget_of(call)].append(call)
    amount = seen.terms.budget_picos
    over = {name: sum(billed[c.id] for c in calls) - amount for name, calls in budgets.items()}
    formulas = {name: _formula(seen, calls) for name, calls in budgets.items()}
    dry = {name: calls for name, calls in budgets.items() if _dry(calls, amount)}
    used = sum((booked if seen.ledger is not None else billed)[c.id] for calls in dry.values() for c in calls)
    admitted = [c for c in seen.calls if c.admitted]
    blind = [c for c in admitted if _any(seen.blind, c)]
    cut = sum(c.cut and c.leave_after is None for c in admitted) - sum(c.cut for c in blind)
    overspent = sum(max(0, picos) for picos in over.values())
    return {
        "overspend_usd": _usd(overspent),
        "overspend_pct": round(100 * max(0, *over.values()) / amount, 4),
        "formula_usd": _usd(sum(formulas[name] for name in dry)),
        "within_formula": all(max(0, picos) <= formulas[name] for name, picos in over.items()),
        "wrongly_refused": sum(_wrongly(seen, calls, billed, booked) for calls in budgets.values()),
        "utilisation_pct": round(100 * used / (amount * len(dry)), 2) if dry else None,
        "cut_pct": round(100 * cut / len(admitted), 2) if admitted else None,
        **_books(seen, billed, booked),
        "recover_s": seen.recover_s,
        "calls": len(seen.calls),
        "admitted": len(admitted),
        "refused": sum(c.refused for c in seen.calls),
        "failed": dict(Counter(str(c.status) for c in seen.calls if c.status != 200 and not c.refused)),
        "outcomes": dict(Counter(line.outcome for line in seen.ledger or ())),
        "budgets_exhausted": len(dry),
        **seen.more,
    }


def _booked(seen: Evidence) -> Counter[str]:
    """What the ledger says of each call, by the name that the provider's bill has for it too."""
    calls = {line["request"]: line["call"] for line in seen.bill}
    booked = Counter[str]()
    for line in seen.ledger or ():
        booked[calls.get(line.request, line.request)] += line.picos
    return booked


def _books(seen: Evidence, billed: Counter[str], booked: Counter[str]) -> dict[str, Any]:
    if seen.ledger is None:
        return {"lost": None, "doubled": None}
    charges = Counter(line["request"] for line in seen.bill)
    entries = Counter(line.request for line in seen.ledger)
    total = sum(booked.values())
    off = None if seen.accounts_picos is None else round((seen.accounts_picos - total) / PICOS, 9)
    return {
        "lost": sum(max(0, n - entries[request]) for request, n in charges.items()),
        "doubled": sum(max(0, n - charges[request]) for request, n in entries.items() if charges[request])
        + sum(n - 1 for n in Counter(line.id for line in seen.ledger).values()),
        "billed_above_books_usd": _usd(sum(max(0, billed[name] - booked[name]) for name in billed)),
        "booked_above_bill_usd": _usd(sum(max(0, booked[name] - billed[name]) for name in booked)),
        "accounts_above_ledger_usd": off,
    }


def _formula(seen: Evidence, calls: Sequence[Call]) -> int:
    """p · (ρ · t + ε − 16) for every stream that may run when the money ends; 0 where holds are strict."""
    streams = [c for c in calls if c.stream and c.admitted]
    if seen.terms.strict or not streams:
        return 0
    edges = sorted([(c.sent, 1) for c in streams] + [(c.ended, -1) for c in streams])
    at_once = max(accumulate(step for _, step in edges))
    beyond = seen.tokens_per_s * ABORT_S + TOKENIZER_ERROR * max(c.cap for c in streams) - KEPT_BACK
    return round(at_once * OUTPUT_PICOS * max(0.0, beyond))


def _dry(calls: Sequence[Call], amount: int) -> bool:
    """Whether a good deal more was asked of this budget than it has, and it said so."""
    asked = sum(picos_of(c.words + OVERHEAD, c.made) for c in calls)
    return any(c.refused for c in calls) and asked * 10 > amount * 11


def _wrongly(seen: Evidence, calls: Sequence[Call], billed: Counter[str], booked: Counter[str]) -> int:
    worked = {line["call"]: line["ended"] + SETTLED_S for line in seen.bill}
    edges: list[tuple[float, int]] = []
    for call in calls:
        if call.refused:
            continue
        left = call.leave_after is not None
        ended = worked.get(call.id, FAR) if left else call.ended if call.status else FAR
        cost = max(billed[call.id], booked[call.id])
        edges += [(call.sent, call.most_picos), (ended, cost - call.most_picos)]
    edges.sort(key=lambda edge: (edge[0], -edge[1]))
    times = [at for at, _ in edges]
    taken = list(accumulate((picos for _, picos in edges), initial=0))
    wrong = 0
    for call in calls:
        if not call.refused or _any(seen.blind, call):
            continue
        first, last = bisect_left(times, call.sent), bisect_right(times, call.ended)
        wrong += seen.terms.budget_picos - max(taken[first : last + 1]) >= call.needs_picos
    return wrong


def _any(spans: Iterable[tuple[float, float]], call: Call) -> bool:
    return any(call.ended >= begin and call.sent <= end for begin, end in spans)


def _usd(picos: int) -> float:
    return round(picos / PICOS, 9)
