"""One limit of one node, from window to window."""

from __future__ import annotations

from collections.abc import Callable

from gateway.core.limit import Limit, Span, Then
from gateway.limits.accounts import Account
from gateway.limits.line import Line
from gateway.limits.rolling import RollingAccount
from gateway.limits.windows import window_at


class Series:
    """One limit of one node through time: the account of the window that is running."""

    def __init__(
        self, limit: Limit, node: str, clock: Callable[[], float], known: Callable[[str], Account | None]
    ) -> None:
        self.limit = limit
        self.node = node
        self._clock = clock
        self._known = known  # The account of this name, if calls still use it.
        self.line = _line(limit)
        self._latest: tuple[Account, ...] = ()  # The one before stays known: a clock may be set back.

    def at(self, now: float) -> Account:
        """The account of the window that contains this moment."""
        for account in self._latest:
            if account.window.start <= now < account.window.end:
                return account
        account = self._opened(now)
        if (known := self._known(account.id)) is not None:  # Two of one name would not know of each other.
            account = known
            account.ruled(self.limit)
        account.line = self.line
        self._latest = (account, *self._latest[:1])
        return account

    def _opened(self, now: float) -> Account:
        if self.limit.span is Span.ROLLING:
            return RollingAccount(self.node, self.limit, self._clock)
        window = window_at(self.limit.span, self.limit.timezone, now, self.limit.start)
        return Account(self.node, self.limit, window, pace=self._latest[0].pace if self._latest else 0)

    @property
    def unused(self) -> bool:
        """Whether it would be the same if it were made anew. A call may have it in hand all the same."""
        return not self.line and all(account.unused for account in self._latest)

    def ruled(self, limit: Limit) -> None:
        """This limit rules from now on, in the windows that run, too: but not where its windows are others."""
        if not limit.keeps_time_with(self.limit):
            self._latest = ()
        left, self.line = self.line, self.line or _line(limit) if limit.on_reached.then is Then.QUEUE else None
        self.limit = limit
        for account in self._latest:
            account.ruled(limit)
            account.line = self.line
        if left is not None:
            left.stir()  # There may be more now; or nobody is to wait any more.


def _line(limit: Limit) -> Line | None:
    return Line() if limit.on_reached.then is Then.QUEUE else None
