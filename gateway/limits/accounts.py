"""One replica's account with one limit in one window.

    leased ──┬── spent      settled at what it really cost
             ├── held       set aside by calls in flight
             └── available  what another call may take

The store never leases more than the limit to all replicas together, and a replica never holds more
than it has leased: so spent and held together never pass the limit, without asking anybody. What a
call has really cost counts even above its hold: the provider has already charged it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.errors import Reason, Refusal
from gateway.core.limit import Limit, Mode, amount_text
from gateway.limits.windows import Window


@dataclass(slots=True, eq=False)
class Account:
    """Amounts are in the limit's own unit: nano-dollars, tokens, requests or calls."""

    node: str  # Whose account it is: "key:abc", where the limit may say "key:*".
    limit: Limit
    window: Window
    leased: int = 0
    spent: int = 0
    held: int = 0
    open: bool = False  # True once the balance is loaded and a lease was asked for.
    reported: int = -1  # The `spent` that the store last heard of.
    guards_money: bool = field(init=False)
    id: str = field(init=False)  # Names the record in the store and in the ledger.

    def __post_init__(self) -> None:
        """The same in every process: node, unit, span and the window's start."""
        self.guards_money = self.limit.guards_money
        self.id = f"{self.node}/{self.limit.unit}/{self.limit.span}@{self.window.label}"

    @property
    def available(self) -> int:
        """What may still be held. Negative after a call that cost more than it held."""
        return self.leased - self.spent - self.held

    def refuses(self, amount: int) -> bool:
        """Whether holding this would break a hard limit. Soft and shadow limits let everything pass, and every
        limit a call that takes nothing of it, even where more is spent than was leased."""
        return self.limit.mode is Mode.HARD and amount > max(0, self.available)

    def hold(self, amount: int) -> None:
        """Set an amount aside. The caller has asked `refuses` on every account first, without waiting between."""
        self.held += amount

    def settle(self, held: int, actual: int) -> None:
        """Spend what it cost, even above the hold, and give back the rest."""
        assert held <= self.held, "a hold closes once"
        self.held -= held
        self.spent += actual

    def refusal(self, amount: int, now: float, own: int = 0) -> Refusal:
        """Why `amount` does not fit beside what the call holds of its `own`, with all the figures."""
        limit, unit = self.limit.amount, self.limit.unit
        resets_in = self.window.end - now
        finite = self.window.resets_at is not None
        return Refusal(
            node=self.node,
            unit=unit,
            window=self.limit.span,
            limit=amount_text(limit, unit),
            spent=amount_text(self.spent, unit),
            held=amount_text(self.held, unit),
            needed=amount_text(amount, unit),
            resets_at=self.window.resets_at,
            reason=self._reason(own + amount),
            resets_in_s=resets_in if finite else None,
        )

    def _reason(self, amount: int) -> Reason:
        if amount > self.limit.amount:
            return Reason.TOO_BIG
        if amount <= self.limit.amount - self.spent:
            return Reason.HELD
        return Reason.EXHAUSTED
