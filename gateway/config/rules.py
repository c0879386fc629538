"""Limits and price overrides from their sections."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.config.findings import Findings, dotted
from gateway.config.problems import did_you_mean, listed
from gateway.config.references import Source
from gateway.config.schema import LimitSection
from gateway.config.units import UnreadableError
from gateway.config.windows import NAMED, span_of, start_of
from gateway.config.yaml_file import KeyPath
from gateway.core.limit import Limit, Span, Start, Unit
from gateway.prices.overrides import OTHERS, Override, OverrideError, read_override
from gateway.prices.spelled import RATES


def limits(sections: Mapping[int, LimitSection], findings: Findings) -> tuple[Limit, ...]:
    """The rules, from sections by their position. Notes those that lack a window or repeat another."""
    result: dict[str, tuple[int, Limit]] = {}
    for index, section in sections.items():
        path: KeyPath = ("limits", index)
        limit = _limit(section, path, findings)
        if limit is not None and limit.id in result:
            line = findings.line(("limits", result[limit.id][0]))
            message = f"is for the same node, unit and window as the limit in line {line}"
            findings.add(path, message, "keep one of them")
        elif limit is not None:
            result[limit.id] = (index, limit)
    return tuple(limit for _, limit in result.values())


def _limit(section: LimitSection, path: KeyPath, findings: Findings) -> Limit | None:
    unit, amount = section.amount
    if unit is Unit.CONCURRENT and section.window is not None:
        findings.add((*path, "window"), "calls in flight have no window; leave it out", at_key=True)
        return None
    if unit is not Unit.CONCURRENT and section.window is None:
        findings.add((*path, "window"), "is missing", f"{unit} need one of {listed((*NAMED, 'rolling 30d'))}")
        return None
    if unit is Unit.CONCURRENT and section.alert:
        findings.add((*path, "alert"), "calls in flight are never spent; leave it out", at_key=True)
        return None
    span, rolling_s = (Span.RUNNING, 0) if section.window is None else span_of(section.window)
    start = _start(section.start, span, (*path, "start"), findings)
    allowed = section.store_outage
    if allowed is not None and allowed.unit is not unit:
        findings.add((*path, "store_outage"), f"must be in {unit}, as the amount of the limit is")
        return None
    if start is None:
        return None
    return Limit(
        section.node,
        unit,
        amount,
        span,
        section.timezone,
        section.mode,
        section.hold,
        start=start,
        rolling_s=rolling_s,
        alert=tuple(sorted(set(section.alert))),
        outage=0 if allowed is None else allowed.amount,
    )


def _start(text: str | None, span: Span, path: KeyPath, findings: Findings) -> Start | None:
    """Where its windows begin; None, and noted, if that does not fit the window."""
    if text is None:
        return Start()
    try:
        return start_of(span, text)
    except UnreadableError as error:
        findings.add(path, str(error) + findings.shown(path, text), error.hint)
        return None


def overrides(entries: Sequence[dict[str, Any]], findings: Findings) -> tuple[Override, ...]:
    """The user's own prices. Notes those that cannot be read."""
    result = []
    for index, entry in enumerate(entries):
        path: KeyPath = ("prices", "overrides", index)
        allowed = (*RATES, *OTHERS)
        unknown = [key for key in entry if key not in allowed]
        for key in unknown:
            hint = did_you_mean(key, allowed, otherwise=f"a price has {listed(sorted(allowed), 'and')}")
            findings.add((*path, key), "unknown key", hint, at_key=True)
        if not unknown:
            result += _override(entry, path, findings)
    return tuple(result)


def _override(entry: dict[str, Any], path: KeyPath, findings: Findings) -> list[Override]:
    where = dotted(path)
    try:
        return [read_override(entry, where, "override")]
    except OverrideError as error:
        message = str(error).removeprefix(where)
    key = re.match(r"\.(\w+) ", message)
    if key is not None:
        path, message = (*path, key[1]), message[key.end() :]
        if findings.source(path) is not Source.LITERAL:  # The message may quote the value.
            message = "is not what it must be"
    findings.add(path, message.strip())
    return []
