"""The plans `allocation`, `optimizations` and `decide`: which way is cheaper."""

from __future__ import annotations

from argparse import Namespace
from fractions import Fraction

from gateway.core.errors import BadRequest, NotFound
from gateway.core.money import Money
from gateway.planning.allocation import year
from gateway.planning.amounts import DAYS_PER_MONTH, over, summed
from gateway.planning.decide import Case, Data, decided
from gateway.planning.optimizations import INFERENCE, TRAINING, Effort, advised
from gateway.planning.savings import savings
from gateway.plans.arguments import count, dollars, positive
from gateway.plans.books import Source, add_period, books, routes
from gateway.plans.parameters import Takes
from gateway.plans.sheet import Row, Sheet

_EFFORTS = [effort.name.lower() for effort in Effort]
_FLAGS = {
    "quality_critical": "wrong answers are dear",
    "latency_critical": "answers must come at once",
    "sensitive": "data must not leave",
    "unique_domain": "general models do not know the subject",
    "iterating": "what it shall do still changes",
}


def allocation_parameters(takes: Takes) -> None:
    """Declare them."""
    takes.add_argument("--initial", type=dollars, required=True, metavar="USD", help="the first training")
    takes.add_argument("--retraining", type=dollars, default=Money(0), metavar="USD", help="each further one")
    takes.add_argument("--every", type=positive, default=Fraction(12), metavar="MONTHS", help="between trainings")
    takes.add_argument("--requests", type=count, metavar="N", help="a month")
    takes.add_argument("--request-cost", type=dollars, metavar="USD")
    takes.add_argument("--model", help="with --from-ledger: only this one")
    add_period(takes)


def optimizations_parameters(takes: Takes) -> None:
    """Declare them."""
    takes.add_argument("--current", type=dollars, metavar="USD", help="what a training costs")
    takes.add_argument("--target", type=dollars, metavar="USD", help="what it may cost")
    takes.add_argument("--ceiling", choices=_EFFORTS, default=_EFFORTS[1], help="of effort (default: medium)")
    add_period(takes)


def decide_parameters(takes: Takes) -> None:
    """Declare them."""
    takes.add_argument("--data", choices=[str(data) for data in Data], default=str(Data.NONE), help="of your own")
    for flag, text in _FLAGS.items():
        takes.add_argument(f"--{flag.replace('_', '-')}", action="store_true", help=text)
    takes.add_argument("--requests", type=count, metavar="N", help="a month")


def allocation(parsed: Namespace, source: Source) -> Sheet:
    """Raises BadRequest, NotFound or Unavailable."""
    requests, each = _served(parsed, source) if parsed.from_ledger else (parsed.requests, parsed.request_cost)
    if requests is None or each is None:
        raise BadRequest("say how many a month and their request cost, or take both from the ledger", "requests")
    told = year(parsed.initial, parsed.retraining, parsed.every, requests, each)
    figures: Row = {
        "training_usd": told.training,
        "inference_usd": told.inference,
        "total_usd": told.total,
        "training_share": told.training_share,
        "inference_share": 1 - told.training_share,
        "per_request_usd": told.per_request,
    }
    notes = ["In production inference is often 80 % of what is spent, and 5 to 10 times training over a model's life."]
    return Sheet(figures, notes=notes)


def _served(parsed: Namespace, source: Source) -> tuple[int, Money]:
    """Real requests a month, and what one costs on average where that is known."""
    with books(parsed, source) as told:
        found = routes(told, parsed.model)
    priced = sum(one.priced_calls for one in found)
    if not priced:
        raise NotFound("no call in that time has a price")
    monthly = max(1, round(sum(one.calls for one in found) * DAYS_PER_MONTH / told.days))
    return monthly, over(summed(one.cost for one in found), priced)


def optimizations(parsed: Namespace, source: Source) -> Sheet:
    """Raises BadRequest, NotFound or Unavailable."""
    if parsed.from_ledger:
        return _real_savings(parsed, source)
    if parsed.current is None or parsed.target is None:
        return _orientation()
    steps = advised(parsed.current, parsed.target, Effort[parsed.ceiling.upper()])
    left = steps[-1].left if steps else parsed.current
    figures: Row = {
        "current_usd": parsed.current,
        "target_usd": parsed.target,
        "left_usd": left,
        "reached": "yes" if left <= parsed.target else "no",
    }
    rows: list[Row] = [
        {
            "technique": step.technique.name,
            "saving_share": step.technique.saving,
            "effort": step.technique.effort.name.lower(),
            "left_usd": step.left,
            "note": step.technique.note,
        }
        for step in steps
    ]
    return Sheet(figures, rows)


def _orientation() -> Sheet:
    training: list[Row] = [
        {"of": "training", "what": one.name, "saving": f"{int(one.saving * 100)} %", "effort": one.effort.name.lower()}
        for one in TRAINING
    ]
    inference: list[Row] = [
        {"of": "inference", "what": one.name, "saving": _span(one.least, one.most), "effort": one.effort.name.lower()}
        for one in INFERENCE
    ]
    return Sheet(rows=training + inference, notes=["As others report; --from-ledger says what it would be for you."])


def _span(least: int, most: int) -> str:
    return f"{least} %" if least == most else f"{least}–{most} %"


def _real_savings(parsed: Namespace, source: Source) -> Sheet:
    with books(parsed, source) as told:
        found = savings(told.entries, told.prices)
    rows: list[Row] = [
        {
            "what": one.what,
            "route": f"{one.provider}/{one.model}",
            "calls": one.calls,
            "spent_usd": one.spent,
            "saved_usd": one.saved,
            "already": "yes" if one.done else "no",
            "how": one.how,
        }
        for one in found
    ]
    notes = ["Each alone: they do not add up. Over the time asked for, at the prices of the calls."]
    return Sheet(rows=rows, notes=notes if rows else ["Nothing is found that would have saved money."])


def decide(parsed: Namespace, _: Source) -> Sheet:
    """What to train and where to serve it."""
    flags = {flag: getattr(parsed, flag) for flag in _FLAGS}
    told = decided(Case(data=Data(parsed.data), monthly_requests=parsed.requests, **flags))
    figures: Row = {"model": told.model, "serving": told.serving}
    return Sheet(figures, [{"reason": reason} for reason in told.reasons])
