"""Thinking in a chat: how much is asked for, and the thoughts of earlier turns, which must come back as they were.

A chat keeps them in `reasoning_details`, as OpenRouter does, or in `thinking_blocks`, as LiteLLM does:
https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks,
https://docs.litellm.ai/docs/reasoning_content
"""

from __future__ import annotations

from typing import Any

from gateway.translate.claude import Claude
from gateway.translate.claude_effort import EFFORTS, UNKNOWN, Frame, thinking_for
from gateway.translate.fields import Fields

Block = dict[str, Any]

FORMAT = "anthropic-claude-v1"
"""Whose thoughts they are, in `reasoning_details`."""


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


def asked(body: Fields, claude: Claude, frame: Frame) -> dict[str, Any]:
    """The members of the request that say how much to think. Thoughts are shown in short, as other providers of chats
    do."""
    if "thinking" in body:  # In Anthropic's own words.
        body.note("reasoning_effort", "reasoning")
        return {"thinking": body.mapping("thinking")}
    name, wanted = _wanted(body)
    if wanted is None:
        return {}
    if isinstance(wanted, str) and wanted not in EFFORTS:
        body.lose(name, UNKNOWN)
        return {}
    found = thinking_for(claude, wanted, frame, summary=True)
    if found.why_not is not None:
        body.lose(name, found.why_not)
    elif not found.exact:
        body.hint(name)
    return found.members


def _wanted(body: Fields) -> tuple[str, str | int | None]:
    """What it is called, and the level, or a budget in tokens: OpenAI's words, or OpenRouter's."""
    effort = body.text("reasoning_effort")
    router = body.object("reasoning")
    if router is None:
        return "reasoning_effort", effort
    level, budget, enabled = router.text("effort"), router.whole("max_tokens"), router.flag("enabled")
    router.drop("exclude", "Thoughts that are thought are shown.", unless=(False,))
    if effort or level:
        return "reasoning", effort or level
    if budget is not None:
        return "reasoning.max_tokens", budget
    return "reasoning", None if enabled is None else "medium" if enabled else "none"
