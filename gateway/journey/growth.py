"""Growing the hold of a stream before what is generated can pass what is held.

Where other replicas may have what is lacking, it is waited for beside the stream, which goes on with
what it holds: the provider does not wait either.
"""

from __future__ import annotations

import asyncio
from math import inf

from gateway.core.errors import GatewayError, LimitReached, Unavailable
from gateway.core.limit import Fare
from gateway.journey.passage import OUTPUT_BYTES_PER_TOKEN, STOP_S, Passage, Watch
from gateway.limits.holds import to_tell

STEP_MIN = 16
"""Output tokens. To ask for less is not worth it."""


class Growth:
    """One stream's hold on output. Doubles when three quarters of it may be used; where that much is refused, smaller
    steps."""

    def __init__(self, passage: Passage, watch: Watch) -> None:
        self._passage = passage
        self._watch = watch
        self._held = passage.question.output_first(passage.option)
        self._step = self._held
        self._counted = self._counted_bytes = 0  # Output tokens counted exactly, in so many bytes.
        self._scarce = False  # Something was refused: steps only become smaller from then on.
        self._refused: GatewayError | None = None  # Even the smallest step.
        self._waiting: asyncio.Task[None] | None = None  # For what other replicas may give back,
        self._without: GatewayError | None = None  # and what is to be told if the stream runs dry before.
        self._due_from = 0.0  # Of `_bytes`. Every chunk asks.
        self._ceiling = passage.question.ceiling is not None
        if self._ceiling:
            passage.tokens.ready(passage.option.deployment.model)  # It loads while the stream begins.
        self._set_due()

    @property
    def due(self) -> bool:
        """Whether three quarters of what is held may be used by now, and more may be needed."""
        return self._bytes >= self._due_from and self._passage.booking.entry is None

    def _set_due(self) -> None:
        if self._told is None and self._held >= self._passage.option.output_max:
            self._due_from = inf
        else:
            spare = max(self._held // 4, min(self._under_way, self._held // 2))
            most = max(0, self._held - spare - self._counted)
            self._due_from = self._counted_bytes + most * OUTPUT_BYTES_PER_TOKEN

    async def refusal(self) -> GatewayError | None:
        """Extend if there is money. Returns why there is none once all that is held is used, up to what may be made
        before the provider hears of the end."""
        if self._waiting is not None and self._waiting.done():
            self._waiting = self._without = None
        while self._told is None and self.due and self._held < self._passage.option.output_max:
            self._extend()  # Again where much came at once.
            self._set_due()
        if self._told is None or self._made_most < self._held - self._under_way:
            return None
        if not self._countable:  # The provider would go on meanwhile.
            return self._told
        await self._count()
        return self._told if self._counted >= self._held - self._under_way else None

    def close(self) -> None:
        """The stream is over."""
        if self._waiting is not None:
            self._waiting.cancel()

    @property
    def _countable(self) -> bool:
        """Whether to count what has come. Where the caller has said what the call may cost, nobody waits for a
        vocabulary to load."""
        return not self._ceiling or self._passage.tokens.ready(self._passage.option.deployment.model)

    @property
    def _told(self) -> GatewayError | None:
        """Why there is no more, for good or for the moment."""
        return self._refused or self._without

    @property
    def _bytes(self) -> int:
        """Of text, with those of digits twice: most vocabularies make a token of each."""
        return self._watch.text_bytes + self._watch.text_digits

    @property
    def _made_most(self) -> int:
        """Tokens that can have been generated, at most."""
        return self._counted + (self._bytes - self._counted_bytes) // OUTPUT_BYTES_PER_TOKEN

    @property
    def _under_way(self) -> int:
        """What is kept back for tokens that may be generated before an abort is noticed."""
        return self._passage.under_way(self._made_most, STOP_S)

    async def _count(self) -> None:
        """Most text has more bytes a token than the least: exactly, there may be room for a good deal more."""
        counted_bytes = self._bytes
        self._counted = await self._passage.count_made(self._watch)
        self._counted_bytes = counted_bytes  # Not before: a caller that leaves meanwhile may leave others who listen.
        self._set_due()

    def _extend(self) -> None:
        """By a step, or as much of one as is not refused."""
        option, request = self._passage.option, self._passage.question.request
        while self._refused is None or self._step >= STEP_MIN:
            more = min(option.output_max, self._held + self._step)
            fare, worst = option.worst(request, for_money=more, for_count=more)
            try:
                self._passage.booking.extend(fare, worst)
            except (LimitReached, Unavailable) as refusal:
                if self._waits_for_others(fare, refusal):
                    return
                self._refused, self._scarce, self._step = refusal, True, self._step // 2
            else:
                self._refused, self._held = None, more
                self._step = self._step if self._scarce else more
                return

    def _waits_for_others(self, fare: Fare, refusal: GatewayError) -> bool:
        waiting = self._passage.booking.wait_for_room(fare) if isinstance(refusal, LimitReached) else None
        if waiting is None:
            return False
        self._waiting, self._without, self._refused = asyncio.create_task(waiting), to_tell(refusal), None
        return True
