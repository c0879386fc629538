"""How a replay is shown: figures, tables, and what was assumed rather than known."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from fractions import Fraction

from gateway.config.settings import Settings
from gateway.core.money import ZERO, Money
from gateway.core.route import Signal
from gateway.planning.elsewhere import LENGTHS_MIN
from gateway.planning.fates import Fate
from gateway.planning.replay import Sums, Tally, shifts
from gateway.planning.resampled import FEWEST
from gateway.planning.reused import REUSES_MIN
from gateway.planning.spread import KNOWN_MIN, Spread
from gateway.plans.sheet import Row, Sheet, Value

_SHARES = (0.5, 0.95)
_REASONS_MAX = 5


def sheet(tally: Tally, new: Settings, reads: Collection[Signal] = ()) -> Sheet:
    """All of it. `reads`: what the policies do."""
    return Sheet(
        figures=_figures(tally, new),
        rows=_moves(tally),
        more=_hits(tally),
        tables={"latency": _latency(tally), "deployments": _deployments(tally), "teams": _teams(tally)},
        notes=list(_notes(tally, reads)),
    )


def _figures(tally: Tally, new: Settings) -> Row:
    fates, total = tally.fates, tally.total
    decided = fates[Fate.STAYED] + fates[Fate.MOVED]
    ends = tally.change_interval()
    return {
        "policy": new.routing.choice.policy,
        "auto": new.routing.auto.policy,
        "calls": sum(fates.values()),
        "decided_again": decided,
        "moved": fates[Fate.MOVED],
        "moved_share": Fraction(fates[Fate.MOVED], decided) if decided else None,
        "before_usd": total.before,
        "after_usd": total.after,
        "change_usd": total.change,
        "change_low_usd": ends[0] if ends else None,
        "change_high_usd": ends[1] if ends else None,
        "change_share": _share(total.change, total.before),
        "lost_cache_usd": tally.lost,
        "won_cache_usd": tally.won,
        "refused": fates[Fate.REFUSED],
        "unserved": fates[Fate.UNSERVED],
    }


def _share(change: Money, before: Money) -> Fraction | None:
    return Fraction(change.picos, before.picos) if before.picos > 0 else None


def _sums(sums: Sums) -> dict[str, Value]:
    return {"calls": sums.calls, "before_usd": sums.before, "after_usd": sums.after, "change_usd": sums.change}


def _moves(tally: Tally) -> list[Row]:
    moves = sorted(tally.moves.items(), key=lambda move: (move[1].change.picos, move[0]))
    return [{"from": was, "to": name, **_sums(sums)} for (was, name), sums in moves]


def _deployments(tally: Tally) -> list[Row]:
    return [
        {
            "deployment": name,
            "calls_before": tally.were[name],
            "calls_after": sums.calls,
            "before_usd": sums.before,
            "after_usd": sums.after,
            "change_usd": sums.change,
        }
        for name, sums in sorted(tally.models.items())
    ]


def _teams(tally: Tally) -> list[Row]:
    return [{"team": team or "-", **_sums(sums)} for team, sums in sorted(tally.teams.items())]


def _hits(tally: Tally) -> list[Row]:
    words = {"refuse": "refused", "downgrade": "downgraded", "queue": "would wait", "fit": "would be cut"}
    rows: list[Row] = [
        {
            "limit": limit,
            "what": words[hits.way],
            "calls": hits.calls,
            "cost_usd": hits.cost if hits.way == "refuse" else None,
        }
        for (limit, _), hits in sorted(tally.hits.items())
    ]
    return rows


def _latency(tally: Tally) -> list[Row]:
    return [
        row for what, spread in (("answer", tally.whole), ("first token", tally.first)) for row in _of(what, spread)
    ]


def _of(what: str, spread: Spread) -> Iterable[Row]:
    for share, shift in zip(_SHARES, shifts(spread, _SHARES), strict=True):
        if shift is not None:
            low, high = shift.interval or (None, None)
            yield {
                "until": what,
                "percentile": f"p{share * 100:.0f}",
                "before_ms": shift.before,
                "after_ms": shift.after,
                "change_ms": shift.after - shift.before,
                "low_ms": low,
                "high_ms": high,
            }


def _notes(tally: Tally, reads: Collection[Signal]) -> Iterable[str]:
    yield "Of the calls decided on again, as booked and at the prices of their day. What is assumed, and not known:"
    yield "- Prompts are not kept: a policy that reads them decides as if they were empty; all can be carried."
    if Signal.SUCCESS in reads:
        yield "- How good an answer would be is known from callers' feedback up to then alone, by kind of prompt."
    if Signal.WARMTH in reads:
        yield "- What is warm where: prompts begin with those before of their conversation, and with nobody else's."
    yield "- Deployments are as busy, as quick and as often down as they were; limits begin with nothing spent."
    if tally.fates[Fate.MOVED]:
        yield "- Elsewhere a prompt has as many tokens; another tokenizer may count it differently."
        scaled = f"{tally.scaled:,} that are longer or shorter as answers there are on average ({LENGTHS_MIN} of both)"
        yield f"- Answers are as long as they were, but {scaled}."
        if unknown := tally.whole.unknown:
            yield f"- {unknown:,} answers move to where fewer than {KNOWN_MIN} are known: as quick as they were."
    if tally.lost != ZERO or tally.won != ZERO:
        yield (
            "- A conversation that stays keeps what was read of its prompts from a cache, one that is switched loses "
            f"it, and one that is switched less reads what its deployment usually does ({REUSES_MIN} calls)."
        )
    yield from _counted(tally)
    groups = len(tally.groups)
    drawn = f"95 %, by the bootstrap over {groups} conversations or groups of them"
    yield f"Intervals: {drawn}." if groups >= FEWEST else f"Too few conversations ({groups}) for an interval."


def _counted(tally: Tally) -> Iterable[str]:
    for what in sorted(tally.more):
        yield f"- {tally.more[what]:,} decisions are a {what}: only the first call of each is counted, as one without."
    if tally.uncounted:
        yield f"- {tally.uncounted:,} calls whose usage nobody knows cost what they were booked at."
    if tally.unpriced:
        yield f"- {tally.unpriced:,} calls have no price on one side, and are in no sum."
    for fate, words in ((Fate.LEFT, "left as they were"), (Fate.UNSERVED, "not served")):
        reasons = [(why, count) for (of, why), count in tally.whys.most_common() if of is fate]
        for why, count in reasons[:_REASONS_MAX]:
            yield f"- {count:,} calls {words}: {why}"
        if len(reasons) > _REASONS_MAX:
            yield f"- {sum(count for _, count in reasons[_REASONS_MAX:]):,} more {words}, for other reasons"
