"""How `fareway explain` shows a decision: as text with tables, or as one JSON document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from gateway.cli.explained import Explained
from gateway.cli.table import Row
from gateway.core.money import Money
from gateway.core.route import Candidate, Signal
from gateway.front.own_key import figure
from gateway.journey.option import Option
from gateway.limits.accounts import Account
from gateway.limits.windows import utc_text

_COLUMNS = ("rank", "candidate", "tier", "likely_usd", "worst_usd", "held_usd", "price")
_LIMITS = ("limit", "mode", "amount", "spent", "held", "left", "resets_at", "this_call")
_SEEN: Mapping[str, Signal | None] = {
    "success": Signal.SUCCESS,
    "warm_tokens": Signal.WARMTH,
    "wait_ms": Signal.WARMTH,
    "first_token_p95_ms": Signal.LATENCY,
    "first_token_ms": None,
    "error_rate": None,
    "in_flight": None,
}
"""Numbers of a candidate: those of a signal are shown where the policy reads it, all others where they are known."""

Part = tuple[Sequence[str], tuple[Sequence[Row], Sequence[str]]]


def document(told: Explained) -> dict[str, object]:
    """All of it, amounts as text."""
    facts = told.question.request.facts
    return {
        "dialect": told.question.request.dialect,
        "model": facts.model,
        "session": facts.session,
        "input_tokens": told.exact,
        "input_tokens_bound": told.question.request.input_tokens,
        "reason": told.chosen.reason,
        "hedge_after_ms": told.chosen.hedge_after_ms,
        "cascade": _cascade(told),
        "hold": _hold(told),
        "reads": sorted(told.signals),
        "remaining_usd": None if told.remaining is None else told.remaining.decimal,
        "burn": told.burn,
        "candidates": _candidates(told),
        "limits": [_limit(account, told) for account in told.accounts],
    }


def shown(told: Explained) -> Iterator[Part]:
    """The same as lines, each followed by a table."""
    request = told.question.request
    left = "no hard budget" if told.remaining is None else str(told.remaining)
    lines = [
        f"asked             {request.facts.model}, as {request.dialect}",
        f"input tokens      {told.exact} counted, {request.input_tokens} at most",
        f"decision          {told.chosen.reason}",
        f"hold              {_hold(told)}",
        f"left              {left}",
    ]
    if (cascade := _cascade(told)) is not None:
        lines.append(f"cascade           {cascade}")
    if told.chosen.hedge_after_ms is not None:
        lines.append(f"hedge             the next is asked, too, after {told.chosen.hedge_after_ms:.0f} ms")
    if told.signals:
        lines.append(f"the policy reads  {', '.join(sorted(told.signals))}")
    if Signal.BURN in told.signals:
        lines.append(f"burn              {'unknown' if told.burn is None else f'{told.burn:.2f}'}")
    rows = _candidates(told)
    seen = [name for name in _SEEN if any(name in row for row in rows)]
    carried = [name for name in ("carried", "dropped") if any(row.get(name) for row in rows)]
    yield [*lines, ""], (rows, (*_COLUMNS, *seen, *carried, "why"))
    if told.accounts:
        yield ["", "limits"], ([_limit(account, told) for account in told.accounts], _LIMITS)


def _hold(told: Explained) -> str:
    streams = told.question.request.facts.stream
    return f"{told.question.hold_mode if streams else 'strict'}, by the bound of the input"


def _cascade(told: Explained) -> str | None:
    cascade = told.chosen.cascade
    if cascade is None:
        return None
    asked = "the first answer is" if cascade.steps == 1 else f"the first {cascade.steps} answers are"
    return f"{asked} checked by {getattr(cascade.check, '__module__', 'its check')}; else the rest of the plan answers"


def _candidates(told: Explained) -> list[dict[str, object]]:
    plan = [option.candidate.name for option in told.chosen.plan]
    ranked = sorted(told.options, key=lambda o: plan.index(o.candidate.name) if o.candidate.name in plan else len(plan))
    rows = [_row(option, told, plan) for option in ranked]
    return rows + [{"rank": None, "candidate": name, "why": f"cannot: {why}"} for name, why in told.barred.items()]


def _row(option: Option, told: Explained, plan: Sequence[str]) -> dict[str, object]:
    candidate = _as_decided(option, told)
    fare, worst = told.fare(option)
    row: dict[str, object] = {
        "rank": plan.index(candidate.name) + 1 if candidate.name in plan else None,
        "candidate": candidate.name,
        "tier": candidate.tier,
        "likely_usd": candidate.cost_likely.decimal if candidate.cost_likely is not None else None,
        "worst_usd": candidate.cost_worst.decimal if candidate.cost_worst is not None else None,
        "held_usd": Money.of_nanos(fare.nanos).decimal if worst.total is not None else None,
        "price": option.price.id if option.price else "unpriced",
    }
    for name, signal in _SEEN.items():
        value = getattr(candidate, name)
        if signal in told.signals or (signal is None and value):
            row[name] = round(value, 4) if isinstance(value, float) else value
    dropped = told.question.said_to(option).dropped
    if option.carried is not None:
        row["carried"] = f"{option.carried.edge.inbound} to {option.carried.edge.outbound}"
    if option.carried is not None or dropped:
        row["dropped"] = ", ".join(dropped) or None
    return row | {"why": _why(candidate, told, plan)}


def _as_decided(option: Option, told: Explained) -> Candidate:
    """With the signals that the policy was told, which stand on the options of its plan."""
    name = option.candidate.name
    return next((o.candidate for o in told.chosen.plan if o.candidate.name == name), option.candidate)


def _why(candidate: Candidate, told: Explained, plan: Sequence[str]) -> str:
    if candidate.name in plan:
        return "first choice" if candidate.name == plan[0] else f"fallback{_beside(candidate, told)}"
    if not candidate.working:
        return "left alone: it keeps failing"
    worst, left = candidate.cost_worst, told.remaining
    if worst is not None and left is not None and worst > left:
        return f"could cost more than the {left} that is left"
    return f"behind the fallbacks{_beside(candidate, told)}"


def _beside(candidate: Candidate, told: Explained) -> str:
    """How much dearer it is than the first choice."""
    first, own = told.chosen.plan[0].candidate.cost_likely, candidate.cost_likely
    if first is None or own is None or not first:
        return ""
    return f", {float(Fraction(own.picos, first.picos)):.2f} times the first's cost"


def _limit(account: Account, told: Explained) -> dict[str, object]:
    limit = account.limit
    first = told.chosen.plan[0]
    needed = account.part(told.fare(first)[0])
    fits = not needed or not account.hard or needed <= account.left
    return {
        "limit": f"{account.node}: {limit.unit} a {limit.window}",
        "mode": limit.mode,
        "amount": figure(limit.amount, limit.unit),
        "spent": figure(account.spent_by_all, limit.unit),
        "held": figure(account.held + account.others.held, limit.unit),
        "left": figure(max(0, account.left), limit.unit),
        "resets_at": utc_text(account.resets_at),
        "this_call": "fits" if fits else limit.on_reached.then,
    }
