"""How much a Claude model is to think, where the caller says it in OpenAI's levels.

Models that adapt are told an effort and decide for themselves; others get a budget, and think only if they get one.
Those since 5.5 cannot be told not to: https://platform.claude.com/docs/en/models/opus-5-5/migration-guide
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.translate.claude import Claude

_BUDGET_TOKENS_MIN = 1024
"""Anthropic's own limit. A budget must also be less than `max_tokens`."""

_SHARES = {"minimal": 10, "low": 20, "medium": 50, "high": 80, "xhigh": 95, "max": 95}
"""Of `max_tokens`, in percent: https://openrouter.ai/docs/use-cases/reasoning-tokens#reasoning-effort-level"""

EFFORTS = (None, "none", *_SHARES)
"""OpenAI's levels. None leaves it to the model."""

UNKNOWN = f"Its levels are {', '.join(filter(None, EFFORTS))}."
"""Why any other level cannot be carried."""

_CANNOT_STOP = (5, 5)


class Frame(NamedTuple):
    """What a model is to think within."""

    cap: int  # Tokens of output.
    forced: bool = False  # A tool must be called, which goes with no thinking.
    unexplained: bool = False  # Its last calls of tools came back without its thoughts: no budget is taken then.


class Thinking(NamedTuple):
    """What to say in the fields `thinking` and `output_config.effort`; None where nothing is to be said."""

    thinking: dict[str, Any] | None = None
    effort: str | None = None
    exact: bool = True  # What was asked for can be had.
    why_not: str | None = None  # Why it cannot think although it is asked to, if so.

    @property
    def thinks(self) -> bool:
        """Whether it is told to."""
        return self.thinking is not None and self.thinking["type"] != "disabled"

    @property
    def members(self) -> dict[str, Any]:
        """Both fields, as members of a request."""
        thinking = {} if self.thinking is None else {"thinking": self.thinking}
        return thinking if self.effort is None else thinking | {"output_config": {"effort": self.effort}}


def thinking_for(claude: Claude, wanted: str | int | None, frame: Frame, *, summary: bool) -> Thinking:
    """`wanted`: one of EFFORTS, or a budget in tokens, as OpenRouter has it. `summary`: the thoughts are to be shown;
    later models hide them unless asked."""
    if wanted == "none":
        return _without(claude)
    if wanted is not None and not claude.thinks:
        return _unable("This model does not think before it answers.")
    if frame.forced:
        why = None if wanted is None else "It does not think before a call that tool_choice demands."
        return _without(claude)._replace(exact=why is None, why_not=why)
    if claude.adapts:
        shown: dict[str, Any] = {"type": "adaptive", "display": "summarized"} if summary else {"type": "adaptive"}
        level = _level(claude, wanted)
        return Thinking(shown, level, exact=wanted in (None, "minimal", level))
    return Thinking(exact=not summary) if wanted is None else _budget(wanted, frame)


def _budget(wanted: str | int, frame: Frame) -> Thinking:
    """Tokens to think with, which are a part of the cap."""
    if frame.cap <= _BUDGET_TOKENS_MIN:
        return _unable(f"Thinking takes {_BUDGET_TOKENS_MIN} tokens and more of max_tokens.")
    if frame.unexplained:
        return Thinking(exact=False)
    tokens = wanted if isinstance(wanted, int) else frame.cap * _SHARES[wanted] // 100
    tokens = min(max(tokens, _BUDGET_TOKENS_MIN), frame.cap - 1)
    return Thinking({"type": "enabled", "budget_tokens": tokens})


def _without(claude: Claude) -> Thinking:
    """As little thinking as there can be."""
    if claude >= _CANNOT_STOP:
        return Thinking(effort="low", exact=False)
    return Thinking({"type": "disabled"} if claude.thinks_unasked else None)


def _unable(why: str) -> Thinking:
    return Thinking(exact=False, why_not=why)


def _level(claude: Claude, wanted: str | int | None) -> str | None:
    """A level that the model has not is a lower one. It takes no budget."""
    if not isinstance(wanted, str):
        return None
    if wanted in claude.efforts:
        return wanted
    return "low" if wanted == "minimal" else "high"
