"""The results of a batch, one JSON object a line, as the reports of ordinary answers.

No answer of OpenAI's says that it is a batch's: the condition is added to every report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.core.price import conditions
from gateway.core.usage import Report
from gateway.dialects.base import Dialect, Quirk
from gateway.dialects.openai_usage import NO_QUIRKS, UNREADABLE

BATCH = "batch"


class Result(NamedTuple):
    """One line."""

    custom_id: str  # The caller's own name for the call.
    report: Report
    answer: bytes = b""  # As an ordinary call would have got it; empty for one that was not answered well.


class _Response(msgspec.Struct):
    status_code: int = 200
    body: msgspec.Raw = msgspec.Raw()


class _Result(msgspec.Struct):
    type: str = ""
    message: msgspec.Raw = msgspec.Raw()


class _Line(msgspec.Struct):
    custom_id: Any = None
    response: _Response | None = None  # OpenAI.
    result: _Result | None = None  # Anthropic.
    error: Any = None


_lines = msgspec.json.Decoder(_Line)


def read_results(lines: Iterable[bytes], dialect: Dialect, quirks: frozenset[Quirk] = NO_QUIRKS) -> Iterator[Result]:
    """A report for each line that is a result, read as `dialect` reads whole answers. One of a call that failed has
    no usage: nothing is charged for it. Lines that are none are left out."""
    for line in lines:
        try:
            said = _lines.decode(line)
        except UNREADABLE:
            continue
        message = _message(said)
        report = _report(said, message, dialect, quirks)
        good = not report.failed and (said.response is None or said.response.status_code < 300)
        yield Result(said.custom_id if isinstance(said.custom_id, str) else "", report, message if good else b"")


def _message(said: _Line) -> bytes:
    return bytes(said.response.body if said.response is not None else said.result.message if said.result else b"")


def _report(said: _Line, message: bytes, dialect: Dialect, quirks: frozenset[Quirk]) -> Report:
    if not message:
        return Report(failed=True)
    report = dialect.report(message, quirks)
    named = (report.service_tier or "").split(",")
    return replace(report, service_tier=conditions(*{BATCH, *named}), failed=report.failed or bool(said.error))
