"""The W3C trace context of a call, in and out (https://www.w3.org/TR/trace-context/)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

RATIO_BITS = 56
"""So many of a trace id's last bits are random in every version of the standard; sampling looks at these alone."""


@dataclass(slots=True)
class Trace:
    """The trace that a call is in, and its own span there. Ids are lower-case hex."""

    trace_id: str
    parent_id: str  # Of the caller's span; empty where it is in none.
    sampled: bool
    state: str = ""  # The caller's tracestate.
    span_id: str = field(default_factory=lambda: os.urandom(8).hex())

    def attempt_id(self, entry_id: str) -> str:
        """The span id of one attempt: the same from its leaving to its settling, and kept nowhere between."""
        return blake2b(entry_id.encode(), digest_size=8, key=self.span_id.encode()).hexdigest()

    def leaving(self, headers: Mapping[str, str], entry_id: str) -> dict[str, str]:
        """The headers of an attempt, whose parent at the provider is its own span. Baggage goes on as it came."""
        told = dict(headers)
        told["traceparent"] = f"00-{self.trace_id}-{self.attempt_id(entry_id)}-{'01' if self.sampled else '00'}"
        if not self.parent_id:
            told.pop("tracestate", None)  # It belonged to a traceparent that nobody can read.
        return told


def trace_of(headers: Mapping[str, str], ratio: float) -> Trace:
    """The caller's trace, or a new one. `ratio`: the share of new ones that is kept; of its own the caller
    decides."""
    found = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    if found is None or (found[4] and headers["traceparent"].startswith("00")):
        trace_id = os.urandom(16).hex()
        return Trace(trace_id, "", int(trace_id[-RATIO_BITS // 4 :], 16) < ratio * (1 << RATIO_BITS))
    return Trace(found[1], found[2], bool(int(found[3], 16) & 1), headers.get("tracestate", ""))
