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
    """Whether the newest reply is given to the caller, and why in words; else the next is asked. So the last answer in
    the ledger is the one that was given."""

    passes: bool
    why: str


class Check(Protocol):
    """Judges the replies that have come so far, after each. Pure: same arguments, same verdict."""

    def __call__(self, request: Request, replies: tuple[Reply, ...], params: Mapping[str, Any]) -> Verdict:
        """Say whether the newest, which is the last, is good enough to be given. `replies` is never empty."""
        ...
