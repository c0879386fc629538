"""One answer with everything that it is written from, and what all ways of writing have in common."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.simulator.answers import Answer
from gateway.simulator.asked import Asked
from gateway.simulator.bill import Prompt
from gateway.simulator.faults import Orders

EVENTS = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Said:
    """An answer on its way out."""

    id: str
    created: int  # Unix time in seconds.
    asked: Asked
    orders: Orders
    answer: Answer
    prompt: Prompt

    @property
    def shows_thought(self) -> bool:
        """Whether each token of thinking is shown as it comes."""
        return self.asked.thinking.shown

    @property
    def silent(self) -> int:
        """Tokens of each choice that come before anything is to be seen."""
        return 0 if self.shows_thought else self.answer.hidden

    def usage(self, true: dict[str, Any], counters: Sequence[str]) -> dict[str, Any] | None:
        """A usage as reported, which is the true one unless the call asked for something else. None: nothing is."""
        if self.orders.nousage:
            return None
        return _spoiled(true, self.orders.badusage, counters) if self.orders.badusage else true


class Shape(Protocol):
    """One answer in the words of one API."""

    content_type: str
    """Of the stream."""

    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        ...

    def opening(self) -> bytes:
        """What a stream begins with."""
        ...

    def tokens(self) -> Iterator[tuple[int, bytes]]:
        """What each token adds to a stream, which may be nothing to be seen, with its place in time."""
        ...

    def ending(self) -> bytes:
        """The end of a stream that has said all."""
        ...

    def failure(self) -> bytes:
        """An error amid a stream."""
        ...


def event(data: dict[str, Any], name: str | None = None) -> bytes:
    """A server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def _spoiled(usage: dict[str, Any], how: str, counters: Sequence[str]) -> dict[str, Any]:
    """A usage that no gateway should believe."""
    if how == "missing":
        return {}
    if how == "negative":
        return usage | {name: -usage[name] - 1 for name in counters}
    if how == "zero":
        return usage | dict.fromkeys(counters, 0)
    if how == "huge":
        return usage | dict.fromkeys(counters, 10**18)
    return usage | {name: str(usage[name]) for name in counters}
