"""The same coding sessions with 30 % of their calls moved to a cheap model: what the lost prompt cache takes back.

Which calls may move is asked in two ways: whole sessions, or runs of calls that a router by prompt would find easy. The
cache is used as we would (`coding.Measured`) in all of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from caching.coding import Bill, Measured, Moment, price_of, replay
from caching.traces import Session

BAR, SHARE = 0.22, 0.30
CHEAP, MIDDLE = "claude-haiku-4-5-20251001", "claude-sonnet-4-5-20250929"
ORDERS = 6  # In which the sessions may come, and throws of the dice: the mean and the worst are told.
TURNS_MAX = 16  # What three of four sessions still have before them, whenever one asks.
MARGIN = 0.10
BEST = "sessions to Haiku (ours)"
FOR_GOOD = 1_000_000

Wanted = Callable[[Moment], int]
"""For how many calls from this one on the cheap model would do; 0: it would not."""


class BySession:
    """A session begins at the cheap model, and stays, where fewer than 30 % of the calls have gone there so far."""

    def __init__(self) -> None:
        self._calls = self._moved = 0
        self._here = False

    def __call__(self, moment: Moment) -> int:
        if moment.number == 0:
            self._here = self._moved <= SHARE * self._calls
        self._calls, self._moved = self._calls + 1, self._moved + self._here
        return FOR_GOOD if self._here else 0


def by_runs(length: int, seed: int) -> Wanted:
    """30 % of all runs of so many calls."""

    def wanted(moment: Moment) -> int:
        toss = random.Random(f"{seed}/{moment.session}/{moment.number // length}").random()
        return length - moment.number % length if toss < SHARE else 0

    return wanted


def target(wanted: Wanted, cheap: str, *, weighed: bool) -> Callable[[Moment], str]:
    """Where each call goes: where it is wanted, or there only if that pays."""

    def model(moment: Moment) -> str:
        own, turns = moment.call.model, wanted(moment)
        if not turns or own == cheap:
            return own
        return cheap if not weighed or _pays(moment, own, cheap, turns) else own

    return model


def _pays(moment: Moment, here: str, there: str, wanted: int) -> bool:
    """Whether so many calls there, and the way back, cost less than here. Whatever was not written here meanwhile must
    be then."""
    turns = min(wanted, TURNS_MAX)
    stay = _now(moment, here) + (turns - 1) * _warm(moment, here)
    move = _now(moment, there) + (turns - 1) * _warm(moment, there)
    missing = _cold(moment, here) + (turns - 1) * moment.grown
    back = 0.0 if wanted == FOR_GOOD else missing * _rates(moment, here).cache_write_1h
    return move + back < (1 - MARGIN) * stay


def _cold(moment: Moment, model: str) -> int:
    return moment.call.tokens_in - moment.cache.warm(model, moment.call, moment.call.at)


def _now(moment: Moment, model: str) -> float:
    rates, tokens = _rates(moment, model), moment.call.tokens_in
    cold = _cold(moment, model)
    return (tokens - cold) * rates.cache_read + cold * rates.cache_write_1h + moment.made * rates.output


def _warm(moment: Moment, model: str) -> float:
    rates, tokens = _rates(moment, model), moment.call.tokens_in
    return tokens * rates.cache_read + moment.grown * rates.cache_write_1h + moment.made * rates.output


def _rates(moment: Moment, model: str):
    return price_of(model).standard.at(moment.call.tokens_in)


def routing(found: list[Session]) -> dict[str, object]:
    """The figures, after a table on the screen."""
    unrouted = replay(found, Measured())
    print(f"\n{'30 % of the calls elsewhere':44}{'share':>8}{'less':>9}{'at worst':>10}")
    rows: dict[str, dict[str, float]] = {}

    def row(name: str, bills: list[Bill]) -> None:
        less = [1 - bill.total / unrouted.total for bill in bills]
        share = sum(bill.moved for bill in bills) / len(bills)
        rows[name] = {"share": round(share, 4), "less": round(sum(less) / len(less), 6), "worst": round(min(less), 6)}
        print(f"{name:44}{share:8.1%}{rows[name]['less']:9.2%}{rows[name]['worst']:10.2%}")

    orders = [_in_order(found, seed) for seed in range(ORDERS)]
    row(BEST, [replay(order, Measured(), target(BySession(), CHEAP, weighed=True)) for order in orders])
    for cheap, word in ((CHEAP, "Haiku"), (MIDDLE, "Sonnet")):
        for length in (1, 10, 50):
            for weighed in (False, True):
                name = f"runs of {length} to {word}{', weighed (ours)' if weighed else ''}"
                row(name, [replay(found, Measured(), target(by_runs(length, 0), cheap, weighed=weighed))])
    ours = [figures for name, figures in rows.items() if "(ours)" in name]
    best = rows[BEST]
    return {
        "measure": "reduction of the bill against the same cache without routing",
        "baseline": rows["runs of 1 to Haiku"]["less"],
        "ours": best["less"],
        "oracle": round(_all_moved(found, unrouted), 4),
        "bar": BAR,
        "met": best["less"] >= BAR and min(figures["worst"] for figures in ours) >= 0,
        "worst_of_ours": min(figures["worst"] for figures in ours),
        "rows": rows,
    }


def _in_order(found: list[Session], seed: int) -> list[Session]:
    shuffled = list(found)
    random.Random(seed).shuffle(shuffled)
    return shuffled


def _all_moved(found: list[Session], unrouted: Bill) -> float:
    """The most that 30 % of the calls can save: whole sessions, those first that save the most a call, known
    beforehand."""
    here = [replay([session], Measured()) for session in found]
    there = [replay([session], Measured(), lambda _: CHEAP) for session in found]
    ranked = sorted(
        ((one.total - other.total, len(session)) for one, other, session in zip(here, there, found, strict=True)),
        key=lambda pair: -pair[0] / pair[1],
    )
    room, saved = SHARE * sum(map(len, found)), 0
    for least, calls in ranked:
        if calls <= room:
            room, saved = room - calls, saved + least
    return saved / unrouted.total
