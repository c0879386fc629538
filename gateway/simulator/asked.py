"""A question as the simulator understands it, whichever API it came by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.core.request import Countable


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    schema: Any = None


@dataclass(frozen=True, slots=True)
class Form:
    """JSON is asked for: what fits a schema, or any object."""

    schema: Any = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """How long the model thinks: a share of its answer's length, at most so many tokens."""

    percent: int = 0
    most: int | None = None
    shown: bool = False  # What it thought is shown, not only counted.


@dataclass(frozen=True, slots=True)
class Caching:
    """What of the prompt the prompt cache keeps. Without marks: all of it, and writing costs nothing."""

    parts: int | None = None  # Marks cover so many leading parts, and what is written is charged for.
    hour: bool = False  # It is kept for an hour rather than for five minutes.


NO_THINKING = Thinking()
AUTOMATIC = Caching()
NEVER = Caching(parts=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    model: str
    prompt: tuple[Any, ...]  # All that the model reads, in order, as JSON: what the prompt cache compares.
    countable: Countable
    orders: str  # The text of the last user message, which may hold orders.
    cue: str = ""  # The last thing said, if a user said it. The word "tool" in it has one called.
    results: tuple[str, ...] = ()  # What tools have answered since the model spoke.
    stream: bool = False
    wants_usage: bool = True  # Of a stream.
    array: bool = False  # A stream comes as one JSON array rather than as events.
    n: int = 1
    cap: int | None = None  # The most tokens of one choice, thinking included.
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"  # Whether a tool must be called: "auto", "none", "required".
    forced: str | None = None  # The tool that must be called.
    parallel: bool = True  # Several may be called at once.
    form: Form | None = None
    thinking: Thinking = NO_THINKING
    caching: Caching = AUTOMATIC
    seed: int | None = None
    echo: Any = None  # What the answer repeats of the request.


EFFORT_PERCENT = {"none": 0, "minimal": 10, "low": 50, "medium": 100, "high": 200, "xhigh": 400, "max": 400}
"""How long the model thinks, by the words that APIs have for it. Other words mean medium."""


def thinking(effort: str | None, *, most: int | None = None, shown: bool = False) -> Thinking:
    """The thinking that an effort means."""
    return Thinking(EFFORT_PERCENT.get(effort or "none", 100), most, shown)


def texts_of(parts: Iterable[Any]) -> tuple[str, ...]:
    """The texts of parts of a message, whatever else they hold."""
    return tuple(part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str))


def own_texts_of(parts: Iterable[Any]) -> tuple[str, ...]:
    """Those that are the user's own word: a system's, which may stand in a user's turn, says who speaks."""
    return tuple(text for text in texts_of(parts) if not text.startswith("<system>"))
