"""Watching a stream that is translated on its way: the provider's events are read for money, then carried back."""

from __future__ import annotations

from collections.abc import Callable

from gateway.core.errors import GatewayError, UpstreamError
from gateway.core.usage import Report
from gateway.dialects.fetched import Fetched
from gateway.dialects.framing import Framing
from gateway.dialects.watch import StreamWatch
from gateway.translate.edge import StreamTranslation
from gateway.translate.refused import message_of


class TranslatedWatch:
    """What `StreamWatch` is for a stream that passes as it came.

    `watch` reads the provider's events; `shaped` is of the caller's dialect, takes the usage out again that the
    caller did not ask for, and writes the cost in. `worded` says an error in that dialect.
    """

    def __init__(
        self,
        watch: StreamWatch,
        framing: Framing,
        translation: StreamTranslation,
        shaped: StreamWatch,
        worded: Callable[[GatewayError], bytes],
    ) -> None:
        self._watch = watch
        self._framing = framing
        self._splitter = framing.patient()
        self._translation = translation
        self._shaped = shaped
        self._worded = worded
        self._over = False  # An error or the end was passed on, and nothing follows it.
        self._torn = False  # An event was too long to be had whole.

    def feed(self, chunk: bytes) -> bytes:
        """Take what came; return what to pass on."""
        self._watch.feed(chunk)
        whole = self._splitter.feed(chunk)
        self._torn = self._torn or bool(self._splitter.unread_after)
        return self._shaped.feed(self._carried(whole)) if whole else whole

    def finish(self) -> bytes:
        """The stream is over: what is left to pass on, and how the caller's dialect ends if all was said. Once."""
        self._watch.finish()
        carried = self._carried(self._splitter.rest())
        if self.complete and not self._over:
            carried += self._translation.finish()
            self._over = True
        return self._shaped.feed(carried) + self._shaped.finish()

    def refusal(self, error: GatewayError, request_id: str) -> bytes:
        """See `StreamWatch.refusal`."""
        return self._shaped.refusal(error, request_id)

    def _carried(self, whole: bytes) -> bytes:
        """Event by event, up to an error."""
        parts = []
        for event in self._framing.events(whole):
            data = self._framing.payload(event)
            if self._over or not data:
                continue
            if data == self.error:
                self._over = True
                parts.append(
                    self._worded(UpstreamError(message_of(data) or "The provider's stream ended in an error."))
                )
            else:
                parts.append(self._translation.feed(data))
        return b"".join(parts)

    @property
    def complete(self) -> bool:
        """Whether the provider has said all, and all of it could be carried."""
        return self._watch.complete and not self._torn

    @property
    def report(self) -> Report:
        """What the provider has said about itself."""
        return self._watch.report

    @property
    def done(self) -> bool:
        """The provider said that this was all."""
        return self._watch.done

    @property
    def error(self) -> bytes | None:
        """The data of an error event inside the stream."""
        return self._watch.error

    @property
    def shows_reasoning(self) -> bool:
        """Reasoning is part of the stream, and so of the text."""
        return self._watch.shows_reasoning

    @property
    def fetched(self) -> Fetched:
        """What the provider's own tools found."""
        return self._watch.fetched

    @property
    def text_bytes(self) -> int:
        """Of generated text, as the provider's JSON writes it."""
        return self._watch.text_bytes

    @property
    def text_digits(self) -> int:
        """See `StreamWatch`."""
        return self._watch.text_digits

    @property
    def text_bytes_not_kept(self) -> int:
        """See `StreamWatch`."""
        return self._watch.text_bytes_not_kept

    @property
    def text(self) -> str:
        """See `StreamWatch`."""
        return self._watch.text
