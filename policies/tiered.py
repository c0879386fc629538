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

_HARD_WORDS = re.compile(
    r"\b(prove|proof|derive|theorem|refactor|debug|optimi[sz]e|architect\w*|algorithm|complexity|analy[sz]e|"
    r"step[- ]by[- ]step|trade-?offs?|legal|diagnos\w+)\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"```|\bdef \w+\(|\bclass \w+|[{};]\s*$|\bSELECT\b.+\bFROM\b", re.MULTILINE)


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
        "code": (_CODE.search(facts.prompt) is not None, 2),
        "hard words": (_HARD_WORDS.search(facts.prompt) is not None, 2),
    }
    seen = tuple(name for name, (there, _) in signs.items() if there)
    return sum(signs[name][1] for name in seen), seen


def choose(request: Request, candidates: tuple[Candidate, ...], context: Context) -> Decision:
    """Thresholds may be set: `params: {standard: 2, premium: 4}`."""
    score, seen = points(request)
    wanted = "economy"
    if score >= context.params.get("standard", POINTS_FOR_STANDARD):
        wanted = "standard"
    if score >= context.params.get("premium", POINTS_FOR_PREMIUM):
        wanted = "premium"

    def rank(candidate: Candidate) -> tuple[int, Money, str]:
        return up_first(candidate.tier, wanted), cost(candidate), candidate.name

    plan = sorted(usable(candidates, context.remaining), key=rank)
    why = ", ".join(seen) or "no sign of difficulty"
    tier = taken(plan[0], wanted)
    return Decision(tuple(plan), f"{tier}, for a prompt with {score} points ({why}): {plan[0].name}")
