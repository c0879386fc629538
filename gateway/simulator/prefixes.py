"""The prompt cache of the simulated provider: it really remembers which beginnings it has seen."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b


def chain(tokens: Sequence[int], block: int, model: str) -> list[bytes]:
    """One digest for each full block of tokens, each covering all before it, and the model."""
    digests: list[bytes] = []
    digest = model.encode()
    for start in range(0, len(tokens) - block + 1, block):
        digest = blake2b(digest + array("I", tokens[start : start + block]).tobytes(), digest_size=16).digest()
        digests.append(digest)
    return digests


class Prefixes:
    """A bounded set of blocks, least recently used out first."""

    def __init__(self, blocks: int) -> None:
        self._most = blocks
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def visit(self, digests: Sequence[bytes]) -> int:
        """How many leading blocks were known already; from now on all of them are."""
        known = next((place for place, digest in enumerate(digests) if digest not in self._known), len(digests))
        # From the end, so that the beginning, which other prompts share, is forgotten last.
        for digest in reversed(digests):
            self._known[digest] = None
            self._known.move_to_end(digest)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return known
