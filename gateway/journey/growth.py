"""Growing the hold of a stream before what is generated can pass what is held."""

from __future__ import annotations

from gateway.core.errors import GatewayError, LimitReached, Unavailable
from gateway.dialects.watch import StreamWatch
from gateway.journey.passage import OUTPUT_BYTES_PER_TOKEN, Passage


class Growth:
    """One stream's hold on output. Doubles when half of it may be used."""

    def __init__(self, passage: Passage, watch: StreamWatch) -> None:
        self._passage = passage
        self._watch = watch
        self._held = passage.question.output_first(passage.option)
        self._refused: GatewayError | None = None

    def needed(self) -> GatewayError | None:
        """Extend if it is time. Returns the refusal once all that is held may be used and there is no more."""
        made = self._watch.text_bytes // OUTPUT_BYTES_PER_TOKEN
        if made * 2 < self._held or self._passage.booking.entry is not None:
            return None
        if self._refused is None and self._held < self._passage.option.output_max:
            self._extend()
        return self._refused if made >= self._held else None

    def _extend(self) -> None:
        option, request = self._passage.option, self._passage.question.request
        more = min(option.output_max, self._held * 2)
        try:
            self._passage.booking.extend(*option.worst(request, for_money=more, for_count=more))
        except (LimitReached, Unavailable) as refusal:
            self._refused = refusal
        else:
            self._held = more
