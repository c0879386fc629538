"""How the events of a stream are told apart, whatever they say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from gateway.dialects import aws_events, json_array, sse


class Splitter(Protocol):
    """Holds back an unfinished event until the rest has come."""

    unread_before: bytes  # To be passed on before what `feed` returned last, and after it, without a look inside.
    unread_after: bytes
    passing: bool  # A part of an event has been passed on in this way, and lines end it.
    late: bytes  # An event that passed in this way and is whole now: to be read before what `feed` returned last.

    def feed(self, chunk: bytes) -> bytes:
        """The bytes of all events that are now whole, in order; empty if none is."""
        ...

    def rest(self) -> bytes:
        """What is left when the stream is over."""
        ...


class Framing(NamedTuple):
    """One way to frame events."""

    splitter: Callable[[], Splitter]
    patient: Callable[[], Splitter]  # The same, for those who cannot do with a part of an event.
    events: Callable[[bytes], Iterable[bytes]]  # Whole events in some bytes; together they are the same bytes.
    payload: Callable[[bytes], bytes]  # The data of one event.
    last: Callable[[bytes], bytes] | None = None  # An error's body as the end; None: the dialect has its own form.
    error: re.Pattern[bytes] = sse.ERROR  # An event that is an error by its frame, whatever its data say.
    error_hint: bytes = b"error"  # Stands in every error that does not say "error".
    readable: Callable[[bytes], bytes] | None = None  # Whole events as patterns can read them, where data are encoded.


SSE = Framing(sse.EventSplitter, sse.patient_splitter, sse.events, sse.payload)

JSON_ARRAY = Framing(
    json_array.ElementSplitter, json_array.ElementSplitter, json_array.elements, json_array.payload, json_array.last
)

AWS = Framing(
    aws_events.EventSplitter,
    aws_events.EventSplitter,
    aws_events.events,
    aws_events.payload,
    error=aws_events.ERROR,
    error_hint=aws_events.ERROR_HINT,
    readable=aws_events.readable,
)

FRAMINGS = {"text/event-stream": SSE, "application/vnd.amazon.eventstream": AWS}
"""By the content type of the answer."""


def framing_of(content_type: str, *, arrays: bool = False) -> Framing | None:
    """How an answer of this type is framed; None for one that comes as a whole. `arrays`: JSON is a stream, too."""
    named = content_type.partition(";")[0].strip().lower()
    return JSON_ARRAY if arrays and named == "application/json" else FRAMINGS.get(named)
