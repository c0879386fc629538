"""How often prefixes come again, as the gateway sees it: what decides whether they are worth writing into a cache.

Of a conversation only a number for the end of each of its latest prompts is kept (`blocks.chain`), and when it was last
seen. Memory is bounded: some 100 bytes for each end, ENDS_MAX in each of at most CONVERSATIONS_MAX conversations.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence

from gateway.prompt_cache.economics import CAUTION, LATER_S, SOON_S, Reuse

CONVERSATIONS_MAX = 5_000
ENDS_MAX = 16
KINDS_MAX = 2_000

REMEMBERED = 1_000_000
"""Blocks of one kind after which what was counted counts half: habits change."""


class _Conversation:
    """Prompts that go on from one another."""

    __slots__ = ("ends", "kind", "last")

    def __init__(self, kind: _Kind) -> None:
        self.kind = kind
        self.last = 0.0  # When it was last seen.
        self.ends: deque[Hashable] = deque()  # Of its latest prompts, the oldest first.


class _Kind:
    """Calls that are counted together."""

    __slots__ = ("of", "reuse")

    def __init__(self) -> None:
        self.reuse = Reuse()
        self.of: dict[Hashable, _Conversation] = {}  # By the ends of their prompts.


class Sightings:
    """When each conversation was last seen, and what that says of its kind: whose calls they are, at which model."""

    def __init__(self) -> None:
        self._kinds: OrderedDict[Hashable, _Kind] = OrderedDict()
        self._all: OrderedDict[int, _Conversation] = OrderedDict()  # The longest unseen first.

    def seen(self, name: Hashable, chain: Sequence[Hashable], at: float) -> float | None:
        """A prompt of this kind was sent: the names of its beginnings, one for each block. A conversation whose latest
        prompts ended at one of them goes on: after how many seconds. None for a new one."""
        self._forget(at)
        if not chain:
            return None
        kind = self._kind(name)
        known, seen = _met(kind, chain, at)
        talk = kind.of[chain[known - 1]] if known else _Conversation(kind)
        since = max(0.0, at - talk.last) if known else None
        kind.reuse = _halved(kind.reuse.also(seen))
        self._all.pop(id(talk), None)
        self._all[id(talk)], talk.last = talk, at
        if known < len(chain):
            kind.of[chain[-1]] = talk
            talk.ends.append(chain[-1])
            if len(talk.ends) > ENDS_MAX:
                del kind.of[talk.ends.popleft()]
        return since

    def reuse(self, name: Hashable, chain: Sequence[Hashable], at: float) -> Reuse:
        """What was counted of a kind, with a prompt that is about to be sent, and with what is assumed of all. Nothing
        is learned from asking."""
        self._forget(at)
        kind = self._kinds.get(name) or _Kind()
        return kind.reuse.also(_met(kind, chain, at)[1]).also(CAUTION)

    def _forget(self, at: float) -> None:
        """What was not seen for an hour is nobody's prefix any more; nor is what there is no room for."""
        while self._all:
            number, oldest = next(iter(self._all.items()))
            if at - oldest.last <= LATER_S and len(self._all) < CONVERSATIONS_MAX:
                return
            del self._all[number]
            for end in oldest.ends:
                del oldest.kind.of[end]

    def _kind(self, name: Hashable) -> _Kind:
        kind = self._kinds.pop(name, None) or _Kind()
        self._kinds[name] = kind
        if len(self._kinds) > KINDS_MAX:
            self._kinds.popitem(last=False)
        return kind


def _met(kind: _Kind, chain: Sequence[Hashable], at: float) -> tuple[int, Reuse]:
    """How many blocks of a prompt are those of a conversation that is known, and how it counts."""
    known = next((n for n in range(len(chain), 0, -1) if chain[n - 1] in kind.of), 0)
    new = len(chain) - known
    soon = not known or at - kind.of[chain[known - 1]].last <= SOON_S
    return known, Reuse(new, known, 0) if soon else Reuse(new, 0, known)


def _halved(reuse: Reuse) -> Reuse:
    return Reuse(*(count // 2 for count in reuse)) if sum(reuse) > REMEMBERED else reuse
