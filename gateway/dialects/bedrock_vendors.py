"""What Bedrock hands on as it is to the makers of models, who name differently what money depends on."""

from __future__ import annotations

from typing import Any

from gateway.core.errors import BadRequest
from gateway.dialects import splice
from gateway.dialects.openai_chat import CHOICES_MAX, OUTPUT_TOKENS_CREDIBLE_MAX

CAPS = (
    "max_tokens",
    "max_completion_tokens",
    "max_gen_len",
    "max_tokens_to_sample",
    "maxTokens",
    "max_new_tokens",
    "maxTokenCount",
)
NESTED = ("inferenceConfig", "textGenerationConfig")  # Nova's and Titan's.
_CHOICES = ("n", "best_of", "num_generations", "numResults", "candidateCount")
_COUNTS = (*CAPS, *_CHOICES)
_ONCE = (*_COUNTS, *NESTED, "tools")


def refuse_twins(body: bytes) -> None:
    """Raise BadRequest if a setting that money depends on is given twice."""
    splice.refuse_twins(body, _ONCE)
    for name in NESTED:
        inner = splice.find_object(body, name)
        if inner is not None:
            splice.refuse_twins(inner, _COUNTS)


def refuse_others(body: dict[str, Any]) -> None:
    """Raise BadRequest for other models, which nobody has priced by these names, held for or allowed."""
    tools = body.get("tools")
    if body.get("fallbacks"):
        raise BadRequest("fallbacks is not taken here: Bedrock falls back to no other model", "fallbacks")
    if isinstance(tools, list) and any(isinstance(tool, dict) and tool.get("model") for tool in tools):
        raise BadRequest("tools must not name another model here", "tools")


def output_cap(body: dict[str, Any]) -> int | None:
    """The largest of all that is given: which one counts is the vendor's to say. Raises BadRequest."""
    caps = _given(body, CAPS, 0)
    return min(max(caps), OUTPUT_TOKENS_CREDIBLE_MAX) if caps else None


def choices(body: dict[str, Any]) -> int:
    """How many answers are asked for, by the largest number that is given. Raises BadRequest."""
    most = max(_given(body, _CHOICES, 1), default=1)
    if most > CHOICES_MAX:
        raise BadRequest(f"A call may ask for {CHOICES_MAX} answers at most.")
    return most


def _given(body: dict[str, Any], names: tuple[str, ...], least: int) -> list[int]:
    """What stands there under these names. What is no whole number may be one to the vendor: it is refused."""
    places = [body, *[body[name] for name in NESTED if isinstance(body.get(name), dict)]]
    found = [(name, place[name]) for place in places for name in names if place.get(name) is not None]
    for name, value in found:
        if type(value) is not int or value < least:
            raise BadRequest(f"{name} must be a whole number from {least} on", name)
    return [value for _, value in found]
