"""How much a model of a chat shall think, by what Anthropic's request says about it.

A chat does not say which models think, and those that do not refuse to be asked. So it is told to those that are known
to take it, by their names, and is a hint for all others.
"""

from __future__ import annotations

import re
from typing import Any

from gateway.dialects.base import Quirk
from gateway.translate.edge import Target
from gateway.translate.fields import Fields

_REASONING = re.compile(r"(?:^|/)(?:o[1-9]\b|gpt-oss|gpt-[5-9]|gemini-(?:2\.5|[3-9])|grok-(?:3-mini|[4-9]))")
"""Models that take `reasoning_effort`: https://developers.openai.com/api/docs/guides/reasoning,
https://ai.google.dev/gemini-api/docs/openai, https://docs.x.ai/docs/guides/reasoning"""

_CHAT_ONLY = re.compile(r"gpt-5(?:\.\d)?-chat|grok-4-(?!fast)\d|non-reasoning")
"""Of those, the ones that do not."""

_GPT = re.compile(r"(?:^|/)gpt-(\d+)(?:\.(\d+))?")
_NO_TOOLS_WITH_EFFORT = (5, 4)
"""From here on OpenAI's own chat takes tools only with an effort of "none":
https://github.com/openai/openai-openapi/issues/541"""

_RECALLING = re.compile(r"deepseek|kimi|glm-|minimax|mimo")
"""Models that want their thoughts back where these led to calls of tools: https://api-docs.deepseek.com/guides/thinking_mode"""

_SHARES = ((80, "high"), (40, "medium"))
"""Percent of max_tokens from which a budget is that level; OpenRouter's shares, the other way round."""

_ANTHROPICS_OWN = "high"
"""The effort where nothing is said of it: https://platform.claude.com/docs/en/build-with-claude/effort"""


def recalls(model: str) -> bool:
    """Whether the model takes back what it thought in earlier turns, as `reasoning_content`."""
    return _RECALLING.search(model.lower()) is not None


def asked(body: Fields, level: str | None, target: Target, cap: int, *, tools: bool) -> dict[str, Any]:
    """The member that says how much to think. `level`: of `output_config.effort`; `cap`: what was asked for as the
    whole output, in tokens."""
    wanted, names = _wanted(body, level, cap)
    known = told(wanted, target, tools=tools)
    if known != wanted and (wanted, known) != ("none", None):
        for name in names:
            body.hint(name)
    return {} if known is None else {"reasoning_effort": known}


def told(wanted: str | None, target: Target, *, tools: bool) -> str | None:
    """The level to say to this model, by OpenAI's names; None where nothing is to be said. `tools`: there are some."""
    model = target.model.lower()
    if tools and Quirk.CAPS_COMPLETION_TOKENS in target.quirks and _generation(model) >= _NO_TOOLS_WITH_EFFORT:
        return "none"
    if wanted is None or _REASONING.search(model) is None or _CHAT_ONLY.search(model) is not None:
        return None
    return _known(wanted, model)


def _wanted(body: Fields, level: str | None, cap: int) -> tuple[str | None, list[str]]:
    """The level, and what said so. Effort is about the whole answer at Anthropic, and so decides where it is given."""
    names = [] if level is None else ["output_config.effort"]
    thinking = body.object("thinking")
    if thinking is None:
        return level, names
    kind, budget = thinking.needed("type"), thinking.whole("budget_tokens")
    thinking.any("display")
    names.append("thinking")
    if kind == "disabled":
        return "none", names
    if level is not None or budget is None:
        return level or _ANTHROPICS_OWN, names
    share = 100 * budget // max(1, cap)
    return next((level for least, level in _SHARES if share >= least), "low"), names


def _known(wanted: str, model: str) -> str:
    """The level as the model has it: those above high, and none, only came with later ones of OpenAI's."""
    generation = _generation(model)
    if wanted == "none" and generation < (5, 1) and "gemini-2.5-flash" not in model:
        return "minimal" if generation == (5, 0) else "low"
    if wanted in ("xhigh", "max"):
        return "high" if generation < (5, 2) else "xhigh"
    return wanted


def _generation(model: str) -> tuple[int, int]:
    """Of GPT; (0, 0) for all others."""
    found = _GPT.search(model)
    return (0, 0) if found is None else (int(found[1]), int(found[2] or 0))
