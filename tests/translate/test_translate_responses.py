"""What the edges from the Responses API share: sealed reasoning, and counters in this API's convention."""

import base64
import json
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseUsage
from translate import responses_cases as cases

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.core.usage import Usage
from gateway.translate.edge import Losses, Target
from gateway.translate.edges import EDGES
from gateway.translate.responses_answer import usage_block
from gateway.translate.responses_tools import arguments_with, text_in, wire_name
from gateway.translate.sealed import seal, unseal

COUNTS = st.integers(0, 10**8)
TOKENS = [name for name in Usage.__struct_fields__ if name not in ("requests", "final", "extras", "prompt")]
EDGES_FROM_RESPONSES = [edge for edge in EDGES if edge.inbound == "openai-responses"]


def asked(body):
    return Asked(json.dumps(body).encode())


def test_what_was_sealed_comes_back_in_its_own_dialect_only():
    block = {"type": "thinking", "thinking": "Hm. ☃", "signature": "c2ln"}
    assert unseal(seal("anthropic-messages", block), "anthropic-messages") == block
    assert unseal(seal("anthropic-messages", block), "openai-chat") is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "gAAAAABo",
        "fareway-1.",
        "fareway-1.x",
        "fareway-1.ü",
        f"fareway-1.{base64.b64encode(b'[1]').decode()}",
    ],
)
def test_what_others_sealed_is_theirs(text):
    assert unseal(text, "openai-chat") is None


@given(st.builds(Usage, **dict.fromkeys(TOKENS, COUNTS)))
@settings(deadline=None)
def test_every_counter_is_told_in_this_apis_own_convention(usage):
    block = usage_block(usage)
    ResponseUsage.model_validate(block, strict=True)
    report = cases.DIALECTS["openai-responses"].report(json.dumps({"usage": block}).encode(), cases.NO_QUIRKS)
    assert not report.clamped
    assert report.usage.cache_write_12h == usage.cache_write_12h
    assert report.usage.cache_write == usage.cache_write + usage.cache_write_1h
    assert report.usage.cache_read == usage.cache_read + usage.cache_read_audio + usage.cache_read_image
    assert report.usage.input_total == usage.input_total
    assert (report.usage.output_reasoning, report.usage.output_total) == (usage.output_reasoning, usage.output_total)


@given(st.text())
@settings(deadline=None)
def test_the_text_of_a_custom_tool_survives_being_arguments(text):
    assert text_in(arguments_with(text)) == text


def test_names_in_namespaces_are_short_and_do_not_collide():
    long = [wire_name(f"{'x' * 70}{end}", None) for end in "ab"]
    assert len(set(long)) == 2
    assert max(map(len, long)) == 64
    assert wire_name("spawn", "agents") == "agents__spawn"
    assert wire_name("spawn", "mcp__x__") == "mcp__x__spawn"


def test_providers_that_speak_both_are_asked_in_their_own_dialect():
    found = [edge.outbound for edge in EDGES if edge.inbound == "openai-responses" and edge.serves("any")]
    assert found.index("anthropic-messages") < found.index("openai-chat")


FORGED = [
    {},
    {"type": "text", "text": "x"},
    {"type": "thinking", "thinking": 1, "signature": "x"},
    {"type": "thinking", "thinking": "x"},
    {"type": "redacted_thinking", "data": None},
    {"type": ["thinking"]},
    {"reasoning_content": 1, "extra_content": [1]},
    {"role": "system", "extra_content": {"call_1": 1}},
]


@pytest.mark.parametrize("block", FORGED)
@pytest.mark.parametrize("edge", EDGES_FROM_RESPONSES, ids=lambda edge: edge.outbound)
def test_what_somebody_else_put_under_our_seal_goes_no_further(edge, block):
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": seal(edge.outbound, block)}
    call = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
    returned = {"type": "function_call_output", "call_id": "call_1", "output": ""}
    said = [{"role": "user", "content": "Hi"}, thought, call, returned]
    sent = edge.request(asked({"model": "m", "input": said}), Target("claude-opus-5", 1000), Losses(allowed=False))
    plain = edge.request(
        asked({"model": "m", "input": [said[0], *said[2:]]}), Target("claude-opus-5", 1000), Losses(allowed=False)
    )
    assert sent.body == plain.body


KNOWN = """
type role content text input_text output_text input_image input_file image_url file_data detail call_id name arguments
output function_call function_call_output custom_tool_call reasoning encrypted_content local_shell_call action command
local_shell_call_output additional_tools tools namespace function custom format grammar web_search parameters strict
mode auto required allowed_tools user assistant developer system effort summary high json_schema schema input_audio data
"""
WORDS = st.sampled_from(re.findall(r"\w+", KNOWN))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["instructions", "tools", "tool_choice", "reasoning", "text", "include", "temperature", "top_p", "service_tier"]
)


@given(
    st.sampled_from(EDGES_FROM_RESPONSES),
    st.lists(st.dictionaries(WORDS, VALUES, max_size=6), min_size=1, max_size=4),
    st.dictionaries(FIELDS, VALUES),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_whatever_a_caller_sends_is_carried_or_refused_in_words(edge, items, fields, lossy):
    call = asked({"model": "m", "input": items, **fields})
    with suppress(BadRequest):
        cases.DIALECTS[edge.inbound].read(call)
        sent = edge.request(call, Target("claude-opus-4-5", 9000), Losses(allowed=lossy))
        cases.DIALECTS[edge.outbound].read(sent)


def test_an_effort_that_claude_has_not_is_refused_by_name():
    edge = next(edge for edge in EDGES_FROM_RESPONSES if edge.outbound == "anthropic-messages")
    call = asked({"model": "m", "input": "Hi", "reasoning": {"effort": "huge"}})
    with pytest.raises(BadRequest, match="none, minimal") as refused:
        edge.request(call, Target("claude-opus-5", 9000), Losses(allowed=False))
    assert refused.value.param == "reasoning.effort"
    sent = edge.request(call, Target("claude-opus-5", 9000), Losses(allowed=True))
    assert "thinking" not in json.loads(sent.body)
