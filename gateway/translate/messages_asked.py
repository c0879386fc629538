"""What Anthropic's messages ask that models of other makers have no counterpart for."""

from __future__ import annotations

from typing import Any

from gateway.dialects.anthropic_usage import NOWHERE_SPECIAL
from gateway.translate.fields import NO_SETTING, Fields

HINTS = ("cache_control", "diagnostics", "user_profile_id", "workspace_id")
NOT_THERE: dict[str, tuple[Any, ...]] = {  # By what each may say and change nothing.
    "container": (),
    "mcp_servers": ([],),
    "inference_geo": tuple(NOWHERE_SPECIAL),
    "speed": ("standard",),
    "compaction": (),
    "fallbacks": ([],),
}
THOUGHTS = "messages.content.thinking"
"""What the thoughts of other models are called where they are left out, all together."""

CLEARING_THOUGHTS = "clear_thinking_"
CLEARING = (CLEARING_THOUGHTS, "clear_tool_uses_")
"""How the edits of a context begin that only take away from what the model sees:
https://platform.claude.com/docs/en/build-with-claude/context-editing"""

_SEARCH = "tool_search_tool"
"""How Anthropic's searches for tools begin: https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-search-tool"""


def found_tool(block: Fields, name: str) -> str:
    """What a search for tools at the caller found, in words: every tool is there from the beginning. `name`: what the
    provider calls it."""
    block.leave("messages.content.tool_reference")
    return f"Tool {name} is available."


def searches_tools(tool: Fields, kind: str | None) -> bool:
    """Whether this is a search for tools that runs at Anthropic: a hint, since every tool is there from the
    beginning."""
    if kind is None or not kind.startswith(_SEARCH):
        return False
    tool.skip()
    tool.hint(kind)
    return True


def searched_tools(block: Fields, kind: str) -> bool:
    """Whether this is such a search in an earlier answer, or what it found: a hint like the search itself."""
    searched = kind == "server_tool_use" and str(block.any("name")).startswith(_SEARCH)
    if searched or kind == f"{_SEARCH}_result":
        block.skip()
        block.leave(f"messages.content.{kind}")
        return True
    return False


def leave_out(body: Fields) -> None:
    """Hints are noted. Edits of the context that only clear are hints: without them the model sees all that was
    sent. One that sums up makes another answer."""
    body.note(*HINTS)
    for name, neutral in NOT_THERE.items():
        body.drop(name, NO_SETTING, unless=neutral)
    context = body.object("context_management")
    if context is None:
        return
    for edit in context.each("edits"):
        if edit.needed("type").startswith(CLEARING):
            edit.skip()
            body.hint("context_management")
        else:
            edit.drop_all("Nobody sums up a context there.")
