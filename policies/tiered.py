"""A tier by how hard the prompt looks, then the cheapest in it; dearer tiers stand behind as fallback.

The rule is simple and says so: it adds up a few visible signs. It knows nothing about quality, and
whoever has scores should use a policy that learns from them.
"""

from __future__ import annotations

import re

from gateway.core.money import Money
from gateway.core.request import Request
from gateway.core.route import Candidate, Context, Decision
from policies.params import whole
from policies.parts import cost, taken, up_first, usable

PARAMS = {"standard": whole(0, 99), "premium": whole(0, 99)}

POINTS_FOR_STANDARD = 2
POINTS_FOR_PREMIUM = 4


def _words(*words: str) -> tuple[re.Pattern[str], ...]:
    """Patterns for words that begin with these letters, before a `|` what must follow. An expression that begins with
    plain letters is searched for fifty times faster than one that begins with a boundary or a choice."""
    split = [word.partition("|") for word in words]
    return tuple([re.compile(rf"{start}(?<=\b{start}){rest}", re.MULTILINE) for start, _, rest in split])


_HARD_WORDS = _words(
    *(r"prove|\b", r"proof|\b", r"derive|\b", r"theorem|\b", r"refactor|\b", r"debug|\b", r"algorithm|\b"),
    *(r"complexity|\b", r"legal|\b", r"diagnos|\w", "architect", r"optimi|[sz]e\b", r"analy|[sz]e\b"),
    *(r"step|[- ]by[- ]step\b", r"trade|-?offs?\b"),
)
_CODE = (
    *_words(r"def |\w+\(", r"class |\w+ *[(:{]"),
    re.compile("```"),
    *(re.compile(rf"{mark}[ \t]*$", re.MULTILINE) for mark in ("{", "}", ";")),
)
_SQL = _words(r"SELECT|\b", r"FROM|\b")


def points(request: Request) -> tuple[int, tuple[str, ...]]:
    """How hard the prompt looks, and the signs that were seen. Each sign counts once."""
    facts = request.facts
    signs = {
        "long": (request.input_tokens > 8_000, 1),
        "very long": (request.input_tokens > 40_000, 1),
        "many turns": (facts.turns > 8, 1),
        "tools": ("tools" in facts.needs, 1),
        "structured output": ("json" in facts.needs, 1),
        "images": ("vision" in facts.needs, 1),
        "code": (_code(facts.prompt), 2),
        "hard words": (_any(_HARD_WORDS, facts.prompt.lower()), 2),
    }
    seen = tuple(name for name, (there, _) in signs.items() if there)
    return sum(signs[name][1] for name in seen), seen


def _code(prompt: str) -> bool:
    return _any(_CODE, prompt) or all(word.search(prompt) for word in _SQL)


def _any(patterns: tuple[re.Pattern[str], ...], text: str) -> bool:
    return any(pattern.search(text) for pattern in patterns)


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """Thresholds may be set: `params: {standard: 2, premium: 4}`."""
    score, seen = points(request)
    wanted = "economy"
    if score >= context.params.get("standard", POINTS_FOR_STANDARD):
        wanted = "standard"
    if score >= context.params.get("premium", POINTS_FOR_PREMIUM):
        wanted = "premium"
    places = up_first(wanted)

    def rank(candidate: Candidate) -> tuple[int, Money, str]:
        return places[candidate.tier], cost(candidate), candidate.name

    plan = sorted(usable(candidates, context.remaining), key=rank)
    why = ", ".join(seen) or "no sign of difficulty"
    tier = taken(plan[0], wanted)
    return Decision(tuple(plan), f"{tier}, for a prompt with {score} points ({why}): {plan[0].name}")
