"""Watching a stream go by: whole events through, usage noted, and the two changes that we do make.

The usage chunk that only we asked for is taken out again; where the caller asked for usage, its cost
is written into it. Every other byte passes as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway.core.money import Money
from gateway.core.usage import Report
from gateway.dialects import splice
from gateway.dialects.base import Dialect, Quirk
from gateway.dialects.sse import EventSplitter, events, payload

TEXT_BYTES_KEPT_MAX = 1 << 20
"""Of the generated text, kept to count it should the stream be cut. Beyond, only its length is known."""

_LINE_START = rb"(?:\A(?:\xef\xbb\xbf)?|[\r\n])"
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_ERROR_EVENT = re.compile(_LINE_START + rb"event:[ \t]*error")
_ERROR_FIELD = re.compile(rb'"error"\s*:\s*[{"]')
_DONE = re.compile(_LINE_START + rb"data:[ \t]*\[DONE\]")
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_NO_CHOICES = re.compile(rb'"choices"\s*:\s*\[\s*\]')
_REASONING = re.compile(rb'"reasoning(?:_content)?"\s*:\s*"[^"]')
_TEXT = re.compile(  # Possessive: a string that is cut short must not be divided up in every possible way.
    rb'"(?:content|reasoning_content|reasoning|refusal|arguments|text)"\s*:\s*"((?:[^"\\]++|\\.)++)"', re.DOTALL
)


class StreamWatch:
    """Reads one answer's stream. `price` turns a report into the cost to show to the caller."""

    def __init__(
        self,
        dialect: Dialect,
        quirks: frozenset[Quirk],
        *,
        wants_usage: bool,
        price: Callable[[Report], Money | None],
        choices: int = 1,
    ) -> None:
        self._dialect = dialect
        self._quirks = quirks
        self._wants_usage = wants_usage
        self._price = price
        self._splitter = EventSplitter()
        self._texts: list[bytes] = []
        self._text_bytes_kept = 0
        self._running = choices  # That have not given their reason to finish.
        self._ended = False  # All have, or usage came without any choice.
        self.report = Report()
        self.text_bytes = 0  # Of generated text, as JSON writes it.
        self.shows_reasoning = False  # Reasoning is part of the stream, and so of the text.
        self.done = False  # The provider said that this was all.
        self.error: bytes | None = None  # The data of an error event inside the stream.

    def feed(self, chunk: bytes) -> bytes:
        """Take what came; return what to pass on."""
        whole = self._splitter.feed(chunk)
        if self._splitter.unread_before or self._splitter.unread_after:
            watched = self._watch(whole) if whole else b""
            return self._splitter.unread_before + watched + self._splitter.unread_after
        return self._watch(whole) if whole else whole

    def finish(self) -> bytes:
        """The stream is over: what is left to pass on, such as an event without its empty line."""
        rest = self._splitter.rest()
        return self._watch(rest) if rest else rest

    @property
    def complete(self) -> bool:
        """Whether the provider has said all: `[DONE]`, a reason to finish, or usage after all choices."""
        return self.done or self._ended

    @property
    def text_bytes_not_kept(self) -> int:
        """Of generated text, beyond TEXT_BYTES_KEPT_MAX."""
        return self.text_bytes - self._text_bytes_kept

    @property
    def text(self) -> str:
        """The generated text as far as kept, near enough to count its tokens."""
        joined = b"".join(self._texts).decode(errors="replace")
        return joined.replace("\\n", "\n").replace('\\"', '"')

    def _watch(self, whole: bytes) -> bytes:
        for text in _TEXT.findall(whole):
            self.text_bytes += len(text)
            if self.text_bytes <= TEXT_BYTES_KEPT_MAX:
                self._texts.append(text)
                self._text_bytes_kept += len(text)
        if finished := len(_FINISH.findall(whole)):
            self._running -= finished
            self._ended = self._ended or self._running <= 0
        if b'"reasoning' in whole and _REASONING.search(whole):
            self.shows_reasoning = True
        if b"[DONE]" in whole and _DONE.search(whole):
            self.done = True
        if b"error" in whole and self.error is None:
            self._note_error(whole)
        if _USAGE.search(whole) is None:
            return whole
        return b"".join([self._reported(event) if _USAGE.search(event) else event for event in events(whole)])

    def _note_error(self, whole: bytes) -> None:
        for event in events(whole):
            if _ERROR_EVENT.search(event) or (_ERROR_FIELD.search(event) and _says_error(payload(event))):
                self.error = payload(event)
                return

    def _reported(self, event: bytes) -> bytes:
        """An event that carries usage: note it, then pass it on, leave it out, or add the cost."""
        data = payload(event)
        seen = self._dialect.report(data, self._quirks)
        if seen.usage is None and not seen.clamped:
            return event  # The words stood in somebody's text.
        self.report = Report(
            usage=seen.usage or self.report.usage,
            model=seen.model or self.report.model,
            service_tier=seen.service_tier or self.report.service_tier,
            cost=self.report.cost if seen.cost is None else seen.cost,
            clamped=seen.clamped or self.report.clamped,
        )
        without_choices = _NO_CHOICES.search(data) is not None
        self._ended = self._ended or without_choices
        if not self._wants_usage:
            return b"" if without_choices else event
        cost = self._price(self.report) if seen.usage else None
        return event if cost is None else _with_cost(event, data, cost)


def _says_error(data: bytes) -> bool:
    """Whether a chunk has an `error` of its own: alone, or, at OpenRouter, beside its other fields."""
    span = splice.find_any(data, "error")
    return span is not None and data[slice(*span)] not in (b"null", b'""')


def _with_cost(event: bytes, data: bytes, cost: Money) -> bytes:
    span = splice.find_any(data, "usage")
    if span is None or b'"cost"' in data[slice(*span)]:
        return event
    usage = splice.append(data[slice(*span)], "cost", cost.decimal.encode())
    return event.replace(data, splice.replace(data, span, usage), 1)
