"""Passing on an answer that comes in one piece: settled before it goes out, so that its headers tell the exact cost."""

from __future__ import annotations

from gateway.core.entry import Entry, Outcome
from gateway.core.usage import Report
from gateway.journey.passage import Incoming, Passage
from gateway.upstream.errors import Lost


class NotAnAnswer(Lost):
    """A good status with a body that is nothing of the kind. The provider may have charged."""


async def pass_on_whole(passage: Passage) -> None:
    """Read, settle, pass on. Raises Lost if the answer breaks off or is none.

    A caller that leaves does not end this: what does not stream is charged in full, and others may listen.
    """
    passage.client.stays()  # It may have asked for a stream.
    body = await passage.answer.read()
    received = passage.monotonic()
    report = passage.read_report(body)
    try:
        told = passage.for_caller(body)
    except ValueError as error:
        if report.used is not None:  # Nobody can read it, and the provider has said what it charges for it.
            passage.settle(Outcome.FAILED, NotAnAnswer.status, report, report.used)
        raise NotAnAnswer("The provider answered with something that is no answer.") from error
    entry = await _settle(passage, Outcome.OK, report, body)
    if passage.flight is not None:
        passage.flight.add(told)  # Who listens looks at once whether it was paid for.
    head = passage.headers(entry, passage.answer, received)
    await passage.client.respond(passage.answer.status, head, told)


async def settle_unheard_whole(incoming: Incoming, outcome: Outcome) -> None:
    """Nobody wants this answer: read it for what it cost. Raises Lost."""
    body = await incoming.answer.read()
    await _settle(incoming, outcome, incoming.read_report(body), body)


async def _settle(incoming: Incoming, outcome: Outcome, report: Report, body: bytes) -> Entry:
    """By what the provider says was used; else what the request was for tells, or what can be seen is counted, or all
    that is held is booked."""
    outcome, status = Outcome.CUT if report.failed else outcome, incoming.answer.status
    if report.used is not None:
        return incoming.settle(outcome, status, report, report.used)
    opaque = not body.lstrip().startswith(b"{")
    if opaque and not incoming.spoken.signs.opaque:
        raise NotAnAnswer("The provider answered with something that is not JSON.")
    usage = incoming.charged_by_request
    if usage is not None and not report.failed:
        return incoming.settle(outcome, status, report, usage)
    if opaque:
        return incoming.settle_in_full(outcome, status)
    watch = incoming.watch_whole(body)
    if incoming.tells(watch):
        return incoming.settle(outcome, status, report, await incoming.estimate(watch))
    return incoming.settle_in_full(outcome, status)
