"""What somebody said about an answer, and what had been decided about its call."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from gateway.core.money import Money

NO_CLUSTER = -1
"""Of a call whose prompt nobody has looked at."""


class Arm(StrEnum):
    """On which side of the comparison between a learned policy and the best fixed model a call was."""

    NONE = ""  # It was not compared.
    ROUTED = "routed"  # The policy decided.
    HELD_BACK = "held back"  # It went to the fixed model, whatever the policy would have decided.


class Decided(Struct, frozen=True):
    """What is kept of a decision beside the reason for it."""

    policy: str = ""  # By its dotted name.
    cluster: int = NO_CLUSTER  # Which kind of prompt the difficulty model takes it for.
    arm: str = Arm.NONE


NOT_DECIDED = Decided()


class Rating(Struct, frozen=True):
    """The last word on one request. The answer is that of the attempt that the caller was given."""

    request_id: str
    at: float  # Unix seconds when it was said.
    score: float  # 0: useless, 1: good.
    provider: str
    model: str  # The deployment's, as in the entry.
    cluster: int = NO_CLUSTER  # Which kind of prompt it was.
    arm: str = Arm.NONE
    cost: Money | None = None  # Of the whole request, attempts that came to nothing included; None: nobody knows.
