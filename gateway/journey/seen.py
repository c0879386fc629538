"""What an answer of a kind that nobody here knows says about its usage: whichever lens sees something is believed."""

from __future__ import annotations

from gateway.catalog.providers import Provider
from gateway.core.usage import Report
from gateway.dialects.base import NOTHING_YET
from gateway.dialects.framing import framing_of
from gateway.dialects.spoken import DIALECTS

JSON_BYTES_MAX = 4 << 20
"""Of a whole answer, kept to be read at its end. A longer one says nothing."""

_LENSES = ("anthropic-messages", "gemini", "openai-responses", "openai-chat")
"""What is counted by the same words means something else at each: the provider's own dialects are tried first."""


class Seen:
    """Reads one answer as it passes. No byte of it is held back."""

    def __init__(self, provider: Provider, content_type: str) -> None:
        self._quirks = provider.quirks
        names = sorted(_LENSES, key=lambda name: name not in provider.dialects)
        self._lenses = [DIALECTS[name] for name in names]  # One, once it has seen something.
        self._framing = framing_of(content_type)
        self._splitter = self._framing.splitter() if self._framing is not None else None
        self._whole: list[bytes] | None = [] if "json" in content_type.lower() else None
        self._size = 0
        self._report = NOTHING_YET

    def feed(self, chunk: bytes) -> None:
        """Some of it came."""
        if self._framing is not None and self._splitter is not None:
            for event in self._framing.events(self._splitter.feed(chunk)):
                self._read(self._framing.payload(event))
        elif self._whole is not None:
            self._size += len(chunk)
            self._whole.append(chunk)
            if self._size > JSON_BYTES_MAX:
                self._whole = None

    def report(self) -> Report:
        """What was seen so far."""
        if self._whole:
            self._read(b"".join(self._whole))
            self._whole = None
        return self._report

    def _read(self, message: bytes) -> None:
        if b"sage" not in message:  # As in "usage", and in Google's "usageMetadata".
            return
        for lens in self._lenses:
            found = lens.report(message, self._quirks, self._report)
            if found.usage is not None and found.usage.tokens:
                self._report, self._lenses = found, [lens]
                return
