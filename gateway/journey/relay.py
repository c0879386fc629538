"""Passing an answer on, whichever way it comes."""

from __future__ import annotations

from gateway.cache.flights import Head
from gateway.journey.passage import Passage
from gateway.journey.streaming import carry_stream
from gateway.journey.whole import carry_whole


async def carry(passage: Passage) -> None:
    """Pass the answer on and settle it. Raises Lost if there was none; afterwards the booking holds the entry."""
    if passage.flight is not None:
        content_type = passage.answer.headers.get("content-type", "application/json")
        passage.flight.begin(Head(content_type, passage.answer.is_stream))
    if passage.answer.is_stream:
        await carry_stream(passage)
    else:
        await carry_whole(passage)
