"""How much a model is to think, in the words of its vendor."""

from __future__ import annotations

import re
from typing import Any

from gateway.translate.edge import Losses

THOUGHTS_MIN = 1024
"""The least that Claude may be given to think: https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""

_SHARES = {"minimal": 10, "low": 20, "medium": 50, "high": 80, "xhigh": 95, "max": 95}
"""Of the cap on output, in percent: https://openrouter.ai/docs/use-cases/reasoning-tokens"""

_BUDGETED = re.compile(r"anthropic\.claude-(?:3-7-|(?:opus|sonnet|haiku)-4-(?:\d{8}|[0-5]-))")
"""Those that want a budget. Later ones decide themselves, by effort, and take no budget; earlier ones do not think:
https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html"""

_THOUGHTLESS = re.compile(r"anthropic\.claude-(?:3-(?!7-)|instant|v\d)")


def thinking(model: str, effort: str, cap: int, losses: Losses) -> dict[str, Any]:
    """The vendor's own fields for this `reasoning_effort`, with at most so many tokens of output."""
    if _THOUGHTLESS.search(model) is None:
        if _BUDGETED.search(model) is not None:
            return _budget(effort, cap, losses)
        if "anthropic." in model:
            return _adaptive(effort)
        if "amazon.nova-2" in model:
            return {"reasoningConfig": _nova(effort)}
        if "openai.gpt-oss" in model:
            return {"reasoning_effort": effort}
    if effort == "none":
        losses.note("reasoning_effort")
    else:
        losses.drop("reasoning_effort", "It cannot be said to this model.")
    return {}


def _budget(effort: str, cap: int, losses: Losses) -> dict[str, Any]:
    if effort == "none":
        return {}
    if cap <= THOUGHTS_MIN:
        losses.drop("reasoning_effort", f"This model thinks {THOUGHTS_MIN} tokens at least, within max_tokens.")
        return {}
    budget = min(max(THOUGHTS_MIN, cap * _SHARES.get(effort, 50) // 100), cap - 1)
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _adaptive(effort: str) -> dict[str, Any]:
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    return {
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "low" if effort == "minimal" else effort},
    }


def _nova(effort: str) -> dict[str, Any]:
    """By https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html ."""
    if effort == "none":
        return {"type": "disabled"}
    known = {"minimal": "low", "xhigh": "high", "max": "high"}
    return {"type": "enabled", "maxReasoningEffort": known.get(effort, effort)}
