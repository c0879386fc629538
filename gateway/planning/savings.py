"""What would have made real calls cheaper, in dollars: from the ledger's counters, at the prices of the calls."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from gateway.core.entry import NO_CALLS, Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import SEPARATOR, STANDARD_TIERS, Price, Rates
from gateway.planning.traffic import Call, calls

CACHE_S = 300
"""How long providers remember a prompt at least (https://docs.claude.com/en/docs/build-with-claude/prompt-caching)."""
CACHE_TOKENS_MIN = 1024
"""Shorter prompts are not remembered."""
WAITING_TIERS = ("flex", "batch")

SMALLER = "smaller model"
_UNREAD = {Outcome.HUNG_UP: "the caller left before the end", Outcome.CUT: "the provider's stream broke off"}

Prices = Mapping[str, Price]
Route = tuple[str, str]
"""A provider and a model."""


@dataclass(frozen=True, slots=True)
class Saving:
    """One thing to do about one model."""

    what: str
    provider: str
    model: str
    calls: int  # That it concerns.
    spent: Money  # On these calls.
    saved: Money  # If it had been done. What is already saved is told apart, by `done`.
    how: str
    done: bool = False


def savings(entries: Iterable[Entry], prices: Prices) -> list[Saving]:
    """All that is found, the largest first; what is done already at the end. The entries, oldest first, are gone
    through twice: what a smaller model costs is known only at the end."""
    latest: dict[Route, Price] = {}
    for call in calls(entries):
        price = _price(call, prices)
        if price is not None and not call.selfhosted and call.outcome is not Outcome.ADJUSTED:
            latest[call.provider, call.model] = price
    found = _Found()
    ways = (_Remembered(prices), _waited(prices), _smaller(latest, prices), _unread)
    for call in calls(_with_answers_before(entries, found)):
        for way in ways if call.outcome is not Outcome.ADJUSTED else ():
            for what, how, saved in way(call):
                found.add(what, how, call, saved)
    return found.savings()


Way = Callable[[Call], Iterable[tuple[str, str, Money]]]
"""What would have saved how much of one call, and how."""


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    spent: int = 0  # Pico-dollars, both.
    saved: int = 0


class _Found:
    """Adds up what is found."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[str, str, Route], _Sum] = defaultdict(_Sum)
        self._answers: defaultdict[Route, _Sum] = defaultdict(_Sum)  # From the cache,
        self._asked: Counter[Route] = Counter()  # of so many.

    def add(self, what: str, how: str, call: Call, saved: Money) -> None:
        """One call that would have cost less."""
        _add(self._sums[what, how, (call.provider, call.model)], call, saved)

    def saw(self, entry: Entry) -> None:
        """An answer, whether from the cache or not."""
        route = entry.provider, entry.model
        self._asked[route] += entry.outcome not in NO_CALLS
        if entry.outcome is Outcome.CACHED:
            _add(self._answers[route], entry, Money.of_nanos(entry.saved_nanos))

    def savings(self) -> list[Saving]:
        """The best of those that are alternatives, and only what saves anything."""
        found = [_saving(what, how, route, one) for (what, how, route), one in self._sums.items()]
        cheaper = [one for one in found if one.what == SMALLER and one.saved.picos > 0]
        cheaper.sort(key=lambda one: one.saved.picos, reverse=True)
        next_cheaper = {(one.provider, one.model): one for one in cheaper}  # The last one stays.
        found = [one for one in found if one.what != SMALLER] + list(next_cheaper.values())
        for route, one in self._answers.items():
            how = f"{one.calls} of {self._asked[route]} answers came from the cache"
            found.append(_saving("response cache", how, route, one, done=True))
        return sorted((one for one in found if one.saved.picos > 0), key=lambda one: (one.done, -one.saved.picos))


def _add(one: _Sum, call: Entry, saved: Money) -> None:
    one.calls += 1
    one.spent += call.cost.known.picos
    one.saved += saved.picos


def _saving(what: str, how: str, route: Route, one: _Sum, *, done: bool = False) -> Saving:
    return Saving(what, *route, one.calls, Money(one.spent), Money(one.saved), how, done)


def _with_answers_before(entries: Iterable[Entry], found: _Found) -> Iterator[Entry]:
    """The same entries; what they say of the response cache is seen on the way: what it has saved so far."""
    for entry in entries:
        found.saw(entry)
        yield entry


class _Remembered:
    """Prompt caching: in a conversation, the prompt before is the beginning of the next one."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._before: dict[tuple[str, ...], tuple[float, int]] = {}  # When, and how long its prompt was.

    def __call__(self, call: Call) -> Iterator[tuple[str, str, Money]]:
        """What reading the prompt before would have saved, less what writing the rest would have cost."""
        if not call.session:
            return
        name, asked = (call.provider, call.model, call.caller.key_id, call.session), call.usage.input_total
        at, known = self._before.pop(name, (0.0, 0))
        self._remember(name, call.at, asked)
        if not known or call.at - at > CACHE_S or not CACHE_TOKENS_MIN <= known <= asked:
            return
        rates = _rates(call, self._prices)
        again = min(known - call.usage.cache_read, call.usage.input)
        if rates is None or again <= 0:
            return
        written = max(0, call.usage.input - again)
        dearer = max(0, rates.cache_write - rates.input)
        saved = Money(again * (rates.input - rates.cache_read) - written * dearer)
        yield "prompt caching", "mark the conversation's beginning for the provider's prompt cache", saved

    def _remember(self, name: tuple[str, ...], at: float, asked: int) -> None:
        """The newest stand last: those at the front are the first that providers forget."""
        self._before[name] = at, asked
        oldest = next(iter(self._before))
        if at - self._before[oldest][0] > CACHE_S:
            del self._before[oldest]


def _waited(prices: Prices) -> Way:
    """Flex and batch: calls that nobody watched, at the tier that may take longer."""

    def way(call: Call) -> Iterator[tuple[str, str, Money]]:
        price = _price(call, prices)
        if price is None or call.stream or call.service_tier not in STANDARD_TIERS:
            return
        for tier in WAITING_TIERS:
            if tier in price.tiers:
                how = f"those of the calls without a stream that may wait, at the {tier} tier"
                yield tier, how, call.cost.known - price.of(call.usage, tier).known

    return way


def _smaller(latest: Mapping[Route, Price], prices: Prices) -> Way:
    """The same tokens at the next cheaper model in use. Whether it would have done is for a test to say."""

    def way(call: Call) -> Iterator[tuple[str, str, Money]]:
        if call.selfhosted or _price(call, prices) is None:
            return
        for (provider, model), price in latest.items():
            how = f"the same tokens at {provider}/{model}"
            yield SMALLER, how, call.cost.known - price.of(call.usage).known

    return way


def _unread(call: Call) -> Iterator[tuple[str, str, Money]]:
    """Answers that nobody got to the end of."""
    if call.outcome in _UNREAD:
        yield "answers not read", _UNREAD[call.outcome], call.cost.known


def _price(call: Call, prices: Prices) -> Price | None:
    """The one price that the call was booked at; None where there are several or none."""
    name = call.cost.price_id
    return prices.get(name) if name is not None and SEPARATOR not in name and call.cost.total is not None else None


def _rates(call: Call, prices: Prices) -> Rates | None:
    price = _price(call, prices)
    return price.rates_for(call.usage, call.service_tier)[0] if price is not None else None
