"""Reads a YAML file as plain values, keeps where each stands, and replaces references in its texts.

Scalars mean what they mean in YAML 1.2 and to editors: `off` and `2026-12-01` are texts, only true and
false are truth values. Keys are always the text that is written. Aliases are followed; merge keys and
tags are not YAML that anybody needs here, and are refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import yaml

from gateway.config.problems import ConfigError, Problem
from gateway.config.references import References, Source, UnresolvedError

BYTES_MAX = 1 << 20
NODES_MAX = 50_000
"""After aliases are followed: this is what a bomb made of them runs into."""
DEPTH_MAX = 32

KeyPath = tuple[str | int, ...]
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CONSTANTS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_CONSTANTS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, and where its key does. Counted from 1; a value in a list has no key but itself."""

    line: int
    column: int
    key_line: int
    key_column: int


@dataclass(slots=True)
class Document:
    """What a file says. Values that came from references are in `value`, so it is not shown."""

    name: str
    value: dict[str, Any] = field(default_factory=dict, repr=False)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    sources: dict[KeyPath, Source] = field(default_factory=dict)
    unresolved: dict[KeyPath, UnresolvedError] = field(default_factory=dict)
    repeated: list[Problem] = field(default_factory=list)

    def leave_out(self, sections: Collection[str]) -> None:
        """Forget what stands in them, and that references in them lead nowhere."""
        self.value = {key: value for key, value in self.value.items() if key not in sections}
        self.unresolved = {path: error for path, error in self.unresolved.items() if path[0] not in sections}


def read(path: Path, references: References) -> Document:
    """Read a file. Raises ConfigError if it is no YAML at all, or too much of it.

    Mistakes that leave the rest readable are in the document: `unresolved` references, `repeated` keys.
    """
    name = str(path)
    text = _text(path, name)
    try:
        _check_shape(text, name)
        root = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax(name, text, error)]) from None
    except yaml.YAMLError as error:
        raise _refusal(name, None, f"this is not YAML: {getattr(error, 'reason', error)}") from None
    reader = _Reader(Document(name), references)
    if root is None:
        return reader.document
    value = reader.value(root, ())
    if value is not None and not isinstance(value, dict):
        raise _refusal(name, root.start_mark, "a configuration is a mapping, such as `server: {port: 4000}`")
    reader.document.value = value or {}
    return reader.document


def _syntax(name: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark
    lines = text.splitlines()
    in_reference = mark is not None and mark.line < len(lines) and "${" in lines[mark.line]
    hint = 'within { } a reference needs quotes: "${NAME}"' if in_reference else ""
    return replace(_problem(name, mark, f"this is not YAML: {error.problem or error.context}"), hint=hint)


def _text(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
        if len(content) <= BYTES_MAX:
            return content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([Problem(name, 0, 0, f"the file cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(name, line, 1, "the file is not UTF-8")]) from None
    raise ConfigError([Problem(name, 0, 0, f"the file is larger than {BYTES_MAX >> 20} MiB")])


def _check_shape(text: str, name: str) -> None:
    """Look at the file as a flat series of events, before anything recursive does."""
    depth = documents = 0
    for number, event in enumerate(yaml.parse(text, Loader=Loader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if number > 2 * NODES_MAX or depth > DEPTH_MAX:
            raise _refusal(name, event.start_mark, _TOO_MUCH)
        if documents > 1:
            raise _refusal(name, event.start_mark, "a configuration is one YAML document")
        if tag := getattr(event, "tag", None):
            raise _refusal(name, event.start_mark, f"tags such as {tag} are not allowed")


class _Reader:
    """Turns nodes into values, and notes what stands where."""

    def __init__(self, document: Document, references: References) -> None:
        self.document = document
        self._references = references
        self._nodes = 0

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self._nodes += 1
        if self._nodes > NODES_MAX or len(path) > DEPTH_MAX:
            raise _refusal(self.document.name, node.start_mark, _TOO_MUCH)
        self.document.places.setdefault(path, _place(node, node))
        if isinstance(node, yaml.MappingNode):
            return {key: self.value(child, (*path, key)) for key, child in self._pairs(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _pairs(self, node: yaml.MappingNode, path: KeyPath) -> Iterator[tuple[str, yaml.Node]]:
        lines: dict[str, int] = {}
        for key_node, child in node.value:
            mark, key = key_node.start_mark, key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key == "<<":
                raise _refusal(self.document.name, mark, "a key is a plain text; lists, mappings and << are not")
            if key in lines:
                message = f'the key "{key}" is there twice, first in line {lines[key]}'
                self.document.repeated.append(_problem(self.document.name, mark, message))
                continue
            lines[key] = mark.line + 1
            self.document.places[(*path, key)] = _place(child, key_node)
            yield key, child

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        try:
            resolved = self._references.resolve(node.value)
        except UnresolvedError as problem:
            self.document.unresolved[path] = problem
            return node.value.replace("\0", "")
        self.document.sources[path] = resolved.source
        quoted = node.style not in {None, ""}  # The two loaders call plain differently.
        if quoted or "${" in node.value:
            return resolved.text
        return _plain(node.value)


def _plain(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


_TOO_MUCH = f"this is too much: more than {NODES_MAX} values, or {DEPTH_MAX} levels"


class _Mark(Protocol):
    """A point in the file, as both loaders have it. Counted from 0."""

    line: int
    column: int


def _place(value: yaml.Node, key: yaml.Node) -> Place:
    at, key_at = value.start_mark, key.start_mark
    return Place(at.line + 1, at.column + 1, key_at.line + 1, key_at.column + 1)


def _problem(name: str, mark: _Mark | None, message: str) -> Problem:
    return Problem(name, mark.line + 1, mark.column + 1, message) if mark else Problem(name, 0, 0, message)


def _refusal(name: str, mark: _Mark | None, message: str) -> ConfigError:
    return ConfigError([_problem(name, mark, message)])
