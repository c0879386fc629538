"""What an edge must do: carry a call from one dialect to another, and its answer back.

An edge works on bytes and knows neither the network nor the clock. What it cannot carry faithfully it
refuses, naming the field, unless the caller allowed it to be left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.base import Quirk


class Target(NamedTuple):
    """Where the translated call goes."""

    model: str
    output_tokens_max: int  # For one choice: the caller's cap, within what the model can do; else what to ask for.
    quirks: frozenset[Quirk] = frozenset()


class Told(NamedTuple):
    """What the caller's dialect says in an answer and the provider's does not."""

    asked: Asked  # The call as it came: some dialects repeat parts of it.
    request_id: str  # Ours. Ids that the caller's dialect wants are made of it, so that they are unique and repeat.
    created: int  # Unix seconds.
    quirks: frozenset[Quirk] = frozenset()  # Of the provider: how its usage departs.


class Losses:
    """What of a call is left out on the way. `allowed`: the caller said `x-fareway-lossy: allow`."""

    def __init__(self, *, allowed: bool) -> None:
        self._allowed = allowed
        self._dropped: dict[str, None] = {}

    def drop(self, field: str, why: str) -> None:
        """Leave out what would change the answer. Raises BadRequest, naming the field, unless that is allowed."""
        if not self._allowed:
            hint = "Send x-fareway-lossy: allow to have it left out."
            raise BadRequest(f"{field} cannot be carried to the provider of this model: {why} {hint}", field)
        self.note(field)

    def note(self, field: str) -> None:
        """Leave out a hint that does not change the answer, such as a label for statistics. It is named all the
        same."""
        self._dropped[field] = None

    @property
    def dropped(self) -> tuple[str, ...]:
        """The fields left out, in the order in which they were met."""
        return tuple(self._dropped)


class StreamTranslation(Protocol):
    """One stream on its way back. Errors inside it are not given to it: the journey words those itself."""

    def feed(self, data: bytes) -> bytes:
        """The data of one event of the provider's, as whole events of the caller's dialect; empty if it makes none.
        Usage is always told, also to a caller that did not ask for it: the journey takes it out again. Never
        raises for what a provider may send."""
        ...

    def finish(self) -> bytes:
        """The provider closed the stream after saying all: what the caller's dialect ends with, if that was not
        said yet."""
        ...


def every(model: str) -> bool:
    """A provider that speaks the outbound dialect takes it for any model."""
    del model
    return True


@dataclass(frozen=True)
class Edge:
    """One translation, from the dialect of a caller to that of a provider."""

    inbound: str  # The caller's dialect, such as "openai-chat".
    outbound: str  # The provider's, such as "anthropic-messages".

    request: Callable[[Asked, Target, Losses], Asked]
    """The call in the provider's dialect, for that model. A cap of the caller's on output arrives as it was, or as what
    the model can do, where providers refuse more. Raises BadRequest, naming the field in the caller's own terms,
    RecursionError for what is nested too deeply, and UnicodeDecodeError for what is no UTF-8."""

    translated: Callable[[bytes, Told], bytes]
    """What `answer` asks. Raises the same, and RecursionError for what is nested too deeply."""

    stream: Callable[[Told], StreamTranslation]
    """A translation of one stream of the provider's, from its beginning."""

    serves: Callable[[str], bool] = every
    """Whether a provider that speaks the outbound dialect takes it for this model."""

    def answer(self, body: bytes, told: Told) -> bytes:
        """A whole good answer of the provider's in the caller's dialect. Raises ValueError for what is none."""
        try:
            return self.translated(body, told)
        except RecursionError:
            raise ValueError("the answer is nested too deeply") from None
