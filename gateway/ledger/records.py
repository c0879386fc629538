"""The journal's lines: a checksum, a kind, and a whole ledger entry, or a price, as JSON.

An open line carries the entry that is true if we die now: unresolved, charged at all that is held.
So replay needs no judgement: of every id the last line counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from zlib import crc32

import msgspec

from gateway.core.entry import Entry
from gateway.core.price import Price
from gateway.ledger.rates import decoded, encoded

_entry = msgspec.json.Decoder(Entry)
_encode = msgspec.json.Encoder().encode


class Kind(StrEnum):
    """What a line says about the attempt that it names."""

    OPEN = "O"  # May cost money from now on, or now holds more than before.
    SETTLED = "S"  # Over; the entry is final.
    VOID = "V"  # Over; no provider has seen it.
    PRICE = "P"  # Nothing about an attempt: the rates that entries from here on may be booked at.


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a journal says in the end."""

    settled: tuple[Entry, ...]
    unresolved: tuple[Entry, ...]
    damaged: int  # Lines that are not what was written. A torn last line is the trace of a crash.
    prices: tuple[Price, ...] = ()


def line(kind: Kind, entry: Entry) -> bytes:
    """One line of the journal."""
    return _line(kind.encode() + _encode(entry if kind is not Kind.VOID else entry.id))


def price_line(price: Price) -> bytes:
    """The line that makes the journal enough to explain what it books."""
    return _line(Kind.PRICE.encode() + encoded(price))


def _line(text: bytes) -> bytes:
    return b"%08x%b\n" % (crc32(text), text)


NOTHING = _line(Kind.VOID.encode() + b'"%4096b"' % b"")
"""Says nothing of any attempt, and is as long as a line that does: whether the disk takes one again."""


def files_in(directory: Path) -> list[Path]:
    """The files of a journal, in order."""
    return sorted(directory.glob("*.journal"))


def look_over(files: Iterable[Path]) -> Recovered:
    """What these say in the end, while whoever writes them may go on. Raises OSError."""
    return replay(_lines(files))


def _lines(files: Iterable[Path]) -> Iterator[bytes]:
    for path in files:
        with path.open("rb") as file:
            yield from file


def replay(lines: Iterable[bytes]) -> Recovered:
    """The last word on every attempt, in the order in which they were first mentioned."""
    last: dict[str, tuple[Kind, Entry | None]] = {}
    prices: dict[str, Price] = {}
    damaged = 0
    for raw in lines:
        read = _read(raw)
        if read is None:
            damaged += 1
            continue
        kind, name, entry = read
        if isinstance(entry, Price):
            prices.setdefault(name, entry)
            continue
        known = last.get(name)
        if known is None or known[0] is Kind.OPEN:  # What is over stays over.
            last[name] = (kind, entry)
    ended = [(kind, entry) for kind, entry in last.values() if entry is not None]
    return Recovered(
        settled=tuple(entry for kind, entry in ended if kind is Kind.SETTLED),
        unresolved=tuple(entry for kind, entry in ended if kind is Kind.OPEN),
        damaged=damaged,
        prices=tuple(prices.values()),
    )


def _read(raw: bytes) -> tuple[Kind, str, Entry | Price | None] | None:
    text = raw[8:].removesuffix(b"\n")
    try:
        if not raw.endswith(b"\n") or int(raw[:8], 16) != crc32(text):
            return None
        kind = Kind(text[:1].decode())
        if kind is Kind.VOID:
            return kind, msgspec.json.decode(text[1:], type=str), None
        entry = decoded(text[1:]) if kind is Kind.PRICE else _entry.decode(text[1:])
    except (ValueError, KeyError, TypeError, msgspec.MsgspecError):
        return None
    return kind, entry.id, entry
