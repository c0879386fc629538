"""How much a model is to think, in the words of its vendor."""

from __future__ import annotations

from typing import Any

from gateway.translate.claude import Claude, claude_of
from gateway.translate.claude_effort import EFFORTS, UNKNOWN, Frame, thinking_for
from gateway.translate.edge import Losses

_NAME = "reasoning_effort"


def thinking(model: str, effort: str, frame: Frame, losses: Losses) -> dict[str, Any]:
    """The vendor's own fields for this `reasoning_effort`."""
    if "anthropic." in model:
        return _claude(claude_of(model), effort, frame, losses)
    if "amazon.nova-2" in model:
        return {"reasoningConfig": _nova(effort)}
    if "openai.gpt-oss" in model:
        return {"reasoning_effort": effort}
    if effort == "none":
        losses.note(_NAME)
    else:
        losses.drop(_NAME, "It cannot be said to this model.")
    return {}


def _claude(claude: Claude, effort: str, frame: Frame, losses: Losses) -> dict[str, Any]:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html ."""
    if effort not in EFFORTS:
        losses.drop(_NAME, UNKNOWN)
        return {}
    found = thinking_for(claude, effort, frame, summary=True)
    if found.why_not is not None:
        losses.drop(_NAME, found.why_not)
    elif not found.exact:
        losses.note(_NAME)
    return found.members


def _nova(effort: str) -> dict[str, Any]:
    """By https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html ."""
    if effort == "none":
        return {"type": "disabled"}
    known = {"minimal": "low", "xhigh": "high", "max": "high"}
    return {"type": "enabled", "maxReasoningEffort": known.get(effort, effort)}
