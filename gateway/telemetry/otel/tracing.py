"""Which calls are traced, and what becomes a span. On the event loop: nothing here waits, makes a span or sends one.

call      server span   from its arrival to its answer, with what all of its attempts cost
└─attempt client span   from its leaving to its settling, or to its failing; its id was sent to the provider
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from threading import Event

from msgspec import Struct

from gateway.core.entry import Entry
from gateway.dialects.base import Dialect
from gateway.telemetry.otel.context import Trace, trace_of

CALLS_MAX = 10_000
"""Calls whose trace is remembered. One that is settled long after, because it was outrun, is then in none."""

CONTENT_BYTES_MAX = 64 << 10
"""Of a request and of an answer; of longer ones nothing is told."""

WAITING_MAX = 8192
"""Records that wait to be sent. Beyond, new ones are dropped and counted: calls never wait."""

WAKES_AT = 256
"""Whoever sends is woken by so many; else it looks after a while."""


class Heard(Struct):
    """What was asked and answered, as it travelled."""

    dialect: Dialect  # Of the caller.
    asked: bytes
    answered: bytes = b""
    content_type: str = ""
    stream: bool = False

    def begin(self, headers: Mapping[str, str], *, stream: bool) -> None:
        """The head of the answer."""
        named = {name.lower(): value for name, value in headers.items()}
        self.content_type, self.stream = named.get("content-type", ""), stream

    def feed(self, chunk: bytes) -> None:
        """A piece of it. Nothing is kept beyond what is told."""
        if len(self.answered) <= CONTENT_BYTES_MAX:
            self.answered += chunk


class Attempted(Struct):
    """An attempt that is over. `why`: it came to nothing, and there is no more than a draft of its entry."""

    entry: Entry
    trace: Trace | None
    ended: float  # Unix seconds.
    why: str = ""


class Served(Struct):
    """A call that is over."""

    request_id: str
    path: str
    trace: Trace
    begun: float  # Unix seconds.
    ended: float = 0.0
    status: int = 200
    error: str = ""  # The code of what the caller was told instead of an answer; empty for an answer.
    heard: Heard | None = None  # What was said, where that is wanted.


Record = Attempted | Served


class Tracing:
    """See the module. `ratio`: the share of traces that begin here and are kept."""

    def __init__(self, ratio: float, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._ratio = ratio
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._waiting: deque[Record] = deque()
        self.woken = Event()
        self.dropped = 0  # For want of room.

    def begin(self, request_id: str, headers: Mapping[str, str]) -> Trace:
        """A call arrives."""
        trace = self._traces[request_id] = trace_of(headers, self._ratio)
        if len(self._traces) > CALLS_MAX:
            self._traces.popitem(last=False)
        return trace

    def leaving(self, headers: Mapping[str, str], draft: Entry) -> Mapping[str, str]:
        """What goes to a provider for an attempt."""
        trace = self._traces.get(draft.request_id)
        return headers if trace is None else trace.leaving(headers, draft.id)

    def sampled(self, request_id: str) -> str | None:
        """The trace that this call is in, if it is kept."""
        trace = self._traces.get(request_id)
        return trace.trace_id if trace is not None and trace.sampled else None

    def booked(self, entry: Entry) -> None:
        """An attempt is settled."""
        self.tell(Attempted(entry, self._traces.get(entry.request_id), entry.at + entry.duration_ms / 1000))

    def voided(self, draft: Entry, why: str) -> None:
        """An attempt came to nothing."""
        self.tell(Attempted(draft, self._traces.get(draft.request_id), self.clock(), why))

    def tell(self, record: Record) -> None:
        """Let it be sent, if there is room."""
        if len(self._waiting) >= WAITING_MAX:
            self.dropped += 1
            return
        self._waiting.append(record)
        if len(self._waiting) == WAKES_AT:
            self.woken.set()

    def take(self, most: int) -> list[Record]:
        """The oldest of what waits. Called from the thread that sends."""
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]
