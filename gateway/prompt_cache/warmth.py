"""Which deployment has probably which prompts in its cache, and how long a call would wait there: from what was sent
there, and what its answers said of it. Nobody else is asked. Time is an argument.

The bookkeeping is one process's own. A block takes some 190 bytes, and there are at most BLOCKS_MAX.
"""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Struct

from gateway.prompt_cache.backlog import RATE_GUESS, Backlog
from gateway.prompt_cache.blocks import BLOCK_BYTES, Prompt, chain
from gateway.prompt_cache.held import ByRoom, ByTime, Held

BLOCKS_MAX = 2**18
"""Of all deployments: 50 MB."""

DEPLOYMENTS_MAX = 500
SESSIONS_MAX = 20_000

RECENT = 0.1
"""Weight of the newest call in how far a deployment's cache keeps what it promises."""

SHORT = 0.5
"""Where less than this of what was expected was read from the cache, what was missing is not there."""


class Prefix(Struct, frozen=True, gc=False):
    """A prompt as it is looked for: its blocks, and how many bytes it has in all."""

    links: tuple[int, ...] = ()
    size: int = 0

    def tokens(self, blocks: int, of: int) -> int:
        """How many of a prompt's tokens so many blocks are."""
        return min(of, of * blocks * BLOCK_BYTES // self.size) if self.size else 0


NOTHING = Prefix()


def prefix_of(prompt: Prompt) -> Prefix:
    """The prompt as it is looked for."""
    return Prefix(chain(prompt), len(prompt.text))


class Outlook(Struct, frozen=True):
    """What a call may expect at a deployment."""

    deployment: str
    prefix: Prefix
    tokens: int  # Of its whole prompt.
    blocks: int = 0  # That should be warm there,
    warm_tokens: int = 0  # and what these are worth, after what was promised before and not kept.
    wait_ms: float = 0.0
    prefill_ms: float | None = None  # To read the rest. None: no engine of ours.
    tokens_lately: int = 0
    pace: float = RATE_GUESS  # Tokens a second that it reads.


class _Place:
    """One deployment."""

    __slots__ = ("backlog", "held", "kept", "speaks")

    def __init__(self, cache_tokens: int | None) -> None:
        self.held: Held = ByTime() if cache_tokens is None else ByRoom(cache_tokens)
        self.backlog = None if cache_tokens is None else Backlog()
        self.kept = 1.0  # The share of what was expected of its cache that was read from it lately.
        self.speaks = False  # Whether it has ever said that it read anything from its cache.


class Warmth:
    """See the module."""

    def __init__(self) -> None:
        self._places: OrderedDict[str, _Place] = OrderedDict()  # The one that was asked last is last.
        self._sessions: OrderedDict[tuple[str, str], str] = OrderedDict()
        self.blocks = 0  # Of all deployments.

    def outlook(
        self, deployment: str, prefix: Prefix, tokens: int, now: float, *, cache_tokens: int | None = None
    ) -> Outlook:
        """What a call of so many tokens may expect there. `cache_tokens`: what the cache of an engine of ours holds;
        None for a provider's."""
        place = self._places.get(deployment)
        if place is None:
            place = _Place(cache_tokens) if cache_tokens is not None else None
        if place is None:
            return Outlook(deployment, prefix, tokens)
        blocks = place.held.leading(prefix.links, now)
        warm = int(prefix.tokens(blocks, tokens) * place.kept)
        backlog = place.backlog
        if backlog is None:
            return Outlook(deployment, prefix, tokens, blocks, warm)
        return Outlook(
            deployment,
            prefix,
            tokens,
            blocks,
            warm,
            wait_ms=backlog.ahead(now) / backlog.rate * 1000,
            prefill_ms=(tokens - warm) / backlog.rate * 1000,
            tokens_lately=int(backlog.lately(now)),
            pace=backlog.rate,
        )

    def leaves(self, outlook: Outlook, now: float, *, cache_tokens: int | None = None) -> float:
        """The call leaves for it. Returns the tokens that are read there before it is answered, itself included."""
        place = self._place(outlook.deployment, cache_tokens)
        prefix = outlook.prefix
        if prefix.links:
            before = len(place.held)
            place.held.use(prefix.links, max(1, prefix.tokens(1, outlook.tokens)), now)
            self._grown(len(place.held) - before)
        if place.backlog is None:
            return 0.0
        return place.backlog.took(outlook.tokens - outlook.warm_tokens, now)

    def answered(self, outlook: Outlook, now: float, *, ahead: float = 0.0, seconds: float | None = None) -> None:
        """Its answer has begun, or never will: nothing waits for it any more. `seconds`: how long that took, where it
        tells how fast the engine reads, with so many tokens `ahead`."""
        place = self._places.get(outlook.deployment)
        if place is None or place.backlog is None:
            return
        place.backlog.answered(outlook.tokens - outlook.warm_tokens, now)
        if seconds is not None:
            place.backlog.learn(ahead, seconds)

    def refused(self, outlook: Outlook) -> None:
        """It never read the prompt: what was not there before is not there now."""
        self._forget(outlook, outlook.blocks)

    def gone(self, deployment: str) -> None:
        """An engine of ours does not run: what it had in memory is lost."""
        place = self._places.get(deployment)
        if place is not None and place.backlog is not None:
            self.blocks -= len(place.held)
            place.held.shed(len(place.held))

    def told(self, outlook: Outlook, tokens: int, *, read: int, written: int, speaks: bool) -> None:
        """How many tokens the prompt had, as the answer says, and how many of them were read from the cache, and
        written to it. `speaks`: it does speak of its cache, so that zero means none.

        An engine of ours has the prompt now, whatever it had before. A provider that did not read what was expected
        may have nothing of it.
        """
        place = self._places.get(outlook.deployment)
        if place is None or not outlook.blocks:
            return
        place.speaks = place.speaks or read > 0 or speaks
        expected = outlook.prefix.tokens(outlook.blocks, tokens)
        if not place.speaks or not expected:
            return
        share = min(1.0, read / expected)
        place.kept += RECENT * (share - place.kept)
        if place.backlog is None and read + written < SHORT * expected:
            self._forget(outlook, int(outlook.blocks * share))

    def stays(self, key_id: str, session: str | None) -> str:
        """The deployment that answered this conversation last; empty where nobody has."""
        return self._sessions.get((key_id, session), "") if session else ""

    def stayed(self, key_id: str, session: str | None, deployment: str) -> None:
        """It has answered this conversation."""
        if not session:
            return
        self._sessions[key_id, session] = deployment
        self._sessions.move_to_end((key_id, session))
        if len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)

    def _place(self, deployment: str, cache_tokens: int | None) -> _Place:
        place = self._places.get(deployment)
        if place is None:
            if len(self._places) >= DEPLOYMENTS_MAX:
                self.blocks -= len(self._places.popitem(last=False)[1].held)
            place = self._places[deployment] = _Place(cache_tokens)
        self._places.move_to_end(deployment)
        return place

    def _grown(self, blocks: int) -> None:
        """So many more: where there are too many now, the largest cache loses its oldest."""
        self.blocks += blocks
        while self.blocks > BLOCKS_MAX:
            largest = max([place.held for place in self._places.values()], key=len)
            before = len(largest)
            largest.shed(max(1, before // 8))
            self.blocks -= before - len(largest)

    def _forget(self, outlook: Outlook, beyond: int) -> None:
        place = self._places.get(outlook.deployment)
        if place is not None:
            before = len(place.held)
            place.held.forget(outlook.prefix.links[beyond:])
            self.blocks -= before - len(place.held)
