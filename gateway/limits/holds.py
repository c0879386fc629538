"""What one call has set aside on every limit of its chain. It closes once: settled, or voided.

    open ──settle──▶ closed   the call cost something: spent at the true amount, even above the hold
      └────void────▶ closed   no byte reached a provider: everything is given back

All amounts change together or not at all, and nothing here waits: no other call can come between
the check and the taking.
"""

from __future__ import annotations

from gateway.core.errors import LimitReached, Refusal
from gateway.core.limit import Fare, Then, Unit
from gateway.limits.accounts import Account


class Refused(LimitReached):
    """The same, and by which account: what its limit says may be another way."""

    def __init__(self, account: Account, amount: int, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.account = account
        self.amount = amount  # What does not fit.


NOTHING = Fare(nanos=0, tokens=0, requests=0, concurrent=0)

Charges = tuple[tuple[str, int], ...]


class Hold:
    """Made by `Limits.hold`."""

    def __init__(self, accounts: tuple[Account, ...]) -> None:
        self.accounts = accounts
        self.fare = NOTHING
        self.closed = False
        self.passed: tuple[Account, ...] = ()  # Limits that would have refused it, and refuse nothing.

    def raise_to(self, fare: Fare, now: float) -> None:
        """Hold this much in all, at least what is held already. Raises LimitReached, and then nothing has changed."""
        assert not self.closed, "a closed hold cannot grow"
        more = fare if self.fare is NOTHING else _beyond(self.fare, fare)
        amounts = [account.part(more) for account in self.accounts]
        for account, amount in zip(self.accounts, amounts, strict=True):
            if account.refuses(amount):
                raise self._refused(more, now)
        for account, amount in zip(self.accounts, amounts, strict=True):
            account.hold(amount)
        self.fare = more if self.fare is NOTHING else _sum(self.fare, more)

    def _refused(self, more: Fare, now: float) -> Refused:
        """Of the limits that refuse, one that knows no other way; among these, the one that resets last."""
        refusing = [a for a in self.accounts if a.refuses(a.part(more))]
        last = max(refusing, key=lambda a: (a.limit.on_reached.then is Then.REFUSE, a.window.end))
        return refused(last, last.part(more), now, own=last.part(self.fare))

    def lacking(self, fare: Fare) -> list[tuple[Account, int]]:
        """The accounts that refuse to hold this much in all, and what more they would have to."""
        had = self.fare
        more = ((a, a.part(fare) - a.part(had)) for a in self.accounts)
        return [(account, amount) for account, amount in more if account.refuses(amount)]

    def settle(self, actual: Fare) -> Charges:
        """Close it at what it cost. Returns what was spent on which account, for the ledger."""
        assert not self.closed, "a hold closes once"
        self.closed = True
        charges = []
        for account in self.accounts:
            spent = account.part(actual)
            account.settle(account.part(self.fare), spent)
            if spent and not account.own:
                charges.append((account.id, spent))
        return tuple(charges)

    def charges_for(self, fare: Fare) -> Charges:
        """What would be booked if the call cost this fare: for whoever must settle it without us."""
        spent = [(a.id, a.part(fare)) for a in self.accounts if a.limit.unit is not Unit.CONCURRENT and not a.own]
        return tuple([charge for charge in spent if charge[1]])

    def void(self) -> None:
        """Close it and give everything back: no provider has seen the call."""
        self.settle(NOTHING)


def refused(account: Account, amount: int, now: float, own: int = 0) -> Refused:
    """This account's refusal of so much more, beside what the call holds of its `own`."""
    return Refused(account, amount, account.refusal(amount, now, own=own))


def _beyond(held: Fare, fare: Fare) -> Fare:
    """What of this fare is not held yet."""
    return Fare(
        nanos=max(0, fare.nanos - held.nanos),
        tokens=max(0, fare.tokens - held.tokens),
        requests=max(0, fare.requests - held.requests),
        concurrent=max(0, fare.concurrent - held.concurrent),
    )


def _sum(one: Fare, other: Fare) -> Fare:
    return Fare(
        nanos=one.nanos + other.nanos,
        tokens=one.tokens + other.tokens,
        requests=one.requests + other.requests,
        concurrent=one.concurrent + other.concurrent,
    )
