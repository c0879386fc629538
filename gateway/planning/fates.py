"""One call of the ledger, decided on again: the words in which a replay tells what would have become of it."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from gateway.core.entry import Entry
from gateway.core.node import Place
from gateway.core.price import Price


class Fate(StrEnum):
    """What would have become of a call."""

    STAYED = "stayed"  # It would have gone where it was sent at first.
    MOVED = "moved"
    REFUSED = "refused"  # By a limit.
    UNSERVED = "unserved"  # Nobody would have taken it: its model has no name any more, or no price.
    LEFT = "left"  # It was not decided on again, and is counted as it was.


class Again(Struct, frozen=True):
    """An entry, and what would have become of the call."""

    entry: Entry
    fate: Fate
    place: Place | None = None  # Where it would have gone; None where it was not decided on, or refused.
    price: Price | None = None  # There, when it was made; None where it is not known.
    why: str = ""  # The limit that refused it, or the reason why it was left or not served.
    way: str = ""  # What the limit did instead of refusing, as `on_reached` calls it.
    goes_on: bool = False  # A further attempt of a call whose first one is in the ledger, too.
    answered: bool = False  # An attempt before it has counted as the answer.
    more: str = ""  # What the decision asks for beside a plan: "cascade" or "hedge".

    @property
    def was(self) -> str:
        """The deployment that took it in fact."""
        return deployment(self.entry)

    @property
    def name(self) -> str:
        """The deployment that would have taken it."""
        return self.was if self.place is None else f"{self.place.provider}/{self.place.model}"


def deployment(entry: Entry) -> str:
    """As the catalogue names it: "openai/gpt-4o"."""
    return f"{entry.provider}/{entry.model}"


def conversation(entry: Entry) -> tuple[str, str]:
    """What belongs together: the key and its conversation; of calls that belong to none, all of the key."""
    return entry.caller.key_id, entry.session
