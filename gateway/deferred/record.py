"""One call that waits, from when it was taken until its answer is deleted."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from gateway.core.caller import Caller
from gateway.core.request import Asked

PREFIX = "later_"
"""How their ids begin; the home that took it follows."""


class State(StrEnum):
    """waiting ─▶ running ─▶ done | failed.  What has not left can be cancelled."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})


def as_text(said: str) -> str:
    """A header's value as JSON can hold it: what is no UTF-8 is read as Latin-1, as HTTP once had it (RFC 9110, section
    5.5)."""
    try:
        said.encode()
    except UnicodeEncodeError:
        return said.encode("utf-8", "surrogateescape").decode("latin-1")
    return said


class Place(Struct, frozen=True):
    """Where a call stands, or stood, in a batch at a provider."""

    provider: str
    batch: str  # The provider's name for it.
    request_id: str  # Its name in the books, and in the batch.
    entry_id: str  # That charges its bound until the batch has ended.
    dropped: tuple[str, ...] = ()  # Fields that were left out.


class Later(Struct, frozen=True, omit_defaults=True):
    """See the module. The body and the answer are kept beside it."""

    id: str
    caller: Caller
    dialect: str
    model: str  # As the caller named it.
    asked: Asked  # Without the body.
    headers: dict[str, str]
    accepted: float  # Unix seconds.
    deadline: float
    digest: str = ""  # Of what was asked, where an Idempotency-Key came with it.
    webhook: str = ""
    state: State = State.WAITING
    way: str = ""
    reason: str = ""
    switch_at: float = 0.0  # From then on only the ordinary way is left.
    lane: str = ""  # With which others it may share a batch.
    laned: float = 0.0  # Since when it waits for these.
    given_up: tuple[str, ...] = ()  # Ways that did not work.
    runs: int = 0  # Each has a request id of its own in the books.
    crashes: int = 0  # Of these, how many ended with the process.
    place: Place | None = None
    switched: bool = False  # The batch is not waited for any more.
    status: int = 0  # Of the answer.
    answer_headers: dict[str, str] = field(default_factory=dict)
    ended: float = 0.0
    tells: int = 0  # How often its webhook was asked.

    @property
    def request_id(self) -> str:
        """Its name in the books as it was asked last."""
        return self._request_id(self.runs)

    @property
    def request_ids(self) -> list[str]:
        """Its names in the books, oldest first."""
        return [self._request_id(number) for number in range(1, self.runs + 1)]

    def _request_id(self, run: int) -> str:
        return f"{self.id}-{run}"
