"""What a model answered, in whatever dialect, as far as one can tell from it whether it will do."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from gateway.core.request import Request


class End(StrEnum):
    """Why an answer ended."""

    STOP = "stop"  # The model had said all.
    TOOLS = "tools"  # It waits for what its tools say.
    LENGTH = "length"  # It was cut off, by the caller's cap or the model's own.
    REFUSED = "refused"  # By the model, or by a filter.
    OTHER = "other"
    NONE = "none"  # It did not say.


class ToolCall(Struct, frozen=True):
    """A tool that the model wants to be called, by the caller."""

    name: str
    arguments: str  # JSON, as the model wrote it: it may be none.


class Choice(Struct, frozen=True):
    """One of the answers, where several were asked for."""

    text: str = ""  # Without thoughts.
    end: End = End.NONE
    calls: tuple[ToolCall, ...] = ()


class Reply(Struct, frozen=True):
    """What one deployment answered."""

    name: str  # Of the candidate.
    choices: tuple[Choice, ...] = ()


class Verdict(Struct, frozen=True):
    """Which of the replies will do, if any, and why in words."""

    given: int | None  # Counted from 0. None: none so far, so the next is asked.
    why: str


class Check(Protocol):
    """Judges the replies that have come so far, after each. Pure: same arguments, same verdict."""

    def __call__(self, request: Request, replies: tuple[Reply, ...], params: Mapping[str, Any]) -> Verdict:
        """Say whether one of them is good enough to be given. `replies` is never empty."""
        ...
