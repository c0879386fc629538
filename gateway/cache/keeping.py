"""Which calls may be answered from the cache, and which answers are kept. Pure.

A call whose answer is not a function of what it says is never answered from the cache. Of answers, only whole and good
ones get here at all; of these, one that asks for something to be done is not kept, for giving it again would do it
again, nor one that a provider's filter cut short, for that may change.

One that ended at its cap of tokens is kept: the cap is part of the question, and asking again would end there too.
So is one that was sampled (temperature, `n`): who turns the cache on asks for the same answer again.
"""

from __future__ import annotations

import re

from gateway.core.entry import Entry
from gateway.core.request import Asked, Facts

# Names as JSON writes them: in the text of a message the quotes around them are escaped.
_OPTIONS = (b'"web_search_options"', b'"search_parameters"', b'"mcp_servers"')
_TOOLS = re.compile(
    rb'"(?:web_search|google_search|googleSearch|googleMaps|google_maps|urlContext|url_context|x_search|file_search'
    rb'|web_fetch|code_interpreter|code_execution|codeExecution|computer_use|computerUse|computer|mcp)[a-z0-9_]*"'
)
_CALLS_A_TOOL = re.compile(
    rb'"tool_calls"\s*:\s*\[\s*\{|"functionCall"\s*:\s*\{|"function_call"\s*:\s*\{|"toolUse"\s*:\s*\{'
    rb'|"type"\s*:\s*"(?:tool_use|server_tool_use|mcp_tool_use|[a-z_]*_call|tool-call-start)"'
)
_FILTERED = re.compile(
    rb'"(?:finish_reason|finishReason|stop_reason|stopReason|reason|blockReason)"\s*:\s*"'
    rb"(?:content_filter|content_filtered|guardrail_intervened|refusal|pause_turn|error|ERROR|ERROR_TOXIC|TIMEOUT"
    rb'|SAFETY|RECITATION|BLOCKLIST|PROHIBITED_CONTENT|SPII|OTHER|LANGUAGE|MALFORMED_FUNCTION_CALL|IMAGE_SAFETY)"'
)
_OUTSIDE = ("web_searches", "file_searches", "x_searches", "map_searches", "code_sessions")


def answerable(facts: Facts, asked: Asked, *, tools: bool) -> bool:
    """Whether the same question may be given the same answer. `tools`: also where the provider looks elsewhere for
    it."""
    return not facts.unseen and (tools or not _looks_elsewhere(facts, asked.body))


def _looks_elsewhere(facts: Facts, body: bytes) -> bool:
    if any(option in body for option in _OPTIONS):
        return True
    return "tools" in facts.needs and _TOOLS.search(body) is not None


def worth_keeping(bought: Entry, body: bytes, *, tools: bool) -> bool:
    """Whether a whole answer may be given again. `tools`: also one that calls a tool, or was found by one."""
    if _FILTERED.search(body) is not None:
        return False
    extras = bought.usage.extras
    looked = extras is not None and any(getattr(extras, name) for name in _OUTSIDE)
    return tools or not (looked or _CALLS_A_TOOL.search(body) is not None)
