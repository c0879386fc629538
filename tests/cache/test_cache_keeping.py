"""What may be answered again, and what is kept: by the bytes that providers write."""

import json

import pytest
from msgspec.structs import replace

from gateway.cache.keeping import answerable, worth_keeping
from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.price import UNPRICED
from gateway.core.request import Asked, Facts
from gateway.core.usage import Extras, Usage
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.gemini import Gemini
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_responses import OpenAIResponses

USER = [{"role": "user", "content": "x"}]

BOUGHT = Entry(
    "r.1", "r", 0.0, Caller("k"), "m", "p", "m", "m", "standard", selfhosted=False, reason="", usage=Usage(),
    cost=UNPRICED, held_nanos=0, outcome=Outcome.OK, status=200,
)  # fmt: skip

CALLS = [
    b'{"choices":[{"message":{"tool_calls":[{"id":"c"}]},"finish_reason":"tool_calls"}]}',
    b'data: {"choices":[{"delta":{"tool_calls": [ {"index":0}]}}]}\n\n',
    b'{"choices":[{"message":{"function_call":{"name":"f"}}}]}',
    b'{"content":[{"type":"tool_use","id":"t"}]}',
    b'{"content":[{"type": "server_tool_use"}]}',
    b'{"output":[{"type":"function_call","name":"f"}]}',
    b'{"output":[{"type":"web_search_call"}]}',
    b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}',
    b'{"output":{"message":{"content":[{"toolUse":{"name":"f"}}]}}}',
    b'event: x\ndata: {"type":"tool-call-start"}\n\n',
]
FILTERED = [
    b'{"choices":[{"finish_reason":"content_filter"}]}',
    b'{"stop_reason":"refusal"}',
    b'{"stop_reason": "pause_turn"}',
    b'{"candidates":[{"finishReason":"SAFETY"}]}',
    b'{"promptFeedback":{"blockReason":"OTHER"}}',
    b'{"stopReason":"guardrail_intervened"}',
]
PLAIN = [
    b'{"choices":[{"message":{"content":"Hello","tool_calls":[]},"finish_reason":"stop"}]}',
    b'{"choices":[{"message":{"content":"Hello","tool_calls":null},"finish_reason":"length"}]}',
    rb'{"choices":[{"message":{"content":"It says \"tool_calls\":[{ and \"finish_reason\":\"content_filter\""}}]}',
    b'{"stop_reason":"max_tokens"}',
    b'{"data":[{"embedding":[0.1]}]}',
]


@pytest.mark.parametrize("body", CALLS)
def test_a_call_of_a_tool_is_kept_only_where_that_is_allowed(body):
    assert not worth_keeping(BOUGHT, body, tools=False)
    assert worth_keeping(BOUGHT, body, tools=True)


@pytest.mark.parametrize("body", FILTERED)
def test_what_a_filter_cut_short_is_never_kept(body):
    assert not worth_keeping(BOUGHT, body, tools=False)
    assert not worth_keeping(BOUGHT, body, tools=True)


@pytest.mark.parametrize("body", PLAIN)
def test_all_else_is(body):
    """Also what ended at its cap, which is part of the question; and what only speaks of tools."""
    assert worth_keeping(BOUGHT, body, tools=False)


def test_what_was_found_elsewhere_is_kept_only_where_that_is_allowed():
    for extras, kept in ((Extras(web_searches=1), False), (Extras(code_sessions=1), False), (Extras(images=1), True)):
        bought = replace(BOUGHT, usage=Usage(extras=extras))
        assert worth_keeping(bought, b"{}", tools=False) is kept
        assert worth_keeping(bought, b"{}", tools=True)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (OpenAIChat(), {"messages": USER, "web_search_options": {}}),
        (OpenAIChat(), {"messages": USER, "search_parameters": {"mode": "auto"}}),
        (OpenAIResponses(), {"input": "x", "tools": [{"type": "web_search"}]}),
        (OpenAIResponses(), {"input": "x", "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}),
        (OpenAIResponses(), {"input": "x", "tools": [{"type": "mcp", "server_url": "https://x"}]}),
        (AnthropicMessages(), {"messages": USER, "max_tokens": 9, "tools": [{"type": "web_search_20250305"}]}),
        (AnthropicMessages(), {"messages": USER, "max_tokens": 9, "mcp_servers": []}),
        (Gemini(), {"contents": [{"parts": [{"text": "x"}]}], "tools": [{"googleSearch": {}}]}),
        (Gemini(), {"contents": [{"parts": [{"text": "x"}]}], "tools": [{"code_execution": {}}]}),
    ],
)
def test_a_question_that_is_answered_from_elsewhere_is_not_looked_up(dialect, body):
    asked = Asked(json.dumps({"model": "m"} | body).encode(), model="m", verb="generateContent")
    facts = dialect.read(asked)
    assert not answerable(facts, asked, tools=False)
    assert answerable(facts, asked, tools=True) is not facts.unseen


def test_a_question_that_only_speaks_of_it_is():
    said = rb'{"messages":[{"role":"user","content":"What is \"web_search\" and a mcp?"}]}'
    for needs in (frozenset(), frozenset({"tools"})):
        assert answerable(Facts("m", needs=needs), Asked(said), tools=False)


def test_a_question_whose_other_part_lies_at_the_provider_never_is():
    assert not answerable(Facts("m", unseen=True), Asked(b"{}"), tools=True)
