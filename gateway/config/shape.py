"""Checks a document's shape, and says in plain words what does not fit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from gateway.config.findings import Findings, dotted
from gateway.config.problems import did_you_mean, listed
from gateway.config.references import Source
from gateway.config.schema import FarewayFile, LimitSection
from gateway.config.units import UnreadableError
from gateway.config.yaml_file import KeyPath

_ENTRIES = frozenset({"providers", "models", "aliases", "tiers", "limits", "telemetry"})
_Context = Mapping[str, Any]
_WORDS: Mapping[str, Callable[[_Context], str]] = {
    "string_type": lambda _: "must be a text",
    "bool_type": lambda _: "must be true or false",
    "bool_parsing": lambda _: "must be true or false",
    "list_type": lambda _: "must be a list, such as [a, b]",
    "frozen_set_type": lambda _: "must be a list, such as [a, b]",
    "dict_type": lambda _: "must be a mapping, such as {key: value}",
    "model_type": lambda _: "must be a mapping, such as {key: value}",
    "too_short": lambda _: "must not be empty",
    "string_too_short": lambda _: "must not be empty",
    "greater_than_equal": lambda context: f"must be {context['ge']} or more",
    "less_than_equal": lambda context: f"must be {context['le']} or less",
    "enum": lambda context: f"must be {context['expected']}".replace("'", ""),
    "literal_error": lambda context: f"must be {context['expected']}".replace("'", ""),
}


@dataclass(frozen=True, slots=True)
class Shaped:
    """The sections of a document, and where something had to be left out because of mistakes in it."""

    file: FarewayFile
    limits: Mapping[int, LimitSection]  # By position in the document; those with mistakes are missing.
    broken: frozenset[KeyPath] = frozenset()


def shaped(findings: Findings) -> Shaped:
    """The document as sections. Notes what does not fit, and goes on with the rest, where more may be wrong."""
    value = findings.document.value
    try:
        file = FarewayFile.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
    else:
        return Shaped(file, dict(enumerate(file.limits)))
    for detail in details:
        _explain(findings, detail)
    broken = frozenset(_removable(detail["loc"]) for detail in details)
    rest = copy.deepcopy(value)
    for path in sorted(broken, key=_last_first):
        _remove(rest, path)
    file = FarewayFile.model_validate(rest)
    good = (index for index in count() if ("limits", index) not in broken)
    return Shaped(file, dict(zip(good, file.limits, strict=False)), broken)


def _removable(path: KeyPath) -> KeyPath:
    """What to leave out for a mistake: an entry that users name or number, else the smallest part."""
    if path[0] in _ENTRIES:
        return path[:2]
    numbered = next((depth for depth, step in enumerate(path) if isinstance(step, int)), len(path))
    return path[:numbered]


def _last_first(path: KeyPath) -> int:
    """Entries of a list are removed from its end, so that those before keep their positions."""
    return -path[-1] if isinstance(path[-1], int) else 0


def _remove(value: Any, path: KeyPath) -> None:
    *parents, last = path
    for step in parents:
        value = value[step]
    del value[last]


def _explain(findings: Findings, detail: ErrorDetails) -> None:
    kind, context, path = detail["type"], detail.get("ctx", {}), detail["loc"]
    at_key = path[-1] == "[key]"
    if at_key:
        path = path[:-1]
    if kind == "extra_forbidden":
        _unknown_key(findings, path)
    elif kind == "missing":
        findings.add(path, "is missing")
    elif isinstance(error := context.get("error"), UnreadableError):
        findings.add(path, _readable(findings, path, error, detail["input"]), error.hint, at_key=at_key)
    else:
        words = _WORDS[kind](context) if kind in _WORDS else detail["msg"]
        hint = did_you_mean(detail["input"], _expected(context)) if isinstance(detail["input"], str) else ""
        findings.add(path, words + findings.shown(path, detail["input"]), hint, at_key=at_key)


def _readable(findings: Findings, path: KeyPath, error: UnreadableError, value: object) -> str:
    """The message and the value, if the value may be shown."""
    if error.quotes:
        return str(error) if findings.source(path) is Source.LITERAL else "cannot be used"
    return f"{error}{findings.shown(path, value)}"


def _expected(context: _Context) -> list[str]:
    """The words that pydantic lists as 'a', 'b' or 'c'."""
    return str(context.get("expected", "")).split("'")[1::2]


def _unknown_key(findings: Findings, path: KeyPath) -> None:
    section = section_at(path[:-1])
    allowed = list(section.model_fields)
    place = dotted(path[:-1]) or "the configuration"
    hint = did_you_mean(path[-1], allowed, otherwise=f"{place} has {listed(allowed, 'and')}")
    findings.add(path, "unknown key", hint, at_key=True)


def section_at(path: KeyPath) -> type[BaseModel]:
    """The section that a path leads to; names that users choose and positions in lists lead no further."""
    section: type[BaseModel] = FarewayFile
    for step in path:
        if isinstance(step, str) and step in section.model_fields:
            section = _section_in(section.model_fields[step].annotation) or section
    return section


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The one section that a field's type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _section_in(part))), None)
