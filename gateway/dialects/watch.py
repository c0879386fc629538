"""Watching a stream go by: whole events through, usage noted, and the two changes that we do make.

The usage chunk that only we asked for is taken out again; where the caller asked for usage, its cost
is written into it. Every other byte passes as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from string import digits

import msgspec

from gateway.core.errors import GatewayError
from gateway.core.money import Money
from gateway.core.usage import Report
from gateway.dialects import splice
from gateway.dialects.base import Dialect, Quirk
from gateway.dialects.fetched import Fetched
from gateway.dialects.framing import SSE, Framing
from gateway.dialects.openai_usage import UNREADABLE

TEXT_BYTES_KEPT_MAX = 1 << 20
"""Of the generated text, kept to count it should the stream be cut. Beyond, only its length is known."""

HEAD_BYTES = 4096
"""Of a long event: its name, and what its data begins with."""

_DIGITS = digits.encode()
_USE = b'_tool_use"'
_ERROR_FIELD = re.compile(rb'"error"\s*:\s*[{"]')


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
        framing: Framing = SSE,
        heard: Callable[[bytes], object] | None = None,
    ) -> None:
        self._heard = heard  # Takes a copy of what comes, as it comes.
        self._dialect = dialect
        self._signs = dialect.signs
        self._quirks = quirks
        self._wants_usage = wants_usage
        self._price = price
        self._framing = framing
        self._splitter = framing.splitter()
        self._text = bytearray()  # As far as it is kept. A piece by itself would take ten times its bytes.
        self._running = choices  # That have not given their reason to finish.
        self._ended = False  # All have, or usage came without any choice.
        self._torn = False  # The stream was over in the middle of an event.
        self.report = Report()
        self.text_bytes = 0  # Of generated text, as JSON writes it,
        self.text_digits = 0  # and so many of what is kept of it are digits.
        self.fetched = Fetched()  # By tools that the provider ran.
        self.shows_reasoning = False  # Reasoning is part of the stream, and so of the text.
        self.done = False  # The provider said that this was all.
        self.error: bytes | None = None  # The data of an error event inside the stream.

    def feed(self, chunk: bytes) -> bytes:
        """Take what came; return what to pass on."""
        if self._heard is not None:
            self._heard(chunk)
        whole = self._splitter.feed(chunk)
        if self._splitter.late:
            self._watch_late(self._splitter.late)
        if self._splitter.unread_before or self._splitter.unread_after:
            watched = self._watch(whole) if whole else b""
            return self._splitter.unread_before + watched + self._splitter.unread_after
        return self._watch(whole) if whole else whole

    def read_whole(self, body: bytes) -> None:
        """Note what an answer says that came in one piece."""
        whole = self._signs.text_whole
        self._note_text(body, self._signs.text if whole is None else whole())

    def finish(self) -> bytes:
        """The stream is over: what is left to pass on, such as an event without its empty line. One that is not all
        there says nothing, neither that this was the end nor that there was an error: only its text is counted."""
        rest = self._splitter.rest()
        last = self._splitter.late or rest
        if last and not self.complete and self.error is None and not _is_whole(last, self._framing.payload(last)):
            if not self._is_result(last):
                readable = last if self._framing.readable is None else self._framing.readable(last)
                self._note_text(readable, self._signs.text)
            self._torn = True
            return b""
        if self._splitter.late:
            self._watch_late(self._splitter.late)
        return self._watch(rest) if rest else rest

    def refusal(self, error: GatewayError, request_id: str) -> bytes:
        """What ends the stream for a caller that must see that something is missing."""
        if self._framing.last is not None:
            return self._framing.last(self._dialect.error(error, request_id))
        said = self._dialect.stream_error(error, request_id)
        return b"\n\n" + said if self._splitter.passing else said  # After the end of what was passed on in part.

    @property
    def complete(self) -> bool:
        """Whether the provider has said all: `[DONE]`, a reason to finish, or usage after all choices."""
        return (self.done or self._ended) and not self._torn

    @property
    def text_bytes_not_kept(self) -> int:
        """Of generated text, beyond TEXT_BYTES_KEPT_MAX."""
        return self.text_bytes - len(self._text)

    @property
    def text(self) -> str:
        """The generated text as far as kept, near enough to count its tokens."""
        joined = self._text.decode(errors="replace")
        return joined.replace("\\n", "\n").replace('\\"', '"')

    def _watch(self, whole: bytes) -> bytes:
        signs, framing = self._signs, self._framing
        read = whole if framing.readable is None else framing.readable(whole)
        if signs.fetched is not None and (self.fetched.reading or signs.fetched.search(read)):
            for event in framing.events(whole):
                self._note_turn(event)
        else:
            self._note_text(read, signs.text)
        if signs.done_hint in read and signs.done.search(read):
            self.done = True
        if self.error is None and (b"error" in read or framing.error_hint in read):
            self._note_error(framing.events(whole))
        if signs.usage.search(read) is None:
            return whole
        return b"".join([self._reported(event) if self._tells(event) else event for event in framing.events(whole)])

    def _tells(self, event: bytes) -> bool:
        """Whether an event may say something about usage."""
        read = event if self._framing.readable is None else self._framing.readable(event)
        return self._signs.usage.search(read) is not None

    def _watch_late(self, event: bytes) -> None:
        """A long event that has been passed on. No pattern that is slow goes over all of it, and nothing copies it."""
        if not self._is_result(event):
            for match in self._signs.text.finditer(event):
                start, end = match.span(1)
                self.text_bytes += end - start
                if self.text_bytes <= TEXT_BYTES_KEPT_MAX:
                    self._keep(event[start:end])
            self._note_ends(event)
            self.fetched.read()
        if self._signs.done.search(event[:HEAD_BYTES]):
            self.done = True
        if b"error" in event and self.error is None:
            self._note_error((event,))
        if self._signs.usage.search(event):
            self._reported(event)

    def _note_text(self, whole: bytes, texts: re.Pattern[bytes]) -> None:
        """What was generated, and how far it has come."""
        for text in texts.findall(whole):
            self.text_bytes += len(text)
            if self.text_bytes <= TEXT_BYTES_KEPT_MAX:
                self._keep(text)
        self._note_ends(whole)

    def _keep(self, text: bytes) -> None:
        self._text += text
        self.text_digits += len(text) - len(text.translate(None, _DIGITS))

    def _note_ends(self, whole: bytes) -> None:
        """What has finished, and whether reasoning is shown."""
        signs = self._signs
        if finished := sum(map(bool, signs.finish.findall(whole))):
            self._running -= finished
            self._ended = self._ended or self._running <= 0
        if signs.reasoning_hint in whole and signs.reasoning.search(whole):
            self.shows_reasoning = True

    def _note_turn(self, event: bytes) -> None:
        """One event where the provider runs tools: what they found is nothing that the model wrote."""
        if self._is_result(event):
            return
        before = self.text_bytes
        self._note_text(event, self._signs.text)
        if self.text_bytes > before or _USE in event:
            self.fetched.read()

    def _is_result(self, event: bytes) -> bool:
        """Whether it is what a tool has found that the provider ran; then it is noted."""
        result = self._signs.fetched
        found = None if result is None else result.search(event, 0, HEAD_BYTES)
        if found is None:
            return False
        self.fetched.note(found[1], len(event))
        return True

    def _note_error(self, events: Iterable[bytes]) -> None:
        for event in events:
            data = self._framing.payload(event)
            if self._framing.error.search(event, 0, HEAD_BYTES) or (_ERROR_FIELD.search(data) and _says_error(data)):
                self.error = data
                return

    def _reported(self, event: bytes) -> bytes:
        """An event that carries usage: note it, then pass it on, leave it out, or add the cost."""
        data = self._framing.payload(event)
        seen = self._dialect.report(data, self._quirks, self.report)
        if seen is self.report:
            return event  # It is garbage.
        if seen.failed and self.error is None:
            self.error = data
        if seen.usage is None and not seen.clamped:
            return event  # The words stood in somebody's text.
        self.report = seen
        self._ended = self._ended or seen.last
        if not self._wants_usage:
            return b"" if seen.last else event
        cost = self._price(seen) if seen.usage and self._dialect.shows_cost else None
        return event if cost is None else _with_cost(event, data, cost)


_any_json = msgspec.json.Decoder(msgspec.Raw)


def _is_whole(event: bytes, data: bytes) -> bool:
    """Whether what was left when the stream was over is all of an event: it lacks its empty line, or that was a CR."""
    try:
        _any_json.decode(data)
    except UNREADABLE:
        return data.strip() == b"[DONE]" or event.endswith((b"\r\r", b"\n\r"))
    return True


def _says_error(data: bytes) -> bool:
    """Whether a chunk has an `error` of its own: alone, or, at OpenRouter, beside its other fields."""
    span = splice.find_any(data, "error")
    return span is not None and data[slice(*span)] not in (b"null", b'""')


def _with_cost(event: bytes, data: bytes, cost: Money) -> bytes:
    """Unchanged where `usage` is no object: some tell theirs elsewhere, beside a `null`."""
    span = splice.find_any(data, "usage") or (0, 0)
    usage = data[slice(*span)]
    if not usage.startswith(b"{") or b'"cost"' in usage:
        return event
    return event.replace(data, splice.replace(data, span, splice.append(usage, "cost", cost.decimal.encode())), 1)
