"""How much a Claude model is to think, where the caller says it in OpenAI's levels.

Models that adapt are told an effort and decide for themselves; others get a budget, and think only if they get one.
Those since 5.5 cannot be told not to: https://platform.claude.com/docs/en/models/opus-5-5/migration-guide
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.translate.claude import Claude

BUDGET_TOKENS_MIN = 1024
"""Anthropic's own limit. A budget must also be less than `max_tokens`."""

_SHARES = {"minimal": 10, "low": 20, "medium": 50, "high": 80, "xhigh": 95, "max": 95}
"""Of `max_tokens`, in percent: https://openrouter.ai/docs/use-cases/reasoning-tokens#reasoning-effort-level"""

EFFORTS = (None, "none", *_SHARES)
"""OpenAI's levels. None leaves it to the model."""

_CANNOT_STOP = (5, 5)


class Thinking(NamedTuple):
    """What to say in the fields `thinking` and `output_config.effort`; None where nothing is to be said."""

    thinking: dict[str, Any] | None = None
    effort: str | None = None
    exact: bool = True  # What was asked for can be had.

    @property
    def thinks(self) -> bool:
        """Whether it is told to."""
        return self.thinking is not None and self.thinking["type"] != "disabled"

    @property
    def budgeted(self) -> bool:
        """Whether it thinks by a budget of tokens."""
        return self.thinking is not None and self.thinking["type"] == "enabled"


def thinking_for(claude: Claude, effort: str | None, *, summary: bool, max_tokens: int, forced: bool) -> Thinking:
    """`effort` as OpenAI names it, from "none" to "max". `summary`: the thoughts are to be shown. `forced`: a tool must
    be called, which goes with no thinking."""
    if effort == "none" or forced:
        off = _without(claude)
        return off if effort == "none" else off._replace(exact=effort is None)
    if claude.adapts:
        shown: dict[str, Any] = {"type": "adaptive", "display": "summarized"} if summary else {"type": "adaptive"}
        return Thinking(shown, _level(claude, effort))
    if effort is None or not claude.thinks:
        return Thinking(exact=effort is None and not summary)
    budget = max(max_tokens * _SHARES[effort] // 100, BUDGET_TOKENS_MIN)
    if budget >= max_tokens:
        return Thinking(exact=False)
    return Thinking({"type": "enabled", "budget_tokens": budget})


def _without(claude: Claude) -> Thinking:
    """As little thinking as there can be."""
    if claude >= _CANNOT_STOP:
        return Thinking(effort="low", exact=False)
    return Thinking({"type": "disabled"} if claude.thinks_unasked else None)


def _level(claude: Claude, effort: str | None) -> str | None:
    """A level that the model has not is a lower one."""
    if effort is None or effort in claude.efforts:
        return effort
    return "low" if effort == "minimal" else "high"
