"""One replica's account with one limit in one window.

    leased ──┬── spent      settled at what it really cost
             ├── held       set aside by calls in flight
             └── available  what another call may take

The store never leases more than the limit to all replicas together, and a replica never holds more
than it has leased: so spent and held together never pass the limit, without asking anybody. What a
call has really cost counts even above its hold: the provider has already charged it.

Only a hold is decided by the lease. What is told to people is about the whole limit: with what the
others had spent and held when the store last spoke.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from gateway.core.errors import Reason, Refusal
from gateway.core.limit import PARTS, Fare, Limit, Mode, Span, Unit, amount_text
from gateway.core.money import Money
from gateway.core.node import placed
from gateway.limits.burn import Spending
from gateway.limits.line import Line
from gateway.limits.windows import Window, utc_text, window_at
from gateway.stores.base import Standing, Word

CEILING = "x-fareway-max-cost"
"""The header that sets a ceiling for one call; refusals name it where others name a node."""

PERIODS_AHEAD = 4
"""So many periods' takings are leased ahead, once there are fewer than half of them."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class Account:
    """Amounts are in the limit's own unit: nano-dollars, tokens, requests or calls."""

    node: str  # Whose account it is: "key:abc", where the limit may say "key:*".
    limit: Limit
    window: Window
    leased: int = 0
    spent: int = 0
    held: int = 0
    open: bool = False  # True once the balance is loaded and a lease was asked for.
    stirred: bool = True  # Something may have changed that the store, or the pace, must hear of.
    own: bool = False  # Of one call alone: no book and no store knows it.
    others: Standing = Standing()  # All other replicas together, by the store's last word.
    reported: tuple[int, int] | None = None  # The `spent` and `held` that the store last heard of.
    taken: int = 0  # Held anew since the last period began.
    pace: int = 0  # What is held anew in a period, of late.
    alerted: int = 0  # How many thresholds of this limit have been dealt with.
    waiting: list[int] = field(default_factory=list)  # What calls lack that wait for the store.
    short: bool = False  # The store's last word: not even the smallest of them can be helped.
    yields: bool = False  # And somebody else is to be helped before.
    learning: bool = False  # And nobody is to be helped yet: it may have forgotten what is leased.
    lent: int = 0  # Of the lease, what no store has granted: it did not answer.
    line: Line | None = None  # Of calls that wait for room, where the limit lets them.
    dry: int | None = None  # So much or more was asked of everybody, and is not to be had.
    back: int = 0  # By so much corrections have made `spent` less, of which the store has not heard.
    fallen: int = 0  # What has left a rolling window, and the lease with it, since the store was asked.
    spending: Spending | None = None  # How fast, where somebody wants to know.
    guards_money: bool = field(init=False)
    part: Callable[[Fare], int] = field(init=False)  # How much of a fare it counts.
    hard: bool = field(init=False)
    id: str = field(init=False)  # Names the record in the store and in the ledger.
    book: str = field(init=False)  # The account in the ledger on which stands what is spent now.

    def __post_init__(self) -> None:
        """The same in every process: node, unit, span and the window's start."""
        self.id = self.book = f"{self.node}/{self.limit.counts}@{self.window.label}"
        self.ruled(self.limit)

    def ruled(self, limit: Limit) -> None:
        """This limit counts from now on. What is spent and held stays. Less is left at once; more, once the store has
        heard of it."""
        self.limit = limit
        self.guards_money = limit.guards_money
        self.part = PARTS[limit.unit]
        self.hard = limit.mode is Mode.HARD
        self.reported = self.dry = None
        self.alerted = 0
        self.stirred = True
        self.leased = min(self.leased, max(limit.amount, self.needed))

    @property
    def available(self) -> int:
        """What may still be held. Negative after a call that cost more than it held."""
        return self.leased - self.spent - self.held

    @property
    def left(self) -> int:
        """What nobody has spent or holds of the whole limit, as far as is known."""
        return self.limit.amount - self.spent_by_all - self.held - self.others.held

    @property
    def unleased(self) -> int:
        """What no other replica has leased of it, as far as is known: to be had without asking them."""
        return self.limit.amount - self.others.leased - self.needed

    @property
    def spent_by_all(self) -> int:
        """By every replica, as far as is known."""
        return self.spent + self.others.spent

    @property
    def needed(self) -> int:
        """What a lease cannot go below."""
        return self.spent + self.held

    @property
    def runs_low(self) -> bool:
        """Whether the lease may not last until the store has been asked twice."""
        return self.available * 2 < self.pace * PERIODS_AHEAD

    @property
    def resets_at(self) -> float:
        """When something of what is spent counts no more, in Unix seconds; infinite if never."""
        return self.window.end

    @property
    def unused(self) -> bool:
        """Whether it would be the same if it were opened anew, but for a lease that nobody needs. A call may have it in
        hand all the same."""
        return not (self.held or self.waiting or (self.open and (self.spent or self.lent or self.back)))

    @property
    def behind(self) -> bool:
        """Whether the store may have more for it than it knows of, so that it must ask."""
        return bool(self.fallen)

    @property
    def booked(self) -> dict[str, int]:
        """What is spent, by its accounts in the ledger."""
        return {self.id: self.spent}

    def load(self, balances: Mapping[str, int]) -> None:
        """Begin with what the ledger says of its accounts there."""
        self.spent = balances.get(self.id, 0)

    def burn(self, now: float) -> float | None:
        """How fast it burns (see `gateway.limits.burn`); None where its window never ends."""
        window, amount, spent = self.window, self.limit.amount, self.spent_by_all
        if window.end == inf:
            return None
        if self.spending is None:
            length, seconds = window.end - window.start, now - window.start
            self.spending = Spending.seen(spent, seconds, amount, length, at=now, ever=spent)
        self.spending.look(spent, now)
        return self.spending.burn(amount - spent, window.end - now)

    def refuses(self, amount: int) -> bool:
        """Whether holding this would break a hard limit. Soft and shadow limits let everything pass, and every
        limit a call that takes nothing of it, even where more is spent than was leased."""
        return self.hard and amount > 0 and amount > self.leased - self.spent - self.held

    @classmethod
    def ceiling(cls, amount: Money) -> Account:
        """What one call may cost, whatever its key could afford: all its attempts together."""
        limit = Limit(CEILING, Unit.USD, amount.nanos_up, Span.LIFETIME)
        window = window_at(limit.span, limit.timezone, 0)
        return cls(CEILING, limit, window, leased=limit.amount, open=True, own=True)

    def hold(self, amount: int) -> None:
        """Set an amount aside. The caller has asked `refuses` on every account first, without waiting between."""
        self.held += amount
        self.taken += amount
        self.stirred = True

    def hopeless(self, amount: int, *, heard: bool = False) -> bool:  # noqa: ARG002 - where a window rolls
        """Whether the store need not be asked: so much is spent of the limit that this much is not left. `heard`: the
        store was asked just now."""
        return self.own or amount > self.limit.amount - self.spent_by_all

    def doubt(self) -> None:
        """A call is refused. What others have spent may have been corrected since they last spoke: the next sync asks,
        so that the calls after this one are not refused for it."""
        if self.others.spent:
            self.reported = None
            self.stirred = True

    def known_dry(self, amount: int) -> bool:
        """Whether so much was not to be had just now: then it is asked for in step with others, and not at once."""
        return self.dry is not None and amount >= self.dry

    @property
    def lends(self) -> bool:
        """Whether anything may be held without the store's word."""
        return not self.hard or self.lent < self.limit.outage

    def may_borrow(self, amount: int) -> bool:
        """Whether so much may, beside all that was in this window."""
        return self.lent + amount - self.available <= self.limit.outage

    def borrow(self, amount: int) -> int:
        """Make room for holding so much, without the store's word. Returns by how much the lease has grown."""
        more = amount - self.available
        self.lent += more
        self.leased += more
        return more

    def begin_period(self) -> None:
        """Learn the pace: it rises at once, and falls by a quarter a period."""
        self.pace, self.taken = max(self.taken, self.pace * 3 // 4), 0

    def give_back(self) -> None:
        """What is not needed may not be taken any more, from before the store hears of it."""
        self.leased = min(self.leased, self.needed)

    def close(self) -> None:
        """Its window has ended and all is settled. Should a clock be set back, it is opened anew."""
        self.open, self.leased = False, self.needed

    def heard(self, word: Word, spent: int, held: int, fallen: int = 0) -> None:
        """The store's answer to what was told it; so much of `fallen` it knew."""
        had = self.leased
        self.fallen -= fallen
        self.others, self.reported = word.others, (spent, held)
        # Where a limit has become smaller, all may have leased more than it together.
        self.leased = min(word.leased - self.fallen, max(self.limit.amount - word.others.leased, self.spent))
        more = self.leased > had
        self.short, self.yields, self.learning = bool(word.short), word.yields, word.learning
        self.stirred |= self.short  # Whoever waits may leave, of which the store must hear.
        if self.dry is not None and self.left >= self.dry:
            self.dry, more = None, True  # Somebody has it, and may give it back when asked once more.
        if more and self.line is not None:
            self.line.stir()

    def ran_dry(self) -> None:
        """Everybody was asked, and gave back what can be. No more than this is to be had for the moment."""
        self.dry = self.unleased + 1
        self.stirred = True

    def settle(self, held: int, actual: int) -> None:
        """Spend what it cost, even above the hold, and give back the rest."""
        assert held <= self.held, "a hold closes once"
        self.held -= held
        self.spent += actual
        self.stirred = True
        if self.line is not None:
            self.line.stir()

    def correct(self, book: str, amount: int) -> None:
        """What was spent, and stands in this book of the ledger, has come to so much more; or less, where negative."""
        assert book == self.book, "one account, one book"
        self._respend(amount)

    def _respend(self, amount: int) -> None:
        self.spent += amount
        self.back -= min(0, amount)
        self.stirred = True
        if self.line is not None:
            self.line.stir()

    def refusal(self, amount: int, now: float, own: int = 0) -> Refusal:
        """Why `amount` does not fit beside what the call holds of its `own`, with all the figures."""
        limit, unit = self.limit.amount, self.limit.unit
        resets_at = self.resets_at
        return Refusal(
            node=self.node,
            unit=unit,
            window=self.limit.window,
            limit=amount_text(limit, unit),
            spent=amount_text(self.spent_by_all, unit),
            held=amount_text(self.held + self.others.held, unit),
            needed=amount_text(amount, unit),
            resets_at=utc_text(resets_at),
            reason=self._reason(own + amount),
            resets_in_s=resets_at - now if resets_at < inf else None,
            elsewhere=placed(self.node),
            ceiling=self.own,
        )

    def _reason(self, amount: int) -> Reason:
        if amount > self.limit.amount:
            return Reason.TOO_BIG
        if amount <= self.limit.amount - self.spent_by_all:
            return Reason.HELD
        return Reason.EXHAUSTED
