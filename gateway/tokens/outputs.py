"""How long answers were lately, by key and deployment: what the hold of a stream begins with.

Kept are two hundred answers at most of each, in buckets of a quarter of an octave, and the quantile moves along with
them: to learn and to tell take the same few steps, however much was seen.
"""

from __future__ import annotations

ONE_IN = 10
"""So rarely does an answer pass what is told: the 0.9 quantile. Chosen by what it makes streams hold too much, and how
often they must extend (benchmarks/money/outputs.py)."""

SEEN_MIN = 20
"""Answers of a key, or of a deployment, before its quantile says anything."""

RECENT = 100
"""Answers after which those that are twice as old are forgotten."""

ONE_OF = 4
"""Of those that are known well, so many answers are learned from."""

PAIRS_MAX = 4096
"""Of a key and a deployment. Those that were not seen for longest are forgotten: 2 MB in all."""

_BUCKETS = 92


def _bucket(tokens: int) -> int:
    """Four to an octave, up to 2**24."""
    bits = tokens.bit_length()
    if bits < 3:
        return tokens
    return min(_BUCKETS - 1, 4 * (bits - 2) + (tokens >> (bits - 3) & 3))


def _top(bucket: int) -> int:
    return bucket if bucket < 4 else ((5 + bucket % 4) << (bucket // 4 - 1)) - 1


_TOPS = tuple(map(_top, range(_BUCKETS)))


class Lengths:
    """Of one kind of answers."""

    __slots__ = ("_above", "_at", "_counts", "_newest", "_passing", "_since", "seen")

    def __init__(self) -> None:
        self.seen = 0  # Answers that are remembered.
        self._counts = bytearray(_BUCKETS)
        self._newest = bytearray(_BUCKETS)  # Of these, the last `_since`.
        self._since = self._passing = 0
        self._at = self._above = 0  # The quantile's bucket, and how many were longer.

    def learns_this(self) -> bool:
        """Whether the next answer is worth looking at."""
        self._passing = (self._passing + 1) % ONE_OF
        return self._passing == 0 or self.seen < RECENT

    def learn(self, tokens: int) -> None:
        """An answer of that length."""
        if self._since == RECENT:
            self._forget()
        bucket = _bucket(tokens)
        self._counts[bucket] += 1
        self._newest[bucket] += 1
        self.seen += 1
        self._since += 1
        self._above += bucket > self._at
        while self._above * ONE_IN > self.seen:
            self._at += 1
            self._above -= self._counts[self._at]
        while self._at and (self._above + self._counts[self._at]) * ONE_IN <= self.seen:
            self._above += self._counts[self._at]
            self._at -= 1

    @property
    def quantile(self) -> int:
        """Tokens that hardly one in ONE_IN was longer than, rounded up by a quarter at most."""
        return _TOPS[self._at]

    def _forget(self) -> None:
        self._counts, self._newest = self._newest, bytearray(_BUCKETS)
        self.seen, self._since = RECENT, 0
        self._above = sum(self._counts[self._at + 1 :])


class Outputs:
    """Of all keys and deployments. Names come from settled calls only, so callers cannot mint them."""

    def __init__(self) -> None:
        self._lengths: dict[tuple[str, str], Lengths] = {}

    def learn(self, key_id: str, deployment: str, tokens: int) -> None:
        """An answer that came to its end held so many output tokens."""
        for pair in ((key_id, deployment), ("", deployment)):
            known = self._lengths.get(pair)
            if known is None or known.learns_this():
                self._learn(pair, known, tokens)

    def _learn(self, pair: tuple[str, str], known: Lengths | None, tokens: int) -> None:
        if known is not None:
            del self._lengths[pair]
        elif len(self._lengths) >= PAIRS_MAX:
            del self._lengths[next(iter(self._lengths))]
        lengths = self._lengths[pair] = known or Lengths()  # As the newest.
        lengths.learn(tokens)

    def most(self, key_id: str, deployment: str) -> int | None:
        """Output tokens that hardly an answer to this key, or else of this deployment, has passed lately. None where
        too few are known."""
        for pair in ((key_id, deployment), ("", deployment)):
            lengths = self._lengths.get(pair)
            if lengths is not None and lengths.seen >= SEEN_MIN:
                return lengths.quantile
        return None
