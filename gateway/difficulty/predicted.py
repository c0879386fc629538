"""What a difficulty model says of a request's candidates, whatever names they go by."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from gateway.core.request import Request
from gateway.core.route import Candidate
from gateway.difficulty.model import Difficulty

TIER = "tier:"
"""Begins the name of what a model file says of a whole tier: "tier:economy"."""

_VERSION = re.compile(r"(?:[-@](?:20\d{2}-?\d{2}-?\d{2}|latest|preview)|:\w+)+$")


class Predicted:
    """A model file, asked by candidates. A candidate is known by its deployment's name (`openai/gpt-4o`), else by its
    model's, else by the model's without its owner and its date (`gpt-4o-2024-08-06` is `gpt-4o`), else by its tier if
    the file speaks of tiers. Who is known by none of these is left out."""

    def __init__(self, difficulty: Difficulty) -> None:
        self._difficulty = difficulty
        own = {name: name for name in difficulty.models}
        self._rows = {_plain(name): name for name in difficulty.models if not name.startswith(TIER)} | own
        self._found: dict[tuple[str, str], str | None] = {}  # By deployment and tier.
        self._last: tuple[str, Sequence[float]] = ("", difficulty.traits(""))

    def cluster(self, request: Request) -> int:
        """Which kind of prompt it is."""
        return self._difficulty.cluster_of(self._traits(request.facts.prompt))

    def chances(self, request: Request, candidates: Collection[Candidate]) -> Mapping[str, float]:
        """The chance, 0 to 1, that each candidate's answer is good, by its name."""
        traits, chance = self._traits(request.facts.prompt), self._difficulty.chance
        rows = [(candidate.name, self._row(candidate)) for candidate in candidates]
        return {name: chance(row, traits) for name, row in rows if row is not None}

    def _traits(self, prompt: str) -> Sequence[float]:
        """One call asks several times for the same prompt."""
        last, traits = self._last
        if last != prompt:
            traits = self._difficulty.traits(prompt)
            self._last = prompt, traits
        return traits

    def _row(self, candidate: Candidate) -> str | None:
        key = candidate.name, candidate.tier
        if key not in self._found:
            names = (candidate.group, candidate.model, _plain(candidate.model), TIER + candidate.tier)
            self._found[key] = next((self._rows[name] for name in names if name in self._rows), None)
        return self._found[key]


def _plain(model: str) -> str:
    """A model's name without its owner, its date, and what else tells its makings apart."""
    return _VERSION.sub("", model.lower().rpartition("/")[2])
