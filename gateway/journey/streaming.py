"""Carrying an answer that streams: bytes as they come, the hold grown, the cost settled however it ends.

Nothing here looks inside HTTP. A vanished caller is a ConnectionError or a cancelled task; a broken
provider is Lost.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from gateway.core.entry import Outcome
from gateway.core.errors import GatewayError
from gateway.dialects.watch import StreamWatch
from gateway.journey.growth import Growth
from gateway.journey.passage import DRAIN_S_MAX, Passage, resume
from gateway.upstream.wire import Lost

CATCH_UP_S_MAX = 1.0
"""How long we read on, before hanging up, what the provider has sent already."""

BACKLOG_BYTES = 16 << 10
"""A read that brings more comes from full buffers; one that brings less may have emptied them."""

PAUSE_S = 0.02
PAUSES = 3
"""Nothing or little for so long, so often in a row: we have all that it has sent."""

log = logging.getLogger("fareway.streaming")


async def carry_stream(passage: Passage) -> None:
    """Pass the stream on to its end. However it ends, the booking is settled then."""
    watch = passage.watch()
    try:
        refused = await _pump(passage, watch)
        if refused is not None:
            await _stop(passage, watch, refused)
        else:
            await _end(passage, watch)
    except Lost as error:
        await _cut(passage, watch, error)
    except (ConnectionError, asyncio.CancelledError):
        await _hung_up(passage, watch)
        raise


async def _pump(passage: Passage, watch: StreamWatch) -> GatewayError | None:
    """Chunk by chunk until the provider closes. Returns early with the refusal when the money held is used up."""
    growth = Growth(passage, watch)
    began = passage.monotonic()
    await passage.client.start(passage.answer.status, passage.headers(passage.booking.draft, passage.answer, began))
    while chunk := await passage.answer.next_chunk():
        if passage.first_token_ms is None:
            passage.first_token_ms = round((passage.monotonic() - began) * 1000)
        if passage.flight is not None:
            passage.flight.add(chunk)
        out = watch.feed(chunk)
        if watch.done and passage.booking.entry is None:  # Settled before the caller sees the end.
            await _settle(passage, watch)
        if out:
            await passage.client.write(out)
        if (refused := growth.needed()) is not None:
            return refused
    return None


async def _end(passage: Passage, watch: StreamWatch) -> None:
    """The provider closed the stream. Without its last word, that is no clean end."""
    rest = watch.finish()
    if not watch.done and watch.report.usage is None and watch.error is None:
        raise Lost("The provider's stream ended before it was complete.")
    if passage.booking.entry is None:
        await _settle(passage, watch)
    if rest:
        await passage.client.write(rest)
    await passage.client.finish()


async def _settle(passage: Passage, watch: StreamWatch) -> None:
    usage = watch.report.usage or await passage.estimate(watch)
    outcome = Outcome.OK if watch.error is None else Outcome.CUT
    passage.settle(outcome, passage.answer.status, watch.report, usage)


async def _stop(passage: Passage, watch: StreamWatch, refused: GatewayError) -> None:
    """What was held is used up and there is no more: end the stream in the caller's own dialect."""
    await _abort(passage, watch)
    await _settle_partly(passage, watch, Outcome.STOPPED, passage.answer.status)
    await _say_last(passage, refused)


async def _cut(passage: Passage, watch: StreamWatch, error: Lost) -> None:
    """The provider broke off. Never a clean end: clients must see that something is missing."""
    log.warning("%s: %s", passage.option.candidate.name, error)
    passage.answer.close()
    if passage.booking.entry is not None:  # It had said that this was all.
        await passage.client.finish()
        return
    await _settle_partly(passage, watch, Outcome.CUT, passage.answer.status)
    await _say_last(passage, error)


async def _say_last(passage: Passage, error: GatewayError) -> None:
    question = passage.question
    await passage.client.write(question.dialect.stream_error(error, question.request.id))
    await passage.client.finish()


async def _hung_up(passage: Passage, watch: StreamWatch) -> None:
    """The caller is gone. Where others listen, or the provider goes on charging, read on; else abort."""
    resume()
    if passage.booking.entry is not None:
        return
    listened = passage.flight is not None and passage.flight.followers > 0
    if listened or passage.option.deployment.provider.bills_after_abort:
        await _drain(passage, watch)
    await _abort(passage, watch)
    if watch.done and watch.report.usage is not None and listened:
        passage.settle(Outcome.OK, passage.answer.status, watch.report, watch.report.usage)
    elif watch.error is not None:  # Clients leave as soon as they read the provider's error.
        await _settle_partly(passage, watch, Outcome.CUT, passage.answer.status)
    else:
        await _settle_partly(passage, watch, Outcome.HUNG_UP, 499)


async def _abort(passage: Passage, watch: StreamWatch) -> None:
    """Hang up on the provider. A caller that reads slowly may be far behind it, and what it has sent is charged."""
    deadline = passage.monotonic() + CATCH_UP_S_MAX
    pauses = 0
    with suppress(Lost):
        while pauses < PAUSES and passage.monotonic() < deadline:
            try:
                async with asyncio.timeout(PAUSE_S):
                    chunk = await passage.answer.next_chunk()
            except TimeoutError:
                pauses += 1
                continue
            if not chunk:
                break
            watch.feed(chunk)
            pauses = 0 if len(chunk) > BACKLOG_BYTES else pauses + 1
    passage.answer.close()


async def _drain(passage: Passage, watch: StreamWatch) -> None:
    try:
        async with asyncio.timeout(DRAIN_S_MAX):
            while chunk := await passage.answer.next_chunk():
                watch.feed(chunk)
                if passage.flight is not None:
                    passage.flight.add(chunk)
    except (Lost, TimeoutError):
        return


async def _settle_partly(passage: Passage, watch: StreamWatch, outcome: Outcome, status: int) -> None:
    """Without a last word, what came is counted. Where that does not tell what was made, all that is held is booked."""
    if watch.report.usage is not None:
        passage.settle(outcome, status, watch.report, watch.report.usage)
    elif watch.text_bytes and not (passage.option.may_reason_unseen and not watch.shows_reasoning):
        passage.settle(outcome, status, watch.report, await passage.estimate(watch))
    else:
        passage.booking.settle_in_full(outcome, status)
