"""The account of a rolling window, which never ends: what was spent falls out of it, bucket by bucket.

What a call has cost stands in the bucket of the moment at which it was settled; until then it is held. So whatever
began or ended within any window's time is spent or held in the account, and counts.

What leaves the window takes its lease with it: no more may be taken for that before the store has granted it anew.
Of what was lent without the store's word as much has come back then: so much less is used of what the store granted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from math import inf

from gateway.core.limit import Limit
from gateway.core.rolling import bucket_at, buckets, in_ledger, leaves_at, width
from gateway.limits.accounts import Account
from gateway.limits.burn import Spending
from gateway.limits.windows import window_at


class RollingAccount(Account):
    """See the module. It looks at the clock by itself, before it refuses and before it spends."""

    __slots__ = ("_bucket", "_clock", "_faded", "_length", "_spent", "_until")

    def __init__(self, node: str, limit: Limit, clock: Callable[[], float]) -> None:
        super().__init__(node, limit, window_at(limit.span, limit.timezone, 0))
        self._clock = clock
        self._length = limit.rolling_s
        self._spent: deque[tuple[int, int]] = deque()  # By where its bucket begins, oldest first.
        self._bucket = 0  # Where the one begins that is filled now.
        self._until = -inf  # Nothing happens before.
        self._faded = 0  # What has left the window, since this process began.

    def load(self, balances: Mapping[str, int]) -> None:
        """See `Account.load`."""
        named = ((bucket, in_ledger(self.id, bucket)) for bucket in buckets(self._length, self._clock()))
        self._spent = deque((bucket, balances[name]) for bucket, name in named if balances.get(name))
        self.spent = sum(amount for _, amount in self._spent)
        self._until = -inf

    def roll(self) -> None:
        """Let go of what is older than the window."""
        now = self._clock()
        if now < self._until:
            return
        while self._spent and leaves_at(self._length, self._spent[0][0]) <= now:
            _, amount = self._spent.popleft()
            self.spent -= amount
            self.leased -= amount
            self.lent = max(0, self.lent - amount)
            self.fallen += amount
            self._faded += amount
        self._bucket = max(bucket_at(self._length, now), self._spent[-1][0] if self._spent else 0)
        self.book = in_ledger(self.id, self._bucket)
        self._until = min(self._bucket + width(self._length), self._leaves)

    def burn(self, now: float) -> float:
        """See `Account.burn`. The window has no end: it is compared with what the limit allows in its length."""
        self.roll()
        amount, length, spent = self.limit.amount, self._length, self.spent_by_all
        ever = spent + self._faded
        if self.spending is None:
            self.spending = Spending.seen(spent, length, amount, length, at=now, ever=ever)
        self.spending.look(ever, now)
        return self.spending.burn(amount if spent < amount else 0, length)

    def refuses(self, amount: int) -> bool:
        """See `Account.refuses`."""
        self.roll()
        return super().refuses(amount)

    def settle(self, held: int, actual: int) -> None:
        """See `Account.settle`."""
        self.roll()
        super().settle(held, actual)
        if not actual:
            return
        if self._spent and self._spent[-1][0] == self._bucket:
            actual += self._spent.pop()[1]
        self._spent.append((self._bucket, actual))

    def correct(self, book: str, amount: int) -> None:
        """See `Account.correct`. What was spent in a bucket that has left counts no more, whatever it has come to."""
        self.roll()
        for place, (bucket, spent) in enumerate(self._spent):
            if in_ledger(self.id, bucket) == book:
                self._spent[place] = (bucket, spent + amount)
                self._respend(amount)

    def hopeless(self, amount: int, *, heard: bool = False) -> bool:
        """See `Account.hopeless`. What others have spent may have left their windows since the store last spoke."""
        return amount > self.limit.amount - (self.spent_by_all if heard else self.spent)

    def begin_period(self) -> None:
        """See `Account.begin_period`."""
        self.roll()
        super().begin_period()

    @property
    def behind(self) -> bool:
        """See `Account.behind`."""
        return bool(self.fallen) or (self.left <= 0 and self.others.spent > 0)

    @property
    def booked(self) -> dict[str, int]:
        """See `Account.booked`."""
        return {in_ledger(self.id, bucket): amount for bucket, amount in self._spent}

    @property
    def resets_at(self) -> float:
        """See `Account.resets_at`. Of what others have spent it is known only that in a window's time it has left."""
        if not self._spent and self.others.spent:
            return self._clock() + self._length + width(self._length)
        return self._leaves

    @property
    def _leaves(self) -> float:
        return leaves_at(self._length, self._spent[0][0]) if self._spent else inf
