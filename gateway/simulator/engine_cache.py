"""The KV cache of the simulated engine: blocks of tokens, shared between sequences that begin alike, as in vLLM.

Blocks that nobody uses keep what they hold until their room is needed, the one that was used longest ago first.
Source: https://docs.vllm.ai/en/stable/design/prefix_caching/.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence


class KvCache:
    """So many blocks. A block that is full of known tokens has a name, by which others find it; the rest has none."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self._users: dict[Hashable, int] = {}  # Of named blocks that are in use.
        self._idle: OrderedDict[Hashable, None] = OrderedDict()  # Named blocks that nobody uses.
        self._unnamed = 0  # In use, and not full yet.

    @property
    def used(self) -> int:
        """Blocks that some sequence needs."""
        return len(self._users) + self._unnamed

    @property
    def usage(self) -> float:
        """Their share of all, 0 to 1."""
        return self.used / self.blocks

    def known(self, names: Sequence[Hashable]) -> int:
        """How many blocks of this beginning are there."""
        users, idle = self._users, self._idle
        return next((place for place, name in enumerate(names) if name not in users and name not in idle), len(names))

    def fits(self, names: Sequence[Hashable], unnamed: int) -> bool:
        """Whether these known blocks can be used together with so many new ones."""
        idle = sum(name in self._idle for name in names)
        return self.used + idle + unnamed <= self.blocks

    def use(self, names: Sequence[Hashable]) -> None:
        """Use blocks that are known."""
        for name in names:
            self._idle.pop(name, None)
            self._users[name] = self._users.get(name, 0) + 1

    def take(self, blocks: int) -> None:
        """Use new ones. What was idle for longest gives way. The caller has asked whether they fit."""
        self._unnamed += blocks
        while self.used + len(self._idle) > self.blocks:
            self._idle.popitem(last=False)

    def name(self, name: Hashable) -> None:
        """A new one is full now, and others may find it. One of the same name is the same."""
        self._unnamed -= 1
        self.use((name,))

    def release(self, names: Sequence[Hashable], unnamed: int) -> None:
        """Use them no longer. The beginning, which others may share, is forgotten last."""
        self._unnamed -= unnamed
        for name in reversed(names):
            self._users[name] -= 1
            if self._users[name] == 0:
                del self._users[name]
                self._idle[name] = None
