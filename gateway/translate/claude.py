"""What Claude models take, by their version: not all that Anthropic's API knows is for all of them.

Sources: https://platform.claude.com/docs/en/about-claude/models/migration-guide (sampling, budgets),
https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking, …/effort, …/structured-outputs.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?![\d.])")
_NEWEST = (99, 0)
_OTHERS = (4, 0)  # Makers who speak this API beside their own took it over as it was then.


class Claude(NamedTuple):
    """One generation of models."""

    major: int
    minor: int

    @property
    def thinks(self) -> bool:
        """Whether it thinks at all where it is asked to."""
        return self >= (3, 7)

    @property
    def adapts(self) -> bool:
        """Whether it decides itself how much to think, within an effort, rather than by a budget of tokens."""
        return self >= (4, 6)

    @property
    def thinks_unasked(self) -> bool:
        """Whether thinking must be turned off."""
        return self >= (5, 0)

    @property
    def samples(self) -> bool:
        """Whether it takes temperature, top_p and top_k. Later ones refuse all three."""
        return self < (4, 7)

    @property
    def samples_by_one(self) -> bool:
        """Whether it refuses temperature and top_p together."""
        return self >= (4, 1)

    @property
    def formats(self) -> bool:
        """Whether an answer, or the input of a strict tool, can be held to a schema."""
        return self >= (4, 5)

    @property
    def efforts(self) -> tuple[str, ...]:
        """The levels of effort, lowest first."""
        return ("low", "medium", "high", "xhigh", "max") if self >= (4, 7) else ("low", "medium", "high", "max")


def claude_of(model: str) -> Claude:
    """The generation, by a model's name at any provider. A Claude without a version counts as the newest."""
    name = model.lower()
    found = _VERSION.search(name)
    if found is not None:
        return Claude(int(found[1]), int(found[2] or 0))
    return Claude(*(_NEWEST if "claude" in name else _OTHERS))
