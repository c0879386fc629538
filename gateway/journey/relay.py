"""Passing an answer on, whichever way it comes."""

from __future__ import annotations

from gateway.cache.flights import Head
from gateway.dialects.framing import framing_of
from gateway.journey.passage import Passage
from gateway.journey.streaming import pass_on_stream
from gateway.journey.whole import pass_on_whole


async def pass_on(passage: Passage) -> None:
    """Pass the answer on and settle it. Raises Lost if there was none; afterwards the booking holds the entry."""
    content_type = passage.answer.headers.get("content-type", "application/json")
    arrays = passage.question.request.facts.stream and passage.spoken.signs.arrays
    framing = framing_of(content_type, arrays=arrays)
    if passage.option.carried is not None:
        content_type = passage.option.carried.content_type(content_type)
    if passage.flight is not None:
        passage.flight.begin(Head(content_type, framing is not None))
    if framing is not None:
        await pass_on_stream(passage, framing)
    else:
        await pass_on_whole(passage)
