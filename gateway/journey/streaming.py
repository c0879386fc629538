"""Passing on an answer that streams: bytes as they come, the hold grown, the cost settled however it ends.

Nothing here looks inside HTTP. A vanished caller is a ConnectionError or a cancelled task; a broken
provider is Lost.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing, suppress

from gateway.core.entry import Outcome
from gateway.core.errors import GatewayError
from gateway.dialects.framing import Framing
from gateway.journey.growth import Growth
from gateway.journey.nobody import Nobody
from gateway.journey.passage import DRAIN_S_MAX, Incoming, Passage, Watch, resume
from gateway.upstream.errors import Lost

CATCH_UP_S_MAX = 3.0
"""How long we read on, before hanging up, what the provider has sent already."""

PAUSE_S = 0.02
PAUSES = 3
"""Nothing or little for so long, so often in a row: we have all that it has sent."""

BACKLOG_BYTES = 16 << 10
"""In which more comes from full buffers, and no more is little."""

log = logging.getLogger("fareway.streaming")


async def pass_on_stream(passage: Passage, framing: Framing) -> None:
    """Pass the stream on to its end. However it ends, the booking is settled then."""
    watch = passage.watch(framing)
    with closing(Growth(passage, watch)) as growth:
        try:
            began = passage.monotonic()
            headers = passage.headers(passage.booking.draft, passage.answer, began)
            await passage.client.start(passage.answer.status, headers)
            await _pass_on(passage, watch, growth)
        except (ConnectionError, asyncio.CancelledError):
            await _hung_up(passage, watch, growth)
            raise


async def settle_unheard_stream(incoming: Incoming, framing: Framing, outcome: Outcome) -> None:
    """Nobody wants this stream. It is read to its end only where the provider charges for that anyway."""
    watch = incoming.watch(framing)
    await _leave(incoming, watch)
    await _settle(incoming, watch, outcome)


async def _pass_on(passage: Passage, watch: Watch, growth: Growth) -> None:
    """All that comes, and then what it comes to. Raises ConnectionError once the caller is gone."""
    try:
        refused = await _pump(passage, watch, growth)
        if refused is not None:
            await _stop(passage, watch, refused)
        else:
            await _end(passage, watch)
    except Lost as error:
        await _cut(passage, watch, error)


async def _pump(passage: Passage, watch: Watch, growth: Growth) -> GatewayError | None:
    """Chunk by chunk until the provider closes. Returns early with the refusal when the money held is used up."""
    last = b""

    def pass_chunk_on(chunk: bytes) -> bool:
        """Pass it on in the turn in which it came, unless there is something to wait for first."""
        nonlocal last
        if passage.first_token_ms is None:
            passage.first_token_ms = passage.booking.elapsed_ms
            passage.booking.writing()
            passage.begun()
        out = watch.feed(chunk)
        if watch.done and passage.booking.entry is None:
            last = out
            return False
        return passage.client.offer(out) and not growth.due

    while await passage.answer.each(pass_chunk_on):
        if watch.done and passage.booking.entry is None:  # Settled before the caller sees the end.
            await _settle(passage, watch, Outcome.OK)
            passage.client.offer(last)
        await passage.client.keep_up()
        if growth.due and (refused := await growth.refusal()) is not None:
            return refused
    return None


async def _end(passage: Passage, watch: Watch) -> None:
    """The provider closed the stream. Without its last word, that is no clean end."""
    rest = watch.finish()
    if not watch.complete and watch.error is None:
        raise Lost("The provider's stream ended before it was complete.")
    if passage.booking.entry is None:
        await _settle(passage, watch, Outcome.OK)
    await _finish(passage, rest)


async def _finish(passage: Passage, rest: bytes) -> None:
    if rest:
        await passage.client.write(rest)
    await passage.client.finish()


async def _stop(passage: Passage, watch: Watch, refused: GatewayError) -> None:
    """What was held is used up and there is no more: end the stream in the caller's own dialect, whoever listens."""
    passage.client.stays()  # It is booked to the end, whoever leaves while what came is counted.
    await _leave(passage, watch)
    await _settle(passage, watch, Outcome.STOPPED)
    await _say_last(passage, watch, refused)


async def _cut(passage: Passage, watch: Watch, error: Lost) -> None:
    """The provider broke off. Never a clean end: clients must see that something is missing."""
    passage.client.stays()
    log.warning("%r: %s", passage.option.candidate.name, error)
    passage.answer.close()
    if passage.booking.entry is not None:  # It had said that this was all.
        await _finish(passage, watch.finish())
        return
    await _settle(passage, watch, Outcome.CUT)
    await _say_last(passage, watch, error)


async def _say_last(passage: Passage, watch: Watch, error: GatewayError) -> None:
    await passage.client.write(watch.refusal(error, passage.question.request.id))
    await passage.client.finish()


async def _hung_up(passage: Passage, watch: Watch, growth: Growth) -> None:
    """The caller is gone. What it leaves behind may still be of use to others: it goes on for them, under the same
    hold."""
    passage.client.stays()  # Where a write has told of it, the connection is lost only now, and must not end this.
    resume()
    if passage.booking.entry is not None:
        watch.finish()  # What is kept of it has its end, too.
    elif passage.listened:
        passage.client = Nobody()
        await _pass_on(passage, watch, growth)
    else:
        await _leave(passage, watch)
        await _settle(passage, watch, Outcome.HUNG_UP)


async def _settle(passage: Incoming, watch: Watch, outcome: Outcome) -> None:
    """Book what the stream came to: by the provider's last word; else what came is counted; and where that does
    not tell what was made, all that is held, if it is not less."""
    if watch.error is not None and outcome is not Outcome.STOPPED:
        outcome = Outcome.CUT  # Callers leave as soon as they read an error: theirs was not the first step.
    status = 499 if outcome is Outcome.HUNG_UP else passage.answer.status
    if watch.complete and (used := watch.report.used) is not None:
        passage.settle(outcome, status, watch.report, used)
    elif not (passage.tells(watch) or watch.fetched.turns):
        passage.settle_in_full(outcome, status)
    else:
        usage = await passage.estimate(watch)
        told = passage.tells(watch) and (watch.complete or not passage.behind)  # Else more was made than came.
        if told or passage.costs_more_than_held(usage, watch.report):
            passage.settle(outcome, status, watch.report, usage)
        else:
            passage.settle_in_full(outcome, status)


async def _leave(passage: Incoming, watch: Watch) -> None:
    """No more of this stream is wanted. Read on where the provider goes on charging; else abort."""
    if passage.flight is not None:
        passage.flight.give_up()
    if passage.option.deployment.provider.bills_after_abort:
        await _drain(passage, watch)
    else:
        await _catch_up(passage, watch)
    passage.answer.close()


async def _catch_up(passage: Incoming, watch: Watch) -> None:
    """Read what has come before hanging up: a slow caller may be far behind, and what was sent is charged."""
    deadline = passage.monotonic() + CATCH_UP_S_MAX
    pauses = 0
    with suppress(Lost):
        while pauses < PAUSES and passage.monotonic() < deadline:
            came = await _came(passage, watch, PAUSE_S)
            if came is None:
                return
            pauses = 0 if came > BACKLOG_BYTES else pauses + 1
        passage.behind = pauses < PAUSES
        await asyncio.sleep(0)  # A loop that was kept waiting hears that time is up before it looks at what has come.
        await _came(passage, watch, 0)


async def _came(passage: Incoming, watch: Watch, within_s: float) -> int | None:
    """Bytes that came within this time, read; None once that was all. Raises Lost."""
    came = 0
    try:
        async with asyncio.timeout(within_s):
            while chunk := await passage.answer.next_chunk():
                came += len(chunk)
                watch.feed(chunk)
    except TimeoutError:
        return came
    return None


async def _drain(passage: Incoming, watch: Watch) -> None:
    try:
        async with asyncio.timeout(DRAIN_S_MAX):
            while chunk := await passage.answer.next_chunk():
                watch.feed(chunk)
    except Lost:
        return
    except TimeoutError:
        passage.behind = True  # It goes on, and charges.
