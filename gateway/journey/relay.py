"""Passing an answer on, whichever way it comes; or reading one that nobody wants for what it cost."""

from __future__ import annotations

from gateway.cache.flights import Head
from gateway.core.entry import Outcome
from gateway.dialects.framing import Framing, framing_of
from gateway.journey.passage import Incoming, Passage
from gateway.journey.streaming import pass_on_stream, settle_unheard_stream
from gateway.journey.whole import pass_on_whole, settle_unheard_whole


async def pass_on(passage: Passage) -> None:
    """Pass the answer on and settle it. Raises Lost if there was none; afterwards the booking holds the entry."""
    content_type, framing = _framed(passage)
    if passage.option.carried is not None:
        content_type = passage.option.carried.content_type(content_type)
    if passage.flight is not None:
        passage.flight.begin(Head(content_type, framing is not None))
    if framing is not None:
        await pass_on_stream(passage, framing)
    else:
        await pass_on_whole(passage)


async def settle_unheard(incoming: Incoming, outcome: Outcome) -> None:
    """Settle an answer that nobody wants: ended where that saves something, else read. Raises Lost."""
    _, framing = _framed(incoming)
    if framing is not None:
        await settle_unheard_stream(incoming, framing, outcome)
    else:
        await settle_unheard_whole(incoming, outcome)


def _framed(incoming: Incoming) -> tuple[str, Framing | None]:
    """The content type of the answer, and how it is framed; None for one that comes as a whole."""
    content_type = incoming.answer.headers.get("content-type", "application/json")
    arrays = incoming.question.request.facts.stream and incoming.spoken.signs.arrays
    return content_type, framing_of(content_type, arrays=arrays)
