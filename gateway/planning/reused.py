"""How much of each prompt a provider's cache would have had, had calls gone elsewhere.

What was read from a cache is known where a call really went. Elsewhere it is modelled: a conversation that stays
keeps what was measured, one that is switched loses it, and one that is switched less than it was gains what its
deployment usually reads of a prompt that it has seen the beginning of.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from msgspec.structs import replace

from gateway.core.entry import Entry
from gateway.core.usage import Usage
from gateway.planning.fates import conversation, deployment
from gateway.planning.savings import CACHE_S, CACHE_TOKENS_MIN

REUSES_MIN = 20
"""Calls whose prompt a deployment could have read before what it reads of one is known."""

FORGOTTEN_AFTER_S = 3600
"""The longest that providers keep a prompt at an ordinary price."""


class _Last(NamedTuple):
    """The call before, of a conversation."""

    at: float
    was: str
    name: str  # In the replay.
    tokens: int


class _Reuse:
    """What one deployment read of what it could have read."""

    __slots__ = ("calls", "read", "readable")

    def __init__(self) -> None:
        self.calls = self.read = self.readable = 0


class Prompts:
    """The conversations of the last hour, and where each was and would have been."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], _Last] = OrderedDict()
        self._reuses: dict[str, _Reuse] = {}

    def read(self, entry: Entry, name: str) -> int:
        """Tokens that this call would have paid as read from a cache at that deployment."""
        last, was, measured = self._last.get(conversation(entry)), deployment(entry), entry.usage.cache_read
        if last is None:
            return measured if name == was else 0
        stays, stayed = last.name == name, last.was == was
        if stays == stayed:
            return measured if stays or name == was else 0
        return self._usual(entry, last, name, at_least=measured if name == was else 0) if stays else 0

    def _usual(self, entry: Entry, last: _Last, name: str, *, at_least: int) -> int:
        reuse, readable = self._reuses.get(name), _readable(entry, last)
        if reuse is None or reuse.calls < REUSES_MIN:
            return at_least
        return max(at_least, readable * reuse.read // reuse.readable)

    def learn(self, entry: Entry, name: str) -> None:
        """This call was made, and would have gone there."""
        whose, was = conversation(entry), deployment(entry)
        last = self._last.pop(whose, None)
        if last is not None and last.was == was and (readable := _readable(entry, last)):
            reuse = self._reuses.setdefault(was, _Reuse())
            reuse.calls += 1
            reuse.read += min(entry.usage.cache_read, readable)
            reuse.readable += readable
        self._last[whose] = _Last(entry.at, was, name, entry.usage.input_total)
        while self._last and next(iter(self._last.values())).at < entry.at - FORGOTTEN_AFTER_S:
            self._last.popitem(last=False)


def _readable(entry: Entry, last: _Last) -> int:
    """Tokens of the prompt before, which this one begins with, as far as a cache may have them still."""
    tokens = min(last.tokens, entry.usage.input_total)
    return tokens if entry.at - last.at <= CACHE_S and tokens >= CACHE_TOKENS_MIN else 0


def with_read(usage: Usage, read: int) -> Usage:
    """The same tokens, so many of which are read from a cache. The others are written to one again where the call
    wrote to one, and are plain input elsewhere."""
    more = usage.cache_read - read
    if not more:
        return usage
    if more > 0 and (usage.cache_write or usage.cache_write_1h):
        return replace(usage, cache_read=read, cache_write=usage.cache_write + more)
    more = max(more, -usage.input)
    return replace(usage, cache_read=usage.cache_read - more, input=usage.input + more)
