"""The engines of the prefix benchmark, as they are: what each holds, and when it has read what."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

BLOCK_TOKENS = 512
CACHE_TOKENS = 3_000_000


@dataclass
class Cache:
    """Blocks in the order of their last use; of one prompt the end goes first."""

    tokens: int = CACHE_TOKENS
    blocks: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def warm(self, ids: Sequence[int], length: int) -> int:
        """Tokens of a prompt that are there."""
        leading = next((n for n, one in enumerate(ids) if one not in self.blocks), len(ids))
        return min(BLOCK_TOKENS * leading, length)

    def use(self, ids: Sequence[int]) -> None:
        """A prompt was read."""
        for one in reversed(ids):
            self.blocks[one] = None
            self.blocks.move_to_end(one)
        while len(self.blocks) * BLOCK_TOKENS > self.tokens:
            self.blocks.popitem(last=False)


@dataclass
class Engine:
    """Reads what is not in its cache, one prompt after the other, at a fixed rate."""

    rate: float  # Tokens a second.
    cache: Cache
    free_at: float = 0.0  # When all is read that it was given.
    given: int = 0  # Tokens, all in all,
    read: int = 0  # and of these, those that were not in its cache.

    def wait_s(self, now: float) -> float:
        """How long a new call waits."""
        return max(0.0, self.free_at - now)

    def take(self, ids: Sequence[int], length: int, now: float) -> tuple[int, float]:
        """A call comes. Returns its warm tokens, and when its answer begins."""
        warm = self.cache.warm(ids, length)
        self.free_at = max(now, self.free_at) + (length - warm) / self.rate
        self.given += length
        self.read += length - warm
        self.cache.use(ids)
        return warm, self.free_at
