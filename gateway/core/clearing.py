"""Which kept answers are not to be given any more."""

from __future__ import annotations

from msgspec import Struct

from gateway.core.entry import Entry


class Label(Struct, frozen=True, gc=False):
    """What a kept answer is known by, beside the question that it answers."""

    key: str
    team: str
    asked_model: str  # The name that the caller used,
    model: str  # and that of the deployment that answered.
    at: float  # Unix seconds when it was asked for.

    @classmethod
    def of(cls, bought: Entry) -> Label:
        """Of the answer that this entry paid for."""
        return cls(bought.caller.key_id, bought.caller.team, bought.asked_model, bought.model, bought.at)


class Clearing(Struct, frozen=True, omit_defaults=True):
    """What was asked for before `at` is forgotten: all of it, or what one key or team has asked, or one model said."""

    at: float  # Unix seconds.
    key: str = ""
    team: str = ""
    model: str = ""

    @property
    def id(self) -> str:
        """Names whom it concerns: a later one for the same takes its place."""
        said = (("key", self.key), ("team", self.team), ("model", self.model))
        return " ".join(f"{kind}:{name}" for kind, name in said if name) or "all"

    def covers(self, label: Label) -> bool:
        """Whether an answer so labelled is to go."""
        return (
            label.at < self.at
            and self.key in ("", label.key)
            and self.team in ("", label.team)
            and self.model in ("", label.asked_model, label.model)
        )
