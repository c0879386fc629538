"""Streams over every edge, event by event: nothing raises, each event is one of the caller's dialect, and the tokens
are those that the provider told."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from fuzz.golden import streams
from fuzz.promises import check_report, mixed, same_tokens
from fuzz.targets.translate_answer import ASKED, told
from fuzz.targets.translate_request import utf8
from fuzz.targets.watch import is_json

from gateway.core.usage import Report
from gateway.dialects import aws_events, sse
from gateway.dialects.framing import AWS, SSE
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX
from gateway.dialects.spoken import DIALECTS
from gateway.dialects.watch import StreamWatch
from gateway.translate.edges import EDGES

HEAD = 3
"""Which edge; which quirks; what the caller asked."""

JSON = True

ANTHROPIC = ("message_start", "message_delta", "message_stop", "ping", "error")
ANTHROPIC += ("content_block_start", "content_block_delta", "content_block_stop")
"""Events that mean something: https://platform.claude.com/docs/en/build-with-claude/streaming"""


def check(data: bytes) -> None:
    """See the module. A line is the data of an event; errors are not given to a translation."""
    if len(data) < HEAD or not utf8(data[HEAD:]):
        return
    index, about = data[0] % len(EDGES), told(data[0] % len(EDGES), data[1], data[2])
    edge = EDGES[index]
    framing = AWS if edge.outbound.startswith("bedrock") else SSE
    watch = StreamWatch(DIALECTS[edge.outbound], about.quirks, wants_usage=True, price=lambda _: None, framing=framing)
    translation, out, meant = edge.stream(about), b"", None
    for line in data[HEAD:].split(b"\n"):
        watch.feed(_framed(line, binary=framing is AWS))
        if watch.error is not None:
            return
        out += translation.feed(line) if line else b""
        meant = watch.report if meant is None and watch.done else meant  # Nothing of what follows is for the caller.
    watch.finish()
    out += translation.finish() if watch.complete else b""
    said, meant = _well_said(edge.inbound, out), watch.report if meant is None else meant
    if mixed(edge.outbound, data[HEAD:]):
        return
    if watch.complete and meant.usage is not None and _in_order(data[HEAD:], edge.outbound):
        _same(said, meant)


def _in_order(lines: bytes, dialect: str) -> bool:
    """Whether the events mean something, in this order: Anthropic's build on the first."""
    if not all(is_json(line) for line in lines.split(b"\n") if line != b"[DONE]"):
        return False
    if not all(_kinds(json.loads(line)) <= _recorded(dialect) for line in lines.split(b"\n") if line.startswith(b"{")):
        return False
    if dialect not in ("anthropic-messages", "bedrock-invoke"):
        return True
    if not all(json.loads(line).get("type") in ANTHROPIC for line in lines.split(b"\n") if line.startswith(b"{")):
        return False
    start, stop = b'"message_start"', b'"message_stop"'
    first, _, rest = lines.partition(b"\n")
    return start in first and start not in rest and stop not in rest.rpartition(b"\n")[0]


def _kinds(found: Any) -> set[tuple[str, type]]:
    """Of what kind the value is, or are the values, that stand under each name, however deep."""
    kinds, left = set[tuple[str, type]](), [("", found)]
    while left:
        name, value = left.pop()
        kinds.add((name, type(value)))
        if isinstance(value, dict):
            left += value.items()
        elif isinstance(value, list):
            left += [(f"{name}[]", one) for one in value]
    return kinds


@cache
def _recorded(dialect: str) -> set[tuple[str, type]]:
    """The same of all recorded streams: what is of another kind, or has another name, is garbage."""
    edges = [edge for edge in EDGES if edge.outbound == dialect]
    lines = [line for edge in edges for stream in streams(edge) for line in stream.split(b"\n")]
    return set().union(*(_kinds(json.loads(line)) for line in lines if line.startswith(b"{") and is_json(line)))


def _framed(line: bytes, *, binary: bool) -> bytes:
    return aws_events.message(b"", line) if binary else b"data: " + line + b"\n\n"


def _well_said(dialect: str, stream: bytes) -> Report:
    """What events of this dialect say; each of them is one."""
    report = Report()
    for event in sse.events(stream):
        data = sse.payload(event)
        assert event.endswith(b"\n\n")
        assert data == b"[DONE]" or isinstance(json.loads(data), dict)
        report = DIALECTS[dialect].report(data, frozenset(), report)
    check_report(report)
    return report


def _same(said: Report, meant: Report) -> None:
    """What stands beside garbage may be left out, and nothing else is told in its place."""
    assert meant.usage is not None
    beyond = meant.usage.tokens > TOKENS_CREDIBLE_MAX
    if said.usage is None or not said.usage.tokens or meant.clamped or beyond:
        return
    assert said.clamped or same_tokens(said.usage, meant.usage)


def seeds() -> Iterable[bytes]:
    """Every recorded stream."""
    for index, edge in enumerate(EDGES):
        for number, lines in enumerate(streams(edge)):
            yield bytes((index, 0, number % len(ASKED))) + lines
