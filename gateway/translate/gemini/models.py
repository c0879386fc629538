"""What a Gemini model can do, by its name. A name that is not known here is taken for a new model's.

Sources: https://ai.google.dev/gemini-api/docs/generate-content/thinking and
https://ai.google.dev/gemini-api/docs/openai for what an effort stands for.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

Version = tuple[int, int]

NEWEST: Version = (1000, 0)
"""Of names without a number, such as gemini-flash-latest."""

BUDGETS: Version = (2, 5)
"""The generation that is told how many tokens to think."""

LEVELS: Version = (3, 0)
"""From here on models are told how hard, want their signatures back and see what tools give back in pictures."""

_GEMINI = re.compile(r"(?:^|/)gemini-(?:(\d+)(?:\.(\d+))?)?")
_NOT_GENERATING = re.compile(r"embedding|-tts|live|native-audio|streaming")

_EFFORTS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
"""Tokens that Google's own compatible endpoint takes an effort for."""

_ORDER = tuple(_EFFORTS)
_BEYOND = frozenset({"xhigh", "max"})
EFFORTS = frozenset({"none", *_EFFORTS, *_BEYOND})


class Thinking(NamedTuple):
    """How much to think. `exact`: it is what was asked for, not the nearest that the model has."""

    config: dict[str, Any]
    exact: bool


def generates(model: str) -> bool:
    """Whether the model answers generateContent with text or pictures."""
    return _GEMINI.search(model) is not None and _NOT_GENERATING.search(model) is None


def draws(model: str) -> bool:
    """Whether its answers are pictures."""
    return "image" in model or "banana" in model


def version(model: str) -> Version:
    """Its generation."""
    found = _GEMINI.search(model)
    return (int(found[1]), int(found[2] or 0)) if found and found[1] else NEWEST


def thinks(model: str) -> bool:
    """Whether it can be told how much to think."""
    return version(model) >= BUDGETS and not (version(model) < LEVELS and draws(model))


def by_effort(model: str, effort: str) -> Thinking:
    """The thinking of a model that thinks, for one of EFFORTS."""
    if version(model) >= LEVELS:
        return _level(model, effort)
    least, most = _budgets(model)
    if effort == "none":
        return _budget(least, exact=not least)
    if effort in _BEYOND:
        return _budget(most, exact=False)
    return _budget(_EFFORTS[effort], exact=True)


def by_tokens(model: str, tokens: int) -> Thinking:
    """The same for so many tokens. Levels are told by the budgets that they stand for."""
    if version(model) >= LEVELS:
        effort = next((effort for effort in _ORDER[1:] if tokens <= _EFFORTS[effort]), _ORDER[-1])
        return Thinking(_level(model, effort).config, exact=False)
    fitting = max(min(tokens, _budgets(model)[1]), _budgets(model)[0])
    return _budget(fitting, exact=fitting == tokens)


def _budget(tokens: int, *, exact: bool) -> Thinking:
    return Thinking({"thinkingBudget": tokens}, exact)


def _budgets(model: str) -> tuple[int, int]:
    """The least and the most tokens of thinking that a model of 2.5 takes. Pro cannot do without."""
    return (128, 32_768) if "pro" in model else (0, 24_576)


def _level(model: str, effort: str) -> Thinking:
    """The level asked for, or the next higher one that the model has."""
    wanted = {"none": "minimal", "xhigh": "high", "max": "high"}.get(effort, effort)
    has = _levels(model)
    level = next((level for level in _ORDER[_ORDER.index(wanted) :] if level in has), has[-1])
    return Thinking({"thinkingLevel": level.upper()}, level == effort)


def _levels(model: str) -> tuple[str, ...]:
    """From the table of levels by model. Of a model that is not in it, what all newer ones have."""
    if draws(model):
        return ("low", "high") if "pro" in model else ("minimal", "high")
    if "flash-lite" in model or ("flash" in model and version(model) < (3, 7)):
        return _ORDER
    return ("low", "high") if "pro" in model and version(model) < (3, 1) else ("low", "medium", "high")
