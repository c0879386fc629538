"""An answer that was there before, and why it is given."""

from __future__ import annotations

from typing import NamedTuple

from gateway.cache.exact import Stored
from gateway.cache.flights import Flight


class Found(NamedTuple):
    """A kept answer, or a call in flight to listen to."""

    answer: Stored | Flight
    cache: str = "off"  # hit, joined or semantic: what the cache did.
    idempotent: str = ""  # replayed or joined: what its Idempotency-Key did.
    first: str = ""  # The request id of the call that has that key.
    score: float = 1.0  # How much the question is like the one that was answered.

    @property
    def headers(self) -> dict[str, str]:
        """What the caller is told beside the receipt."""
        return {"x-fareway-idempotent": self.idempotent} if self.idempotent else {}

    @property
    def reason(self) -> str:
        """Where the answer comes from, as a sentence."""
        if self.cache == "semantic" and isinstance(self.answer, Stored):
            bought = self.answer.bought.request_id
            return f"the answer of {bought}, which asked the same in other words (similarity {self.score:.3f})"
        return f"the answer of {self.first}, which had the same Idempotency-Key" if self.first else "answered before"
