"""What is wrong with a configuration, where, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. Lines and columns count from 1; line 0 is a mistake that stands in no file."""

    path: str  # The file as it was named, or "environment".
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """As compilers write it, so that editors can jump there."""
        place = f"{self.path}:{self.line}:{self.column}" if self.line else self.path
        return f"{place}: error: {self.message}{f'; {self.hint}' if self.hint else ''}"


class ConfigError(Exception):
    """The configuration cannot be used. Has every problem that was found, sorted by line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


def closest(word: object, allowed: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The allowed word that is most like this one, whatever the case; None if none is. `alike`: how much at least, from
    0 to 1."""
    by_fold = {name.casefold(): name for name in allowed}
    found = get_close_matches(str(word).casefold(), by_fold, n=1, cutoff=alike)
    return by_fold[found[0]] if found else None


def did_you_mean(word: object, allowed: Iterable[str], *, otherwise: str = "", alike: float = 0.6) -> str:
    """A hint that names the closest allowed word, or else the given one."""
    name = closest(word, allowed, alike=alike)
    return f'did you mean "{name}"?' if name else otherwise


def listed(words: Iterable[str], last: str = "or") -> str:
    """'a, b or c'."""
    *front, end = words
    return f"{', '.join(front)} {last} {end}" if front else end
