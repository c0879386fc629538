"""What routing has saved: what calls came to, beside what they would have where it had not chosen. Pure, in one pass.

Only calls whose name leads to several deployments count, and each is compared with three ways of not routing: the
deployment that was asked for, the best single one, and a draw by lot with the same shares. The tokens are those that
were counted, at the prices of the moment. At a single deployment a conversation would have kept its prompt cache, so
what switching lost is against routing; so are attempts whose answer nobody was given. A draw by lot switches as often,
and is taken as it comes.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import Price
from gateway.core.route import TIERS
from gateway.planning.fates import deployment
from gateway.planning.resampled import Groups, draws, interval
from gateway.planning.reused import Prompts, with_read

REQUEST_S_MAX = 3600.0
"""Attempts of one request are no further apart."""

LOT = "a draw by lot"

_GIVEN = frozenset({Outcome.OK, Outcome.HUNG_UP, Outcome.CUT, Outcome.STOPPED})

Picos = Counter[int]
"""Pico-dollars by group of conversations."""


class Asked(NamedTuple):
    """A name that leads to several deployments."""

    first: str  # What it stands for where nothing is routed.
    tiers: Mapping[str, str]  # Each deployment's, `first` among them.


class Made(NamedTuple):
    """One request that was answered."""

    answer: Entry
    paid: Money | None  # For the answer; None: nobody knows.
    thrown_away: Money  # For attempts that came to nothing.


def requests(entries: Iterable[Entry]) -> Iterator[Made]:
    """Requests that a provider answered, from entries in the order of the ledger."""
    waiting: OrderedDict[str, list[Entry]] = OrderedDict()
    for entry in entries:
        if entry.outcome is not Outcome.CACHED:
            waiting.setdefault(entry.request_id, []).append(entry)
        while waiting and next(iter(waiting.values()))[0].at < entry.at - REQUEST_S_MAX:
            yield from _made(waiting.popitem(last=False)[1])
    for attempts in waiting.values():
        yield from _made(attempts)


def _made(attempts: Sequence[Entry]) -> Iterator[Made]:
    given = [entry for entry in attempts if entry.outcome in _GIVEN and not entry.uncounted]
    if given:
        answer = given[-1]
        own = [entry for entry in attempts if answer.id in (entry.id, entry.adjusts)]
        paid = None if all(entry.cost.total is None for entry in own) else _known(own)
        yield Made(answer, paid, _known(attempts) - _known(own))


def _known(entries: Iterable[Entry]) -> Money:
    return Money(sum(entry.cost.known.picos for entry in entries))


class _Elsewhere:
    """All calls of one name, had they gone to one deployment."""

    def __init__(self) -> None:
        self.as_is = Picos()  # With what they read from caches in fact.
        self.kept = Picos()  # With what they would have read.
        self.unknown = False  # A price is.
        self._prompts = Prompts()

    def add(self, group: int, made: Made, name: str, price: Price | None) -> None:
        answer = made.answer
        read = max(answer.usage.cache_read, self._prompts.read(answer, name))  # What all ask would be known there, too.
        self._prompts.learn(answer, name)
        if price is None:
            self.unknown = True
            return
        tier = answer.service_tier if answer.service_tier in price.tiers else None
        as_is = price.of(answer.usage, tier).known
        lost = as_is - price.of(with_read(answer.usage, read), tier).known
        if name == deployment(answer) and made.paid is not None:
            as_is = made.paid
        self.as_is[group] += as_is.picos
        self.kept[group] += (as_is - lost).picos


@dataclass
class Named:
    """The calls that asked for one name."""

    asked: Asked
    calls: Counter[str] = field(default_factory=Counter)  # By deployment.
    paid: Picos = field(default_factory=Picos)
    thrown_away: Picos = field(default_factory=Picos)
    elsewhere: defaultdict[str, _Elsewhere] = field(default_factory=lambda: defaultdict(_Elsewhere))

    def best(self, model: str) -> str:
        """The best single deployment: of this model where it is among them, else the cheapest of the best tier; empty
        where no price is known."""
        priced = [name for name, where in self.elsewhere.items() if not where.unknown]
        good = [name for name in priced if model and name.partition("/")[2] == model]
        if not good:
            ranks = {name: TIERS.index(self.asked.tiers[name]) for name in priced}
            good = [name for name, rank in ranks.items() if rank == min(ranks.values())]
        return min(good, key=lambda name: (self.elsewhere[name].kept.total(), name), default="")


class Saving(NamedTuple):
    """Routing beside one way of not routing. Amounts are pico-dollars by group."""

    against: str
    calls: int
    gross: Picos  # What answers would have cost more there, with what was read from caches in fact.
    thrown_away: Picos
    lost: Picos  # What would have been read from caches there.
    there: Money  # What answers would have cost there, these caches read.

    @property
    def net(self) -> Picos:
        """What is left of it."""
        net = Picos(self.gross)
        net.subtract(self.thrown_away)
        net.subtract(self.lost)
        return net

    def added(self, other: Saving) -> Saving:
        """Both together."""
        against = self.against if self.against == other.against else "each name's own"
        sums = (Picos(one) for one in (self.gross, self.thrown_away, self.lost))
        gross, thrown_away, lost = sums
        for mine, its in ((gross, other.gross), (thrown_away, other.thrown_away), (lost, other.lost)):
            mine.update(its)
        return Saving(against, self.calls + other.calls, gross, thrown_away, lost, self.there + other.there)


@dataclass
class Routed:
    """Adds up the calls of a ledger. `asked`: what a name leads to; None where it leaves no choice. `price`: of a
    deployment, at the moment of an entry."""

    asked: Callable[[str], Asked | None]
    price: Callable[[str, Entry], Price | None]
    names: dict[str, Named] = field(default_factory=dict)
    groups: Groups = field(default_factory=Groups)
    without_choice: int = 0  # Calls,
    elsewhere: int = 0  # those that went where their name does not lead (any more),
    unpriced: int = 0  # and those whose cost nobody knows.
    _asked: dict[str, Asked | None] = field(default_factory=dict)

    def add(self, made: Made) -> None:
        """One more, in the order of the ledger."""
        answer, name = made.answer, made.answer.asked_model
        if name not in self._asked:
            self._asked[name] = self.asked(name)
        asked = self._asked[name]
        if asked is None:
            self.without_choice += 1
        elif deployment(answer) not in asked.tiers:
            self.elsewhere += 1
        elif made.paid is None:
            self.unpriced += 1
        else:
            self._count(self.names.setdefault(name, Named(asked)), made, made.paid)

    def _count(self, named: Named, made: Made, paid: Money) -> None:
        answer = made.answer
        group = self.groups.of((answer.caller.key_id, answer.session or answer.request_id))
        named.calls[deployment(answer)] += 1
        named.paid[group] += paid.picos
        named.thrown_away[group] += made.thrown_away.picos
        for name in named.asked.tiers:
            named.elsewhere[name].add(group, made, name, self.price(name, answer))

    def spread(self, net: Picos) -> tuple[Money, Money] | None:
        """How far a net saving may be off, 95 %; None where conversations are too few to tell."""
        found = interval(sum(n * net[group] for group, n in drawn.items()) for drawn in draws(len(self.groups)))
        return None if found is None else (Money(found[0]), Money(found[1]))


def beside_single(named: Named, name: str) -> Saving | None:
    """Had all gone to this deployment; None where a price is not known there."""
    where = named.elsewhere.get(name)
    if where is None or where.unknown:
        return None
    gross, lost = Picos(where.as_is), Picos(where.as_is)
    gross.subtract(named.paid)
    lost.subtract(where.kept)
    return Saving(name, named.calls.total(), gross, named.thrown_away, lost, Money(where.kept.total()))


def beside_lot(named: Named) -> Saving | None:
    """Had a lot been drawn for each call, with the shares that deployments had in fact."""
    if any(named.elsewhere[name].unknown for name in named.calls):
        return None
    calls, gross = named.calls.total(), Picos()
    for name, count in named.calls.items():
        for group, picos in named.elsewhere[name].as_is.items():
            gross[group] += picos * count
    gross = Picos({group: picos // calls for group, picos in gross.items()})
    there = Money(gross.total())
    gross.subtract(named.paid)
    return Saving(LOT, calls, gross, named.thrown_away, Picos(), there)
