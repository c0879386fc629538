"""The journal's lines: a checksum, a kind, and a whole ledger entry as JSON.

An open line carries the entry that is true if we die now: unresolved, charged at all that is held.
So replay needs no judgement: of every id the last line counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from zlib import crc32

import msgspec

from gateway.core.entry import Entry

_entry = msgspec.json.Decoder(Entry)
_encode = msgspec.json.Encoder().encode


class Kind(StrEnum):
    """What a line says about the attempt that it names."""

    OPEN = "O"  # May cost money from now on, or now holds more than before.
    SETTLED = "S"  # Over; the entry is final.
    VOID = "V"  # Over; no provider has seen it.


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a journal says in the end."""

    settled: tuple[Entry, ...]
    unresolved: tuple[Entry, ...]
    damaged: int  # Lines that are not what was written. A torn last line is the trace of a crash.


def line(kind: Kind, entry: Entry) -> bytes:
    """One line of the journal."""
    text = kind.encode() + _encode(entry if kind is not Kind.VOID else entry.id)
    return b"%08x%b\n" % (crc32(text), text)


def replay(lines: Iterable[bytes]) -> Recovered:
    """The last word on every attempt, in the order in which they were first mentioned."""
    last: dict[str, tuple[Kind, Entry | None]] = {}
    damaged = 0
    for raw in lines:
        read = _read(raw)
        if read is None:
            damaged += 1
            continue
        kind, name, entry = read
        known = last.get(name)
        if known is None or known[0] is Kind.OPEN:  # What is over stays over.
            last[name] = (kind, entry)
    ended = [(kind, entry) for kind, entry in last.values() if entry is not None]
    return Recovered(
        settled=tuple(entry for kind, entry in ended if kind is Kind.SETTLED),
        unresolved=tuple(entry for kind, entry in ended if kind is Kind.OPEN),
        damaged=damaged,
    )


def _read(raw: bytes) -> tuple[Kind, str, Entry | None] | None:
    text = raw[8:].removesuffix(b"\n")
    try:
        if not raw.endswith(b"\n") or int(raw[:8], 16) != crc32(text):
            return None
        kind = Kind(text[:1].decode())
        if kind is Kind.VOID:
            return kind, msgspec.json.decode(text[1:], type=str), None
        entry = _entry.decode(text[1:])
    except (ValueError, msgspec.MsgspecError):
        return None
    return kind, entry.id, entry
