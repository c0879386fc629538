"""How a report on routing is shown: what was saved beside each way of not routing, and what is taken for granted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce

from gateway.core.money import ZERO, Money
from gateway.core.rating import Rating
from gateway.difficulty.guard import Guard
from gateway.planning.resampled import FEWEST
from gateway.planning.routed import Named, Routed, Saving, beside_lot, beside_single
from gateway.plans.sheet import Row, Sheet

ASKED, FIXED, LOT = "asked-for", "best fixed", "same shares by lot"


def sheet(routed: Routed, ratings: Sequence[Rating], guard: Guard) -> Sheet:
    """All of it."""
    best = guard.values.best()
    savings = {name: _savings(named, best) for name, named in routed.names.items()}
    return Sheet(
        figures=_figures(routed),
        rows=[_total(routed, way, list(savings.values())) for way in (ASKED, FIXED, LOT)],
        tables={
            "names": _by_name(routed, savings) if len(savings) > 1 else [],
            "ratings": _ratings(ratings),
        },
        notes=list(_notes(routed, savings, ratings, guard)),
    )


Savings = dict[str, Saving | None]


def _savings(named: Named, best: str) -> Savings:
    return {
        ASKED: beside_single(named, named.asked.first),
        FIXED: beside_single(named, named.best(best)),
        LOT: beside_lot(named),
    }


def _figures(routed: Routed) -> Row:
    calls = sum(named.calls.total() for named in routed.names.values())
    paid = sum(named.paid.total() for named in routed.names.values())
    thrown_away = sum(named.thrown_away.total() for named in routed.names.values())
    return {
        "calls_with_a_choice": calls,
        "calls_without_one": routed.without_choice,
        "answers_usd": Money(paid),
        "attempts_thrown_away_usd": Money(thrown_away),
        "classifiers_usd": ZERO,
    }


def _total(routed: Routed, way: str, savings: Sequence[Savings]) -> Row:
    known = [found for one in savings if (found := one[way]) is not None]
    if not known or len(known) < len(savings):
        return _row(routed, way, None)
    return _row(routed, way, reduce(Saving.added, known))


def _by_name(routed: Routed, savings: dict[str, Savings]) -> list[Row]:
    return [
        {"name": name} | dict(_row(routed, way, saving))
        for name, ways in sorted(savings.items())
        for way, saving in ways.items()
    ]


def _row(routed: Routed, way: str, saving: Saving | None) -> Row:
    if saving is None:
        unknown = dict.fromkeys(("calls", "gross_usd", "thrown_away_usd", "lost_cache_usd", "net_usd"))
        rest = dict.fromkeys(("low_usd", "high_usd", "net_share"))
        return {"beside": way, "which": "a price is not known"} | unknown | rest | {"verdict": "not known"}
    net = saving.net
    ends = routed.spread(net)
    low, high = ends or (None, None)
    return {
        "beside": way,
        "which": saving.against,
        "calls": saving.calls,
        "gross_usd": Money(saving.gross.total()),
        "thrown_away_usd": Money(saving.thrown_away.total()),
        "lost_cache_usd": Money(saving.lost.total()),
        "net_usd": Money(net.total()),
        "low_usd": low,
        "high_usd": high,
        "net_share": Fraction(net.total(), saving.there.picos) if saving.there.picos > 0 else None,
        "verdict": _verdict(low, high),
    }


def _verdict(low: Money | None, high: Money | None) -> str:
    if low is None or high is None:
        return "too few to tell"
    return "saves" if low > ZERO else "costs" if high < ZERO else "not told from zero"


def _ratings(ratings: Sequence[Rating]) -> list[Row]:
    groups: defaultdict[tuple[str, str], list[Rating]] = defaultdict(list)
    for rating in ratings:
        groups[rating.arm or "not compared", f"{rating.provider}/{rating.model}"].append(rating)
    return [
        {
            "side": arm,
            "deployment": name,
            "ratings": len(group),
            "score": Fraction(sum(rating.score for rating in group) / len(group)).limit_denominator(10**6),
        }
        for (arm, name), group in sorted(groups.items())
    ]


def _notes(routed: Routed, savings: dict[str, Savings], ratings: Sequence[Rating], guard: Guard) -> Iterable[str]:
    yield from _found(routed, savings)
    best = guard.values.best()
    if best:
        yield f"Best fixed: {best}, by what callers said of {len(ratings):,} answers and what they cost."
    else:
        yield "Best fixed: the cheapest of the best tier; callers have said too little to know a better one."
    if any(rating.arm for rating in ratings):
        yield f"The guard, by these ratings: {guard.state}."
    yield "What is assumed, and not known:"
    yield "- Elsewhere answers have as many tokens, and are as good. Only feedback tells how good answers are."
    yield "- At one deployment a conversation keeps its prompt cache: it reads what is usually read there."
    yield "- What looks at prompts here runs in the gateway and charges nothing."
    if routed.elsewhere:
        why = "a limit sent them, or the configuration was another one"
        yield f"- {routed.elsewhere:,} calls went where their name does not lead ({why}), and are in no sum."
    if routed.unpriced:
        yield f"- {routed.unpriced:,} calls whose cost nobody knows are in no sum."


def _found(routed: Routed, savings: dict[str, Savings]) -> Iterable[str]:
    """Plainly, what cannot be told from chance."""
    groups = len(routed.groups)
    if groups < FEWEST:
        yield f"Too few conversations ({groups}) for an interval: nothing can be said of other calls."
        return
    yield f"Intervals: 95 %, by the bootstrap over {groups} conversations or groups of them."
    for way in (ASKED, FIXED, LOT):
        row = _total(routed, way, list(savings.values()))
        if row["verdict"] == "not told from zero":
            yield f"Beside {way} the interval contains zero: it is not known that routing saves anything."
        elif row["verdict"] == "costs":
            yield f"Beside {way} routing costs more than it saves."
