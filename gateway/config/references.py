"""References in configuration texts: ${NAME}, ${NAME:-default} and ${file:/path}. `$${` is a plain `${`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from gateway.config.problems import did_you_mean

ALIKE = 0.8
"""Of names of variables that may be meant: all that end with _API_KEY are alike by more than half."""

FILE_BYTES_MAX = 64 << 10
"""A secret is short; a larger file is a wrong path."""

_TOKEN = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


class Source(Enum):
    """Where a text came from, for the rule that secrets do not stand in the file."""

    LITERAL = auto()  # All of it stands in the file; as does a secret that is the default of a reference.
    MIXED = auto()  # In part: "Bearer ${TOKEN}".
    REFERENCE = auto()  # None of it.


class UnresolvedError(ValueError):
    """A reference leads nowhere. The message has names, never values."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Resolved:
    """A text with its references replaced."""

    text: str = field(repr=False)
    source: Source


@dataclass(frozen=True, slots=True)
class References:
    """Where references are looked up: an environment, and a folder for relative paths of files."""

    environ: Mapping[str, str] = field(repr=False)
    folder: Path

    def resolve(self, text: str) -> Resolved:
        """Replace every reference, once: what comes in is not looked at again. Raises UnresolvedError."""
        literal, defaults, found = _TOKEN.sub("", text), False, False

        def value(match: re.Match[str]) -> str:
            nonlocal found, defaults
            if match[0] == "$${":
                return "${"
            found = True
            replaced, has_default = self._look_up(match[1])
            defaults = defaults or has_default
            return replaced

        replaced = _TOKEN.sub(value, text)
        if "\0" in replaced:
            raise UnresolvedError("a text must not hold a NUL, with which every path and address would end")
        if not found or defaults:
            return Resolved(replaced, Source.LITERAL)
        return Resolved(replaced, Source.MIXED if literal or "$${" in text else Source.REFERENCE)

    def _look_up(self, body: str | None) -> tuple[str, bool]:
        """The value, and whether a default that is not empty stands in the file."""
        if body is None:
            raise UnresolvedError("a reference has no end", 'write ${NAME}, or $${ for a plain "${"')
        if body.startswith("file:"):
            return self._read(body.removeprefix("file:")), False
        match = _NAME.fullmatch(body)
        if match is None:
            raise UnresolvedError("a reference has no valid name", "write ${NAME}, ${NAME:-default} or ${file:/path}")
        return self._variable(match[1], match[2]), bool(match[2])

    def _variable(self, name: str, default: str | None) -> str:
        value = self.environ.get(name)
        if value:
            return value
        if default is not None:
            return default
        state = "not set" if value is None else "empty"
        set_it = f"set it, or give a default: ${{{name}:-…}}"
        hint = did_you_mean(name, self.environ, otherwise=set_it, alike=ALIKE)
        raise UnresolvedError(f"the environment variable {name} is {state}", hint if value is None else "")

    def _read(self, name: str) -> str:
        """A file's text without the line's end that editors put there."""
        if "\0" in name:
            raise UnresolvedError("the name of a file must not hold a NUL")
        try:
            with (self.folder / name).open("rb") as file:
                content = file.read(FILE_BYTES_MAX + 1)
            if len(content) > FILE_BYTES_MAX:
                raise UnresolvedError(f"the file {name} is larger than {FILE_BYTES_MAX >> 10} KiB")
            text = content.decode().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UnresolvedError(f"the file {name} cannot be read: {reason}") from None
        if not text:
            raise UnresolvedError(f"the file {name} is empty")
        return text
