"""Passing on an answer that comes in one piece: settled before it goes out, so that its headers tell the exact cost."""

from __future__ import annotations

from gateway.core.entry import Entry, Outcome
from gateway.core.usage import Report
from gateway.journey.passage import Passage
from gateway.upstream.errors import Lost


class NotAnAnswer(Lost):
    """A good status with a body that is nothing of the kind. The provider may have charged."""


async def pass_on_whole(passage: Passage) -> None:
    """Read, settle, pass on. Raises Lost if the answer breaks off or is none.

    A caller that leaves does not end this: what does not stream is charged in full, and others may listen.
    """
    body = await passage.answer.read()
    received = passage.monotonic()
    report = passage.read_report(body)
    try:
        told = passage.for_caller(body)
    except ValueError as error:
        raise NotAnAnswer("The provider answered with something that is no answer.") from error
    if passage.flight is not None:
        passage.flight.add(told)
    outcome = Outcome.CUT if report.failed else Outcome.OK
    if report.usage is not None:
        entry = passage.settle(outcome, passage.answer.status, report, report.usage)
    else:
        entry = await _settle_unreported(passage, outcome, report, body)
    head = passage.headers(entry, passage.answer, received)
    await passage.client.respond(passage.answer.status, head, told)


async def _settle_unreported(passage: Passage, outcome: Outcome, report: Report, body: bytes) -> Entry:
    """The provider does not say what was used: what the request was for tells, or what can be seen is counted, or
    all that is held is booked."""
    opaque = not body.lstrip().startswith(b"{")
    if opaque and not passage.spoken.signs.opaque:
        raise NotAnAnswer("The provider answered with something that is not JSON.")
    usage = passage.charged_by_request
    if usage is not None and not report.failed:
        return passage.settle(outcome, passage.answer.status, report, usage)
    if opaque:
        return passage.settle_in_full(outcome, passage.answer.status)
    watch = passage.watch()
    watch.feed(body + b"\n\n")
    if passage.tells(watch):
        return passage.settle(outcome, passage.answer.status, report, await passage.estimate(watch))
    return passage.settle_in_full(outcome, passage.answer.status)
