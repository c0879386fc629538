"""What one call has set aside on every limit of its chain. It closes once: settled, or voided.

    open ──settle──▶ closed   the call cost something: spent at the true amount, even above the hold
      └────void────▶ closed   no byte reached a provider: everything is given back

All amounts change together or not at all, and nothing here waits: no other call can come between
the check and the taking.
"""

from __future__ import annotations

from collections.abc import Collection

from gateway.core.errors import GatewayError, LimitReached, Refusal, Unavailable
from gateway.core.limit import Fare, Then, Unit
from gateway.limits.accounts import Account

LEARNING = "The store of limits is new, and learns what is leased. Try again in a moment."


class Refused(LimitReached):
    """The same, and by which account: what its limit says may be another way."""

    def __init__(self, account: Account, amount: int, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.account = account
        self.amount = amount  # What does not fit.


NOTHING = Fare(nanos=0, requests=0, concurrent=0)

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
        total = fare if self.fare is NOTHING else self.fare.most(fare)
        amounts = self._beyond(total)
        for account, amount in zip(self.accounts, amounts, strict=True):
            if account.refuses(amount):
                raise self._refused(total, now)
        for account, amount in zip(self.accounts, amounts, strict=True):
            account.hold(amount)
        self.fare = total

    def _beyond(self, total: Fare) -> list[int]:
        """What each account would have to hold more."""
        had = self.fare
        if had is NOTHING:
            return [account.part(total) for account in self.accounts]
        return [account.part(total) - account.part(had) for account in self.accounts]

    def _refused(self, total: Fare, now: float) -> Refused:
        """Of the limits that refuse, one that knows no other way; among these, the one that resets last."""
        more = zip(self.accounts, self._beyond(total), strict=True)
        refusing = [(account, amount) for account, amount in more if account.refuses(amount)]
        for account, _ in refusing:
            account.doubt()
        last, amount = max(refusing, key=lambda found: (_refuses_only(found[0]), found[0].resets_at))
        return refused(last, amount, now, own=last.part(self.fare))

    def lacking(self, fare: Fare) -> list[tuple[Account, int]]:
        """The accounts that refuse to hold this much in all, and what more they would have to."""
        more = zip(self.accounts, self._beyond(self.fare.most(fare)), strict=True)
        return [(account, amount) for account, amount in more if account.refuses(amount)]

    def leave(self, accounts: Collection[Account]) -> None:
        """The call goes elsewhere: give back what is held on these."""
        for account in accounts:
            account.settle(account.part(self.fare), 0)
        self.accounts = tuple(account for account in self.accounts if account not in accounts)

    def join(self, other: Hold) -> None:
        """Take over what the other one holds, which is at least as much: it then holds nothing any more."""
        assert other.fare == self.fare, "two parts of one hold"
        self.accounts, other.accounts = (*self.accounts, *other.accounts), ()

    def settle(self, actual: Fare) -> Charges:
        """Close it at what it cost. Returns what was spent on which account, for the ledger."""
        assert not self.closed, "a hold closes once"
        self.closed = True
        charges = []
        for account in self.accounts:
            spent = account.part(actual)
            account.settle(account.part(self.fare), spent)
            if spent and not account.own:
                charges.append((account.book, spent))
        return tuple(charges)

    def charges_for(self, fare: Fare) -> Charges:
        """What would be booked if the call cost this fare: for whoever must settle it without us."""
        spent = [(a.book, a.part(fare)) for a in self.accounts if a.limit.unit is not Unit.CONCURRENT and not a.own]
        return tuple([charge for charge in spent if charge[1]])

    def void(self) -> None:
        """Close it and give everything back: no provider has seen the call."""
        self.settle(NOTHING)


def refused(account: Account, amount: int, now: float, own: int = 0) -> Refused:
    """This account's refusal of so much more, beside what the call holds of its `own`."""
    return Refused(account, amount, account.refusal(amount, now, own=own))


def may_come_back(refused: LimitReached) -> bool:
    """Whether what is lacking is only held, and may be given back."""
    return isinstance(refused, Refused) and not refused.account.hopeless(refused.amount)


def to_tell(refused: GatewayError) -> GatewayError:
    """Why a call cannot go on, for its caller: while a store learns what is leased, nobody has reached a limit."""
    learning = isinstance(refused, Refused) and refused.account.learning
    return Unavailable(LEARNING) if learning else refused


def _refuses_only(account: Account) -> bool:
    return account.limit.on_reached.then is Then.REFUSE
