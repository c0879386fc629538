"""Thinking in a chat: how much is asked for, and the thoughts of earlier turns, which must come back as they were.

A chat keeps them in `reasoning_details`, as OpenRouter does, or in `thinking_blocks`, as LiteLLM does:
https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks,
https://docs.litellm.ai/docs/reasoning_content
"""

from __future__ import annotations

from typing import Any

from gateway.translate.claude import Claude
from gateway.translate.fields import Fields

Block = dict[str, Any]

FORMAT = "anthropic-claude-v1"
"""Whose thoughts they are, in `reasoning_details`."""

BUDGET_MIN = 1024
"""Tokens. Anthropic thinks with no less: https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""

PERCENT = {"minimal": 10, "low": 20, "medium": 50, "high": 80, "xhigh": 95, "max": 95}
"""Of the output, for thinking, where a model wants a budget: OpenRouter's shares."""


def blocks(message: Fields) -> list[Block]:
    """The thoughts of an assistant's message. Only those with a signature can come back."""
    found = []
    for name, read in (("reasoning_details", _of_detail), ("thinking_blocks", _of_block)):
        for index, given in enumerate(message.each(name)):
            block = read(given)
            given.skip()
            if block is None:
                message.hint(f"{name}[{index}]")
            else:
                found.append(block)
    if found:  # What they say is the same.
        message.any("reasoning_content")
        message.any("reasoning")
    message.note("reasoning_content", "reasoning")
    return found


def _of_detail(detail: Fields) -> Block | None:
    kind, written, signature = detail.text("type"), detail.text("format"), detail.text("signature")
    text, data = detail.text("text"), detail.text("data")
    if written == FORMAT and kind == "reasoning.text" and signature:
        return {"type": "thinking", "thinking": text or "", "signature": signature}
    if written == FORMAT and kind == "reasoning.encrypted" and data:
        return {"type": "redacted_thinking", "data": data}
    return None


def _of_block(block: Fields) -> Block | None:
    kind, signature, data = block.text("type"), block.text("signature"), block.text("data")
    text = block.text("thinking")
    if kind == "thinking" and signature:
        return {"type": "thinking", "thinking": text or "", "signature": signature}
    if kind == "redacted_thinking" and data:
        return {"type": "redacted_thinking", "data": data}
    return None


def asked(body: Fields, claude: Claude, cap: int, *, forced: bool, unexplained: bool) -> dict[str, Any]:
    """The members of the request that say how much to think. `cap`: of the whole output, in tokens. `forced`: a tool
    must be called, `unexplained`: see `Turns.last_call_unexplained`."""
    if "thinking" in body:  # In Anthropic's own words.
        body.note("reasoning_effort", "reasoning")
        return {"thinking": body.mapping("thinking")}
    name, effort, budget = _level(body)
    if effort is None and budget is None:
        return {}
    if effort == "none":
        return {"thinking": {"type": "disabled"}} if claude.thinks_unasked else {}
    if (why := _why_not(effort, claude, cap, forced=forced)) is not None:
        body.lose(name, why)
    elif claude.adapts:
        if effort is None:
            body.hint(f"{name}.max_tokens")  # It takes no budget.
        elif effort in ("xhigh", "max") and effort not in claude.efforts:
            body.hint(name)
        return _adaptive(effort, claude)
    elif unexplained:
        body.hint(name)
    else:
        wanted = budget or 0 if effort is None else cap * PERCENT[effort] // 100
        return {"thinking": {"type": "enabled", "budget_tokens": min(max(BUDGET_MIN, wanted), cap - 1)}}
    return {}


def _why_not(effort: str | None, claude: Claude, cap: int, *, forced: bool) -> str | None:
    """Why it cannot think as is asked, if so."""
    if not claude.thinks:
        return "This model does not think before it answers."
    if forced:
        return "It does not think before a call that tool_choice demands."
    if effort is not None and effort not in PERCENT:
        return f"It is none of {', '.join(PERCENT)}."
    if not claude.adapts and cap <= BUDGET_MIN:
        return f"Thinking takes {BUDGET_MIN} tokens and more of max_tokens."
    return None


def _level(body: Fields) -> tuple[str, str | None, int | None]:
    """What it is called, the level, or a budget in tokens: OpenAI's words, or OpenRouter's."""
    effort = body.text("reasoning_effort")
    router = body.object("reasoning")
    if router is None:
        return "reasoning_effort", effort, None
    level, budget, enabled = router.text("effort"), router.whole("max_tokens"), router.flag("enabled")
    router.drop("exclude", "Thoughts that are thought are shown.", unless=(False,))
    if level is None and budget is None and enabled is not None:
        level = "medium" if enabled else "none"
    return "reasoning", effort or level, None if effort or level else budget


def _adaptive(effort: str | None, claude: Claude) -> dict[str, Any]:
    """Thoughts are shown in short, as other providers of chats do; some models hide them unless asked. A level that
    the model has not is a lower one."""
    thinking = {"thinking": {"type": "adaptive", "display": "summarized"}}
    if effort is None:
        return thinking
    level = "low" if effort == "minimal" else effort
    return thinking | {"output_config": {"effort": level if level in claude.efforts else "high"}}
