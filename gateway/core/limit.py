"""Limits: how much of what, by whom, in which window, and how strictly. Budgets and rate limits are the same thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from math import inf
from operator import attrgetter

from msgspec import Struct

from gateway.core.money import Money
from gateway.core.rolling import bucket_left_before, spelled


class Unit(StrEnum):
    """What a limit counts."""

    USD = "usd"  # In nano-dollars.
    TOKENS = "tokens"  # Input and output together.
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    REQUESTS = "requests"
    CONCURRENT = "concurrent"  # Calls in flight; has no window.


TOKENS = (Unit.TOKENS, Unit.INPUT_TOKENS, Unit.OUTPUT_TOKENS)


class Span(StrEnum):
    """How long a limit's window lasts. Calendar windows start on the hour, midnight, Monday or the first."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    LIFETIME = "lifetime"
    ROLLING = "rolling"  # The last so much time, always.
    RUNNING = "while running"  # For concurrency: held while a call runs, spent never.


@dataclass(frozen=True, slots=True)
class Start:
    """Where in a day, week, month or quarter a window begins, in local time."""

    day: int = 0  # Days after Monday, or after the first of the month; past a month's end, its last day.
    minute: int = 0  # Of that day.


class Mode(StrEnum):
    """What reaching a limit does."""

    HARD = "hard"  # Refuse.
    SOFT = "soft"  # Let pass, and tell.
    SHADOW = "shadow"  # Let pass, and only count what would have been refused.


class HoldMode(StrEnum):
    """How much a streamed call sets aside. Calls that are not streamed always hold strictly."""

    STRICT = "strict"  # The most that it can cost.
    PROGRESSIVE = "progressive"  # What it is likely to cost, extended while the stream runs.


class Then(StrEnum):
    """What becomes of a call that a hard limit would refuse."""

    REFUSE = "refuse"
    DOWNGRADE = "downgrade"  # Ask the models of a tier instead.
    QUEUE = "queue"  # Let it wait for room.
    FIT = "fit"  # Let it generate only as much as what is left can pay for.


class OnReached(Struct, frozen=True):
    """The same, with what it needs to know."""

    then: Then = Then.REFUSE
    tier: str = ""  # Of `downgrade`.
    wait_s: float = 0.0  # Of `queue`: at most.


LIMIT_USD_MAX = Money.usd(9_000_000)
"""Redis counts in doubles, exact to 2**53 nano-dollars = $9,007,199."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One rule: `node` may use `amount` of `unit` per `span`."""

    node: str  # See gateway.core.node.
    unit: Unit
    amount: int  # Nano-dollars, or a count.
    span: Span
    timezone: str = "UTC"
    mode: Mode = Mode.HARD
    hold: HoldMode = HoldMode.PROGRESSIVE
    start: Start = Start()  # Of calendar windows from a day on.
    rolling_s: int = 0  # How long a rolling window is.
    alert: tuple[int, ...] = ()  # Percentages of the amount: once that much is spent, it is told.
    outage: int = 0  # What each replica may hold in a window beyond its lease while the store does not answer.
    on_reached: OnReached = OnReached()

    @property
    def guards_money(self) -> bool:
        """Whether it is a hard budget in dollars."""
        return self.unit is Unit.USD and self.mode is Mode.HARD

    @property
    def id(self) -> str:
        """The same from run to run and independent of the amount, so that changing it keeps what was spent."""
        return f"{self.node}/{self.counts}"

    @property
    def counts(self) -> str:
        """What it counts, and in which windows. One node has one limit at most for each."""
        return f"{self.unit}/{self.window}"

    @property
    def window(self) -> str:
        """As people write it: "month", "rolling 30d"."""
        return spelled(self.rolling_s) if self.span is Span.ROLLING else self.span

    def keeps_time_with(self, other: Limit) -> bool:
        """Whether its windows begin when those of another do that counts the same."""
        return (self.timezone, self.start) == (other.timezone, other.start)


_REFUSES = (Mode.SHADOW, Mode.SOFT, Mode.HARD)
"""From nothing to all that is beyond."""


@dataclass(frozen=True, slots=True)
class Tightening(Limit):
    """One that a team's admin has set. It tightens what others have set, also what they set later."""

    @classmethod
    def of(cls, limit: Limit) -> Tightening:
        """The same rule, from a team's admin."""
        return cls(**{field.name: getattr(limit, field.name) for field in fields(limit)})

    def within(self, given: Limit | None) -> Limit:
        """What rules where without it `given` would: the same, of a lower amount at most. One that refuses less than
        this does not take its place."""
        if given is None or _REFUSES.index(given.mode) < _REFUSES.index(self.mode):
            return self
        hold = self.hold if self.hold is HoldMode.STRICT else given.hold
        if given.amount <= self.amount and hold is given.hold:
            return given
        return replace(given, node=self.node, amount=min(given.amount, self.amount), hold=hold)


class Fare(Struct, frozen=True, gc=False):
    """What one call takes from its limits: an amount per unit."""

    nanos: int
    input_tokens: int = 0
    output_tokens: int = 0
    requests: int = 1
    concurrent: int = 1

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def most(self, other: Fare) -> Fare:
        """What covers both."""
        return Fare(
            nanos=max(self.nanos, other.nanos),
            input_tokens=max(self.input_tokens, other.input_tokens),
            output_tokens=max(self.output_tokens, other.output_tokens),
            requests=max(self.requests, other.requests),
            concurrent=max(self.concurrent, other.concurrent),
        )

    def in_unit(self, unit: Unit) -> int:
        """The part that a limit in this unit counts."""
        return PARTS[unit](self)


PARTS: dict[Unit, Callable[[Fare], int]] = {
    Unit.USD: attrgetter("nanos"),
    Unit.TOKENS: attrgetter("tokens"),
    Unit.INPUT_TOKENS: attrgetter("input_tokens"),
    Unit.OUTPUT_TOKENS: attrgetter("output_tokens"),
    Unit.REQUESTS: attrgetter("requests"),
    Unit.CONCURRENT: attrgetter("concurrent"),
}
"""How much of a fare each unit counts."""


SHORT_SPANS = (Span.SECOND, Span.MINUTE, Span.HOUR)
"""Windows of which there are too many to keep a record of each for ever."""


LONGEST_S: dict[str, int] = {
    Span.SECOND: 1,
    Span.MINUTE: 60,
    Span.HOUR: 3600,
    Span.DAY: 2 * 86_400,
    Span.WEEK: 8 * 86_400,
    Span.MONTH: 32 * 86_400,
    Span.QUARTER: 93 * 86_400,
}
"""How long windows that end may last, in seconds: from a day on with a day more, for zones that set their clocks."""


def account_unit(account: str) -> str:
    """What an account counts. Accounts are named `<node>/<unit>/<span>@<start>`, and a node may hold any character."""
    return account.rpartition("@")[0].rpartition("/")[0].rpartition("/")[2]


def _account_span(account: str) -> str:
    return account.rpartition("@")[0].rpartition("/")[2]


def _began(account: str) -> float:
    """When its window did, in Unix seconds; infinite where its name tells no moment."""
    try:
        return datetime.fromisoformat(account.rpartition("@")[2]).timestamp()
    except ValueError:
        return inf


def short_window_before(account: str, before: float) -> bool:
    """Whether this account is of a window of an hour or less that began before that Unix time, or a bucket that a
    rolling one had left behind by then."""
    if _account_span(account) in SHORT_SPANS:
        return _began(account) < before
    return bucket_left_before(account, before)


def longest_s(account: str) -> int:
    """How many seconds the window of this account lasts at most; 0 if it never ends."""
    return LONGEST_S.get(_account_span(account), 0)


def ended_before(account: str, before: float) -> bool:
    """Whether this account is of a window that had ended by that Unix time for certain: a month may have 32 days."""
    longest = longest_s(account)
    return longest > 0 and _began(account) + longest <= before


def amount_text(amount: int, unit: Unit) -> str:
    """An amount as people write it: '$10.00', '60000 tokens', '500 input tokens', '8 concurrent'."""
    return str(Money.of_nanos(amount)) if unit is Unit.USD else f"{amount} {unit.replace('_', ' ')}"
