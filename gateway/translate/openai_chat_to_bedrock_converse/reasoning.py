"""How much a model is to think, in the words of its vendor."""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.translate.claude import Claude, claude_of
from gateway.translate.edge import Losses

BUDGET_MIN = 1024
"""Tokens. Claude thinks with no less: https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""

PERCENT = {"minimal": 10, "low": 20, "medium": 50, "high": 80, "xhigh": 95, "max": 95}
"""Of the output, for thinking, where a model wants a budget: https://openrouter.ai/docs/use-cases/reasoning-tokens"""

_NAME = "reasoning_effort"


class Frame(NamedTuple):
    """What a model is to think within."""

    cap: int  # Tokens of output.
    forced: bool  # A tool must be called.
    unexplained: bool  # The last calls of tools have come back without the thoughts before them.


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
    """https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html: later models decide
    themselves, by effort, and take no budget. A level that the model has not is a lower one."""
    if effort == "none":
        return {"thinking": {"type": "disabled"}} if claude.thinks_unasked else {}
    if (why := _why_not(claude, effort, frame)) is not None:
        losses.drop(_NAME, why)
    elif claude.adapts:
        level = "low" if effort == "minimal" else effort
        shown = {"type": "adaptive", "display": "summarized"}  # Some models hide their thoughts unless asked.
        return {"thinking": shown, "output_config": {"effort": level if level in claude.efforts else "high"}}
    elif frame.unexplained:  # It refuses to think on without them.
        losses.note(_NAME)
    else:
        budget = min(max(BUDGET_MIN, frame.cap * PERCENT[effort] // 100), frame.cap - 1)
        return {"thinking": {"type": "enabled", "budget_tokens": budget}}
    return {}


def _why_not(claude: Claude, effort: str, frame: Frame) -> str | None:
    """Why it cannot think as is asked, if so."""
    if not claude.thinks:
        return "This model does not think before it answers."
    if frame.forced:
        return "It does not think before a call that tool_choice demands."
    if effort not in PERCENT:
        return f"It is none of {', '.join(PERCENT)}."
    if not claude.adapts and frame.cap <= BUDGET_MIN:
        return f"Thinking takes {BUDGET_MIN} tokens and more of max_tokens."
    return None


def _nova(effort: str) -> dict[str, Any]:
    """By https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html ."""
    if effort == "none":
        return {"type": "disabled"}
    known = {"minimal": "low", "xhigh": "high", "max": "high"}
    return {"type": "enabled", "maxReasoningEffort": known.get(effort, effort)}
