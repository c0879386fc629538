"""What tools that a provider runs give its model to read within an answer, for which it is asked again after each."""

from __future__ import annotations

from msgspec.structs import replace

from gateway.core.usage import Extras, Usage

BYTES_PER_TOKEN = 3
"""Of results as a stream shows them. Of fourteen searches that were recorded, encrypted as they come, 3.4."""

_SEARCH = b"web_search"


class Fetched:
    """Of one stream, as far as it came. Every turn reads all results before it."""

    __slots__ = ("_bytes", "_read_bytes", "_searches", "reading", "turns")

    def __init__(self) -> None:
        self.turns = self._searches = 0  # Turns after the first.
        self._bytes = self._read_bytes = 0  # Of all results; and of them in each turn, added up.
        self.reading = False  # Results go by, and the model has written nothing since: they are one turn's.

    def note(self, tool: bytes, size: int) -> None:
        """A result of this tool went by, in so many bytes."""
        if not self.reading:
            self.reading = True
            self.turns += 1
            self._read_bytes += self._bytes
        self._searches += tool == _SEARCH
        self._bytes += size
        self._read_bytes += size

    def read(self) -> None:
        """The model writes: what comes later is for another turn."""
        self.reading = False

    def added_to(self, first: Usage) -> Usage:
        """What all turns used, where the input of the first is known: a little too much, rather than too little. What
        that turn wrote to a cache, or read there, the others read."""
        if not self.turns:
            return first
        cached = first.cache_read + first.cache_write + first.cache_write_1h
        return replace(
            first,
            input=first.input * (1 + self.turns) + self._read_bytes // BYTES_PER_TOKEN,
            cache_read=first.cache_read + cached * self.turns,
            prompt=first.input_total,
            extras=Extras(web_searches=self._searches) if self._searches else first.extras,
        )
