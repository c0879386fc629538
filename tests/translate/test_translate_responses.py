"""What the edges from the Responses API share: efforts, sealed reasoning, and counters in this API's convention."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseUsage
from translate import responses_cases as cases

from gateway.core.usage import Usage
from gateway.translate.claude import claude_of
from gateway.translate.claude_effort import Thinking, thinking_for
from gateway.translate.edges import EDGES
from gateway.translate.responses_answer import usage_block
from gateway.translate.responses_tools import arguments_with, text_in, wire_name
from gateway.translate.sealed import seal, unseal

COUNTS = st.integers(0, 10**8)
TOKENS = [name for name in Usage.__struct_fields__ if name not in ("requests", "final", "extras", "prompt")]
ADAPTIVE = {"type": "adaptive"}


def thinking(model, effort, summary=False, max_tokens=10_000, forced=False):
    return thinking_for(claude_of(model), effort, summary=summary, max_tokens=max_tokens, forced=forced)


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("claude-opus-5", "high", Thinking(ADAPTIVE, "high")),
        ("claude-opus-5", "xhigh", Thinking(ADAPTIVE, "xhigh")),
        ("claude-opus-5", "minimal", Thinking(ADAPTIVE, "low")),
        ("claude-opus-4-6", "xhigh", Thinking(ADAPTIVE, "high")),
        ("claude-opus-5", "none", Thinking({"type": "disabled"})),
        ("claude-opus-5-5", "none", Thinking(effort="low", exact=False)),
        ("claude-opus-4-8", "none", Thinking()),
        ("claude-sonnet-4-5", "low", Thinking({"type": "enabled", "budget_tokens": 2000})),
        ("claude-sonnet-4-5", "minimal", Thinking({"type": "enabled", "budget_tokens": 1024})),
        ("claude-3-5-haiku-20241022", "low", Thinking(exact=False)),
    ],
)
def test_efforts_are_said_as_each_generation_understands_them(model, effort, expected):
    assert thinking(model, effort) == expected


def test_thoughts_are_shown_where_they_are_asked_for():
    assert thinking("claude-opus-5", None, summary=True) == Thinking({"type": "adaptive", "display": "summarized"})
    assert thinking("claude-sonnet-4-5", None, summary=True) == Thinking(exact=False)


def test_a_budget_leaves_room_for_the_answer():
    assert thinking("claude-sonnet-4-5", "low", max_tokens=1024) == Thinking(exact=False)
    assert thinking("claude-sonnet-4-5", "low", max_tokens=1025).thinking == {"type": "enabled", "budget_tokens": 1024}


def test_who_must_call_a_tool_does_not_think_first():
    assert thinking("claude-opus-5", "high", forced=True) == Thinking({"type": "disabled"}, exact=False)
    assert thinking("claude-opus-5", None, forced=True) == Thinking({"type": "disabled"})


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
