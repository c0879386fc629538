"""Collects what is wrong with one document, at the place of each mistake, and at most one mistake a place."""

from __future__ import annotations

from gateway.config.problems import Problem
from gateway.config.references import Source
from gateway.config.yaml_file import Document, KeyPath, Place

ENVIRONMENT = "environment"
SHOWN_MAX = 40
_NEVER_SHOWN = ("providers", "state", "ledger", "alerts")
"""Secrets stand here, or addresses that may hold one; also where a slip of the pen would put them."""


class Findings:
    """The problems of a document so far."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = list(document.repeated)
        self._taken: set[KeyPath] = set()
        for path, error in document.unresolved.items():
            self.add(path, str(error), error.hint)

    def add(self, path: KeyPath, message: str, hint: str = "", *, at_key: bool = False) -> None:
        """Note a mistake in the value at this path, or in its key. The first one at a place is the one to mend."""
        if path in self._taken:
            return
        self._taken.add(path)
        place = self._place(path)
        line, column = (place.key_line, place.key_column) if at_key else (place.line, place.column)
        text = f"{dotted(path)}: {message}" if path else message
        self.problems.append(Problem(self.document.name, line, column, text, hint))

    def at(self, path: KeyPath) -> bool:
        """Whether a mistake was noted at this place."""
        return path in self._taken

    def add_environment(self, message: str) -> None:
        """Note a mistake that stands in an environment variable."""
        self.problems.append(Problem(ENVIRONMENT, 0, 0, message))

    def shown(self, path: KeyPath, value: object) -> str:
        """', not "this"' for a scalar that stands in the file and cannot be a secret; else nothing."""
        literal = self.document.sources.get(path) is Source.LITERAL and path[0] not in _NEVER_SHOWN
        if not literal or path == ("prices", "feed") or not isinstance(value, str | int | float):
            return ""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f', not "{text[:SHOWN_MAX]}{"…" if len(text) > SHOWN_MAX else ""}"'

    def named(self, path: KeyPath, name: str) -> str:
        """'"x"', or words in its place if the name comes from a reference."""
        return f'"{name}"' if self.source(path) is Source.LITERAL else "of that name"

    def source(self, path: KeyPath) -> Source:
        """Where the text at this path came from."""
        return self.document.sources.get(path, Source.LITERAL)

    def line(self, path: KeyPath) -> int:
        """The line of a value, or of what it is missing from."""
        return self._place(path).line

    def _place(self, path: KeyPath) -> Place:
        while path and path not in self.document.places:
            path = path[:-1]
        return self.document.places.get(path, Place(0, 0, 0, 0))


def dotted(path: KeyPath) -> str:
    """A path as people write it: limits[0].window."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")
