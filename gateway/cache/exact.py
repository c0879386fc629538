"""Answers kept in memory for a while, found only by the very same question of the very same key."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from gateway.core.entry import Entry
from gateway.core.request import Asked

ANSWER_BYTES_MAX = 4 << 20
"""A larger answer is passed on and not kept."""


ANSWER_BYTES_ASIDE = 4096
"""What one answer takes beside its body: the question's digest and the entry."""


class Stored(Struct, frozen=True, gc=False):
    """An answer as the provider sent it, and the ledger entry of the call that bought it."""

    content_type: str
    body: bytes
    stream: bool
    bought: Entry
    until: float  # Unix seconds.

    @property
    def takes(self) -> int:
        """Bytes that it takes."""
        return len(self.body) + ANSWER_BYTES_ASIDE


def fingerprint(tenant: str, dialect: str, asked: Asked) -> bytes:
    """Names one question of one tenant. Lengths are part of it, so that no two can run together."""
    digest = hashlib.sha256()
    named = [tenant, dialect, asked.model, asked.verb, asked.query, asked.content_type, asked.betas, asked.tier]
    if asked.provider:
        named.append(asked.provider)
    for part in (*(name.encode("utf-8", "surrogateescape") for name in named), asked.body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


class ExactCache:
    """Least recently used goes first once all together take more than `bytes_max`."""

    def __init__(self, *, ttl_s: float, bytes_max: int) -> None:
        self._ttl_s = ttl_s
        self._bytes_max = bytes_max
        self._bytes = 0
        self._answers: OrderedDict[bytes, Stored] = OrderedDict()

    def get(self, asked: bytes, now: float) -> Stored | None:
        """The answer, if there is one and it is fresh."""
        stored = self._answers.get(asked)
        if stored is None:
            return None
        if now >= stored.until:
            self._drop(asked)
            return None
        self._answers.move_to_end(asked)
        return stored

    def put(self, asked: bytes, content_type: str, body: bytes, bought: Entry, now: float) -> None:
        """Keep a whole, good answer for as long as answers are kept here."""
        self.keep(asked, Stored(content_type, body, bought.stream, bought, now + self._ttl_s))

    def keep(self, asked: bytes, answer: Stored) -> None:
        """The same for as long as it says itself."""
        if len(answer.body) > min(ANSWER_BYTES_MAX, self._bytes_max - ANSWER_BYTES_ASIDE):
            return
        self._drop(asked)
        self._answers[asked] = answer
        self._bytes += answer.takes
        while self._bytes > self._bytes_max:
            self._drop(next(iter(self._answers)))

    def forget(self, covered: Callable[[Entry], bool]) -> None:
        """Drop the answers that were bought so."""
        for asked in [asked for asked, stored in self._answers.items() if covered(stored.bought)]:
            self._drop(asked)

    def _drop(self, asked: bytes) -> None:
        stored = self._answers.pop(asked, None)
        if stored is not None:
            self._bytes -= stored.takes
