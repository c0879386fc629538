"""Carrying an answer that comes in one piece: settled before it goes out, so that its headers tell the exact cost."""

from __future__ import annotations

import asyncio

from gateway.core.entry import Outcome
from gateway.journey.passage import DRAIN_S_MAX, Passage, resume
from gateway.upstream.wire import Lost


class NotAnAnswer(Lost):
    """A good status with a body that is nothing of the kind. The provider may have charged."""


async def carry_whole(passage: Passage) -> None:
    """Read, settle, pass on. Raises Lost if the answer breaks off or is none."""
    body = await _read_to_the_end(passage)
    received = passage.monotonic()
    report = passage.read_report(body)
    usage = report.usage
    if usage is None:
        if not body.lstrip().startswith(b"{"):
            raise NotAnAnswer("The provider answered with something that is not JSON.")
        watch = passage.watch()
        watch.feed(body + b"\n\n")
        usage = await passage.estimate(watch)
    if passage.flight is not None:
        passage.flight.add(body)
    entry = passage.settle(Outcome.OK, passage.answer.status, report, usage)
    head = passage.headers(entry, passage.answer, received)
    await passage.client.respond(passage.answer.status, head, body)


async def _read_to_the_end(passage: Passage) -> bytes:
    """The whole body, even if the caller leaves meanwhile: a call that does not stream bills in full."""
    try:
        return await passage.answer.read()
    except asyncio.CancelledError:
        await _settle_unheard(passage)
        raise


async def _settle_unheard(passage: Passage) -> None:
    resume()
    try:
        async with asyncio.timeout(DRAIN_S_MAX):
            report = passage.read_report(await passage.answer.read())
    except (Lost, TimeoutError):
        passage.booking.settle_in_full(Outcome.HUNG_UP, 499)
        return
    if report.usage is None:
        passage.booking.settle_in_full(Outcome.HUNG_UP, 499)
    else:
        passage.settle(Outcome.HUNG_UP, 499, report, report.usage)
