"""What is told when so much of a limit is spent."""

from __future__ import annotations

from msgspec import Struct


class Passed(Struct, frozen=True):
    """A part of a limit's amount, in per cent, is spent. Told once for each node and window."""

    name: str  # The account, the percentage and the amount: the same whoever notices it, and for ever.
    node: str
    limit: str  # The rule, which may speak about many nodes.
    window: str
    percent: int
    spent: str  # Amounts as people write them.
    amount: str
    at: str  # When it was noticed, RFC 3339.
    resets_at: str | None
    kept_until: float | None  # Unix seconds; None: for ever. Longer than its window, lest it be told again.

    @property
    def sentence(self) -> str:
        """For people."""
        resets = f" It resets at {self.resets_at}." if self.resets_at else ""
        spent = f"{self.spent} of {self.amount}"
        return f"{self.node} has spent {self.percent} % of its limit ({self.window}): {spent}.{resets}"
