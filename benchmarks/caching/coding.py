"""What coding sessions would have cost under each use of Anthropic's prompt cache, and with a part of the calls moved.

The provider is modelled as its documentation says: a prefix is read where it was used no longer ago than it lives, and
what was not read is written. Decisions are made call by call from what came before; nothing is fitted to the traces.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from caching.traces import ARCHIVE, Call, Session, sessions

from gateway.core.price import Price
from gateway.core.usage import Usage
from gateway.prices.bundled import price_book
from gateway.prompt_cache.economics import LATER_S, SOON_S, Life, lifetime
from gateway.prompt_cache.reuse import Sightings

BAR = 0.81
ALIVE_S = {Life.MINUTES: SOON_S, Life.HOUR: LATER_S}
APART_S = 2 * LATER_S  # Between one session and the next, so that none keeps another's cache warm.
PRICED_AT = datetime(2026, 11, 21, tzinfo=UTC).timestamp()

Choose = Callable[[Call, float], Life]
Target = Callable[["Moment"], str]


class Moment(NamedTuple):
    """What is known when a call is to be sent."""

    session: int
    number: int
    call: Call
    cache: Cache
    grown: float  # Tokens that a call of this session has added, on average.
    made: float  # Tokens that it was answered.


class Cache:
    """One session's share of the provider's cache. Models do not share it."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, int], tuple[float, float]] = {}

    def warm(self, model: str, call: Call, at: float) -> int:
        """Tokens of the call's prompt that are still there."""
        tokens = 0
        for node, size in call.path:
            if self._until.get((model, node), (0.0, 0.0))[0] < at:
                break
            tokens += size
        return min(tokens, call.tokens_in)

    def use(self, model: str, call: Call, at: float, life: Life) -> Usage:
        """The call is made: what it read, and what it wrote."""
        read = 0 if life is Life.NONE else self.warm(model, call, at)
        for node, _ in call.path if life is not Life.NONE else ():
            until, alive_s = self._until.get((model, node), (0.0, 0.0))
            alive_s = alive_s if until >= at else ALIVE_S[life]
            self._until[model, node] = (at + alive_s, alive_s)
        new = call.tokens_in - read
        counted = {Life.NONE: "input", Life.MINUTES: "cache_write", Life.HOUR: "cache_write_1h"}[life]
        return Usage(cache_read=read, output=call.tokens_out, **{counted: new})


class Bill(NamedTuple):
    """In pico-dollars; and the share of calls that went elsewhere."""

    given: int  # For what was sent, cached or not.
    made: int
    moved: float = 0.0

    @property
    def total(self) -> int:
        return self.given + self.made


def price_of(model: str) -> Price:
    price = _BOOK.price("anthropic", model, PRICED_AT, "")
    assert price is not None, f"the price book does not know {model}"
    return price


_BOOK = price_book()


def always(life: Life, _call: Call, _at: float) -> Life:
    return life


class Measured:
    """Our own choice: by how often prefixes of the same model's calls came again so far."""

    def __init__(self) -> None:
        self._sightings = Sightings()
        self.session = 0

    def __call__(self, call: Call, at: float) -> Life:
        kind: Hashable = call.model
        chain = [(self.session, node) for node in call.chain]
        reuse = self._sightings.reuse(kind, chain, at)
        self._sightings.seen(kind, chain, at)
        return lifetime(reuse, price_of(call.model).standard.at(call.tokens_in))


def replay(found: list[Session], choose: Choose, target: Target | None = None) -> Bill:
    """Every call in its order, at the price book's rates."""
    given = made = moved = calls = 0
    start = 0.0
    for number, session in enumerate(found):
        cache, grown, answered = Cache(), 0.0, 0.0
        if isinstance(choose, Measured):
            choose.session = number
        for turn, call in enumerate(session):
            at = start + call.at
            model = call.model
            if target is not None:
                mean = max(turn, 1)
                here = call._replace(at=at)
                model = target(Moment(number, turn, here, cache, grown / mean, answered / mean))
            grown += max(0, call.tokens_in - (session[turn - 1].tokens_in if turn else 0)) if turn else 0
            answered += call.tokens_out
            usage = cache.use(model, call, at, choose(call._replace(model=model), at))
            cost = price_of(model).of(usage)
            given, made = given + cost.input.picos + cost.cache.picos, made + cost.output.picos
            calls, moved = calls + 1, moved + (model != call.model)
        start += (session[-1].at if session else 0.0) + APART_S
    return Bill(given, made, moved / max(calls, 1))


def offline(found: list[Session]) -> Bill:
    """The least that any choice could have cost that knows the future: for each stretch of a prompt by itself, by
    dynamic programming over its uses. A bound, for the provider's rules tie stretches to one another."""
    given = made = 0
    for session in found:
        uses: dict[tuple[str, int], list[tuple[float, int, int]]] = {}
        for call in session:
            rates = price_of(call.model).standard.at(call.tokens_in)
            made += rates.output * call.tokens_out
            for node, size in call.path:
                uses.setdefault((call.model, node), []).append((call.at, call.tokens_in, size))
            given += rates.input * max(0, call.tokens_in - sum(size for _, size in call.path))
        given += sum(_least(model, each) for (model, _), each in uses.items())
    return Bill(given, made)


def _least(model: str, uses: list[tuple[float, int, int]]) -> int:
    behind = dict.fromkeys(Life, 0)  # What the uses still to come cost, by what is kept now.
    for before, use in reversed(list(pairwise([None, *uses]))):
        at, tokens_in, size = use
        rates = price_of(model).standard.at(tokens_in)
        fresh = min(
            rates.input * size + behind[Life.NONE],
            rates.cache_write * size + behind[Life.MINUTES],
            rates.cache_write_1h * size + behind[Life.HOUR],
        )
        if before is None:
            return fresh
        behind = {
            life: min(fresh, rates.cache_read * size + behind[life])
            if life is not Life.NONE and at - before[0] <= ALIVE_S[life]
            else fresh
            for life in Life
        }
    return 0


def figures() -> dict[str, object]:
    """The rows of build/bench/caching.json, after a table of each on the screen."""
    if not ARCHIVE.exists():
        print(f"no coding traces at {ARCHIVE}: set FAREWAY_SHARED")
        return {}
    from caching.coding_routed import routing  # noqa: PLC0415

    found = sessions()
    return {"coding_cache": _caching(found), "coding_routed": routing(found)}


def _caching(found: list[Session]) -> dict[str, object]:
    bills = {
        "no cache": replay(found, partial(always, Life.NONE)),
        "always five minutes": replay(found, partial(always, Life.MINUTES)),
        "always an hour": replay(found, partial(always, Life.HOUR)),
        "measured (ours)": replay(found, Measured()),
        "offline bound": offline(found),
    }
    plain = bills["no cache"]
    once = [session[:1] for session in found]
    alone = {
        "always five minutes": replay(once, partial(always, Life.MINUTES)),
        "measured (ours)": replay(once, Measured()),
    }
    print(f"\n{'prompt cache':24}{'input $':>12}{'less':>9}{'whole $':>12}{'less':>9}")
    less = {}
    for name, bill in bills.items():
        less[name] = (1 - bill.given / plain.given, 1 - bill.total / plain.total)
        print(f"{name:24}{bill.given / 1e12:12.2f}{less[name][0]:9.2%}{bill.total / 1e12:12.2f}{less[name][1]:9.2%}")
    single = replay(once, partial(always, Life.NONE))
    wasted = {name: round(bill.given / single.given - 1, 4) for name, bill in alone.items()}
    print(f"first calls alone, which nothing follows: {wasted} dearer than no cache")
    ours = less["measured (ours)"]
    return {
        "measure": "reduction of the bill against no cache, answers included",
        "baseline": {name: round(less[name][1], 4) for name in ("always five minutes", "always an hour")},
        "ours": round(ours[1], 4),
        "ours_of_input_alone": round(ours[0], 4),
        "oracle": round(less["offline bound"][1], 4),
        "bar": BAR,
        "met": ours[1] >= BAR,
        "wasted_where_nothing_comes_again": wasted,
    }
