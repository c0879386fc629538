"""What a replay comes to: dollars, latency, limits and lost caches, beside what really was. Pure sums, in one pass."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.core.entry import Entry, Outcome
from gateway.core.money import ZERO, Money
from gateway.planning.elsewhere import Worth
from gateway.planning.fates import Again, Fate, conversation
from gateway.planning.resampled import Groups, draws, interval
from gateway.planning.spread import Spread, milliseconds, quantile, together


@dataclass(slots=True)
class Sums:
    """Of some calls. Only where a price is known on both sides."""

    calls: int = 0
    before: Money = ZERO
    after: Money = ZERO

    def add(self, worth: Worth, *, counts: bool) -> None:
        """One more."""
        self.calls += counts
        if worth.before is not None and worth.after is not None:
            self.before += worth.before
            self.after += worth.after

    @property
    def change(self) -> Money:
        """How much more it would have been."""
        return self.after - self.before


@dataclass(slots=True)
class Shift:
    """A percentile in milliseconds, as it was and as it would have been."""

    before: int
    after: int
    interval: tuple[int, int] | None  # Of the difference, 95 %.


@dataclass(slots=True)
class Hits:
    """Calls that one limit would have refused, or sent another way."""

    way: str
    calls: int = 0
    cost: Money = ZERO  # That those came to which would have been refused.


@dataclass
class Tally:
    """Adds up what became of every call."""

    fates: Counter[Fate] = field(default_factory=Counter)
    whys: Counter[tuple[Fate, str]] = field(default_factory=Counter)
    total: Sums = field(default_factory=Sums)  # Of what was decided on again.
    lost: Money = ZERO
    won: Money = ZERO
    moves: defaultdict[tuple[str, str], Sums] = field(default_factory=lambda: defaultdict(Sums))
    teams: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    models: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))  # Calls as they would have been,
    were: Counter[str] = field(default_factory=Counter)  # and as they were.
    hits: dict[tuple[str, str], Hits] = field(default_factory=dict)
    unpriced: int = 0
    scaled: int = 0
    uncounted: int = 0
    more: Counter[str] = field(default_factory=Counter)  # Decisions that ask for more than one answer.
    whole: Spread = field(default_factory=Spread)  # How long answers took,
    first: Spread = field(default_factory=Spread)  # and streams to their first token.
    groups: Groups = field(default_factory=Groups)
    _changes: Counter[int] = field(default_factory=Counter)  # Pico-dollars by group.
    _recent: dict[str, Again] = field(default_factory=dict)  # Of one moment: adjustments have that of their entry.
    _moment: float = 0.0

    def add(self, again: Again, worth: Worth) -> None:
        """One entry, in the order of the ledger."""
        if again.entry.outcome is Outcome.ADJUSTED:
            self._adjust(again.entry)
            return
        if again.entry.at != self._moment:
            self._moment = again.entry.at
            self._recent.clear()
        self._recent[again.entry.id] = again
        counts = not again.goes_on
        self.fates[again.fate] += counts
        if again.why and counts:
            self.whys[again.fate, again.why] += 1
        if again.more and counts:
            self.more[again.more] += 1
        if again.way:
            self._hit(again, worth)
        if again.fate in (Fate.STAYED, Fate.MOVED):
            self._count(again, worth, counts=counts)

    def _hit(self, again: Again, worth: Worth) -> None:
        hits = self.hits.setdefault((again.why, again.way), Hits(again.way))
        hits.calls += not again.goes_on
        if again.fate is Fate.REFUSED and worth.before is not None:
            hits.cost += worth.before

    def _count(self, again: Again, worth: Worth, *, counts: bool) -> None:
        entry, group = again.entry, self.groups.of(conversation(again.entry))
        self.unpriced += worth.before is None or worth.after is None
        self.scaled += worth.scaled
        self.uncounted += entry.uncounted
        self.lost += worth.lost
        self.won += worth.won
        self._book(again, worth, group, counts=counts)
        if entry.outcome is Outcome.OK and not again.answered:
            self.whole.add(group, again.was, again.name, entry.duration_ms)
            if entry.first_token_ms is not None:
                self.first.add(group, again.was, again.name, entry.first_token_ms)

    def _book(self, again: Again, worth: Worth, group: int, *, counts: bool) -> None:
        ways = [self.total, self.teams[again.entry.caller.team]]
        if again.name != again.was and not again.answered:
            ways.append(self.moves[again.was, again.name])
        for sums in ways:
            sums.add(worth, counts=counts)
        if worth.before is not None and worth.after is not None:
            self.models[again.was].before += worth.before
            self.models[again.name].after += worth.after
            self._changes[group] += worth.after.picos - worth.before.picos
        self.models[again.name].calls += counts
        self.were[again.was] += counts

    def _adjust(self, entry: Entry) -> None:
        """What an entry has come to later: what stayed would have, too."""
        again = self._recent.get(entry.adjusts)
        if again is None or again.fate not in (Fate.STAYED, Fate.MOVED) or entry.cost.total is None:
            return
        there = entry.cost.total if again.name == again.was else ZERO
        worth = Worth(entry.cost.total, there, entry.usage)
        self._book(again, worth, self.groups.of(conversation(entry)), counts=False)

    def change_interval(self) -> tuple[Money, Money] | None:
        """Of the change in dollars, 95 %."""
        found = interval(sum(n * self._changes[g] for g, n in drawn.items()) for drawn in draws(len(self.groups)))
        return None if found is None else (Money(found[0]), Money(found[1]))


def shifts(spread: Spread, shares: Iterable[float]) -> list[Shift | None]:
    """What becomes of these quantiles; None where there are no calls."""
    before, after = zip(*spread.sides(), strict=True) if spread.groups else ((), ())
    drawn = [(together(before, weights), together(after, weights)) for weights in draws(spread.groups)]
    return [_shift(together(before), together(after), drawn, share) for share in shares]


Side = Counter[int]


def _shift(before: Side, after: Side, drawn: list[tuple[Side, Side]], share: float) -> Shift | None:
    was, would = quantile(before, share), quantile(after, share)
    if was is None or would is None:
        return None
    pairs = ((quantile(one, share), quantile(other, share)) for one, other in drawn)
    moved = interval(milliseconds(b) - milliseconds(a) for a, b in pairs if a is not None and b is not None)
    return Shift(milliseconds(was), milliseconds(would), moved)
