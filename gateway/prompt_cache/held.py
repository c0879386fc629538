"""Which blocks a cache holds, as far as what was sent there tells. Time is an argument."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

TOKENS_MAX = 3_000_000
"""Of an engine's own cache, where nobody says: as one with host memory behind its GPUs may have. vLLM says at its start
what it has ("GPU KV cache size")."""

SURE = 0.95
"""Of an engine's cache is counted on: answers take room there, too, prompts are counted by estimate, and to rely on
what is not there costs more than not to know what is."""

LIFETIME_S = 300.0
"""How long providers remember a prompt at least after it was used, where they say
(https://platform.claude.com/docs/en/build-with-claude/prompt-caching; at OpenAI five to ten minutes of rest,
https://platform.openai.com/docs/guides/prompt-caching)."""


class Held(Protocol):
    """The blocks of one cache, each named with all that stands before it."""

    def __len__(self) -> int:
        """How many."""
        ...

    def leading(self, links: Sequence[int], now: float) -> int:
        """How many of a chain are there, from its beginning."""
        ...

    def use(self, links: Sequence[int], tokens: int, now: float) -> None:
        """A prompt of these blocks, of so many tokens each, was read there."""
        ...

    def forget(self, links: Sequence[int]) -> None:
        """These are not there."""
        ...

    def shed(self, blocks: int) -> None:
        """Forget those that were not used for longest."""
        ...


class ByRoom:
    """An engine's own cache: what was not used for longest makes room, of one prompt its end first, as engines do that
    free a block before its parent (https://docs.vllm.ai/en/latest/design/prefix_caching/)."""

    def __init__(self, tokens_max: int = TOKENS_MAX) -> None:
        self._tokens_max = int(tokens_max * SURE)
        self._tokens = 0
        self._blocks: OrderedDict[int, int] = OrderedDict()  # Tokens of each; what was used last is last.

    def __len__(self) -> int:
        return len(self._blocks)

    def leading(self, links: Sequence[int], now: float) -> int:  # noqa: ARG002 - room knows no time
        """See `Held`."""
        return next((n for n, link in enumerate(links) if link not in self._blocks), len(links))

    def use(self, links: Sequence[int], tokens: int, now: float) -> None:  # noqa: ARG002 - room knows no time
        """See `Held`. The beginning is used last, so that it stays longest."""
        blocks = self._blocks
        for link in reversed(links):
            self._tokens += tokens - blocks.get(link, 0)
            blocks[link] = tokens
            blocks.move_to_end(link)
        while self._tokens > self._tokens_max:
            self.shed(1)

    def forget(self, links: Sequence[int]) -> None:
        """See `Held`."""
        for link in links:
            self._tokens -= self._blocks.pop(link, 0)

    def shed(self, blocks: int) -> None:
        """See `Held`."""
        for _ in range(min(blocks, len(self._blocks))):
            self._tokens -= self._blocks.popitem(last=False)[1]


class ByTime:
    """A provider's cache: it is told how long what was used stays, and not how much."""

    def __init__(self, lifetime_s: float = LIFETIME_S) -> None:
        self._lifetime_s = lifetime_s
        self._blocks: OrderedDict[int, float] = OrderedDict()  # When each was used; what was used last is last.

    def __len__(self) -> int:
        return len(self._blocks)

    def leading(self, links: Sequence[int], now: float) -> int:
        """See `Held`."""
        oldest, never = now - self._lifetime_s, float("-inf")
        return next((n for n, link in enumerate(links) if self._blocks.get(link, never) < oldest), len(links))

    def use(self, links: Sequence[int], tokens: int, now: float) -> None:  # noqa: ARG002 - time knows no room
        """See `Held`."""
        blocks = self._blocks
        for link in reversed(links):
            blocks[link] = now
            blocks.move_to_end(link)
        while blocks and next(iter(blocks.values())) < now - self._lifetime_s:
            blocks.popitem(last=False)

    def forget(self, links: Sequence[int]) -> None:
        """See `Held`."""
        for link in links:
            self._blocks.pop(link, None)

    def shed(self, blocks: int) -> None:
        """See `Held`."""
        for _ in range(min(blocks, len(self._blocks))):
            self._blocks.popitem(last=False)
