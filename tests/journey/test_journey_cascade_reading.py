"""What an answer says, in each dialect, whole and as a stream; and that no bytes make the reader fall over."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.reply import Choice, End, ToolCall
from gateway.dialects import aws_events
from gateway.journey.cascade.reading import READABLE, reply

JSON, SSE, AWS = "application/json", "text/event-stream; charset=utf-8", "application/vnd.amazon.eventstream"


def events(*said):
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in said)


def chat(**more):
    return {"object": "chat.completion", "choices": [{"index": 0, "finish_reason": None, **more}]}


def block(kind, index=0, **more):
    return {"type": f"content_block_{kind}", "index": index, **more}


def gemini(*parts, **more):
    return {"candidates": [{"content": {"parts": list(parts)}, **more}]}


def response(status, *output, **more):
    return {"object": "response", "status": status, "output": list(output), **more}


LOOK = ToolCall("look", '{"at":"home"}')
USE = {"type": "tool_use", "name": "look", "input": {"at": "home"}}
CALL = {"name": "look", "arguments": '{"at":"home"}'}
TEXT = {"type": "message", "content": [{"type": "output_text", "text": "Yes."}]}
CASES = [
    ("openai-chat", JSON, chat(message={"content": "Yes."}, finish_reason="stop"), Choice("Yes.", End.STOP)),
    (
        "openai-chat",
        JSON,
        chat(message={"content": None, "refusal": "No."}, finish_reason="stop"),
        Choice("", End.REFUSED),
    ),
    (
        "openai-chat",
        JSON,
        chat(message={"content": None, "tool_calls": [{"function": CALL}]}, finish_reason="tool_calls"),
        Choice("", End.TOOLS, (LOOK,)),
    ),
    (
        "openai-chat",
        SSE,
        [
            chat(delta={"role": "assistant", "content": "Ye"}),
            chat(delta={"content": "s."}),
            chat(delta={}, finish_reason="length"),
            {"choices": [], "usage": {}},
        ],
        Choice("Yes.", End.LENGTH),
    ),
    (
        "openai-chat",
        SSE,
        [
            chat(delta={"tool_calls": [{"index": 0, "function": {"name": "look", "arguments": ""}}]}),
            chat(delta={"tool_calls": [{"index": 0, "function": {"arguments": '{"at":'}}]}),
            chat(
                delta={"tool_calls": [{"index": 0, "function": {"arguments": '"home"}'}}]}, finish_reason="tool_calls"
            ),
        ],
        Choice("", End.TOOLS, (LOOK,)),
    ),
    (
        "anthropic-messages",
        JSON,
        {"type": "message", "content": [{"type": "text", "text": "Yes."}, USE], "stop_reason": "tool_use"},
        Choice("Yes.", End.TOOLS, (LOOK,)),
    ),
    (
        "anthropic-messages",
        SSE,
        [
            {"type": "message_start", "message": {"content": [], "stop_reason": None}},
            block("start", content_block={"type": "text", "text": ""}),
            block("delta", delta={"type": "text_delta", "text": "Yes."}),
            block("start", 1, content_block={"type": "tool_use", "name": "look", "input": {}}),
            block("delta", 1, delta={"type": "input_json_delta", "partial_json": '{"at":'}),
            block("delta", 1, delta={"type": "input_json_delta", "partial_json": '"home"}'}),
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        ],
        Choice("Yes.", End.TOOLS, (LOOK,)),
    ),
    (
        "gemini",
        JSON,
        gemini({"text": "Hm", "thought": True}, {"text": "Yes."}, finishReason="STOP"),
        Choice("Yes.", End.STOP),
    ),
    (
        "gemini",
        JSON,
        gemini({"functionCall": {"name": "look", "args": {"at": "home"}}}, finishReason="STOP"),
        Choice("", End.STOP, (LOOK,)),
    ),
    (
        "gemini",
        SSE,
        [gemini({"text": "Ye"}), gemini({"text": "s."}, finishReason="SAFETY")],
        Choice("Yes.", End.REFUSED),
    ),
    (
        "gemini",
        JSON,
        [gemini({"text": "Ye"}), gemini({"text": "s."}, finishReason="MAX_TOKENS")],
        Choice("Yes.", End.LENGTH),
    ),
    ("gemini", JSON, {"promptFeedback": {"blockReason": "SAFETY"}}, Choice("", End.REFUSED)),
    ("openai-responses", JSON, response("completed", TEXT), Choice("Yes.", End.STOP)),
    (
        "openai-responses",
        JSON,
        response("incomplete", TEXT, incomplete_details={"reason": "max_output_tokens"}),
        Choice("Yes.", End.LENGTH),
    ),
    (
        "openai-responses",
        JSON,
        response("completed", {"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}),
        Choice("", End.REFUSED),
    ),
    (
        "openai-responses",
        SSE,
        [
            {"type": "response.created", "response": response("in_progress")},
            {"type": "response.output_text.delta", "delta": "Yes."},
            {"type": "response.completed", "response": response("completed", TEXT, {"type": "function_call", **CALL})},
        ],
        Choice("Yes.", End.STOP, (LOOK,)),
    ),
    (
        "bedrock-converse",
        JSON,
        {
            "output": {
                "message": {"content": [{"text": "Yes."}, {"toolUse": {"name": "look", "input": {"at": "home"}}}]}
            },
            "stopReason": "tool_use",
        },
        Choice("Yes.", End.TOOLS, (LOOK,)),
    ),
    (
        "bedrock-converse",
        AWS,
        [
            {"role": "assistant"},
            {"contentBlockIndex": 0, "delta": {"text": "Yes."}},
            {"contentBlockIndex": 1, "start": {"toolUse": {"name": "look"}}},
            {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"at":"home"}'}}},
            {"stopReason": "tool_use"},
        ],
        Choice("Yes.", End.TOOLS, (LOOK,)),
    ),
]


def framed(content_type, said):
    if content_type == AWS:
        return b"".join(aws_events.message(b"", json.dumps(one).encode()) for one in said)
    if content_type == SSE:
        return events(*said) + b"data: [DONE]\n\n"
    return json.dumps(said).encode()


@pytest.mark.parametrize(("dialect", "content_type", "said", "choice"), CASES)
def test_what_an_answer_says(dialect, content_type, said, choice):
    assert reply("a", dialect, content_type, framed(content_type, said)).choices == (choice,)


def test_choices_are_told_apart():
    said = [
        {"choices": [{"index": 1, "delta": {"content": "B"}}]},
        {"choices": [{"index": 0, "delta": {"content": "A"}, "finish_reason": "stop"}]},
        {"choices": [{"index": 1, "delta": {"content": "b"}, "finish_reason": "strange"}]},
    ]
    found = reply("a", "openai-chat", SSE, events(*said)).choices
    assert sorted((c.text, c.end) for c in found) == [("A", End.STOP), ("Bb", End.OTHER)]


def test_a_whole_answer_begins_with_no_arguments():
    said = {
        "type": "message",
        "content": [{"type": "tool_use", "name": "look", "input": {}}],
        "stop_reason": "tool_use",
    }
    assert reply("a", "anthropic-messages", JSON, framed(JSON, said)).choices[0].calls == (ToolCall("look", "{}"),)


WORDS = [
    *(
        "choices",
        "index",
        "delta",
        "message",
        "content",
        "tool_calls",
        "function",
        "type",
        "output",
        "response",
        "status",
    ),
    *("candidates", "parts", "functionCall", "toolUse", "start", "stopReason", "finish_reason", "object", "refusal"),
    *("incomplete_details", "promptFeedback", "content_block", "name", "arguments", "input", "text"),
]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=30,
)


@pytest.mark.parametrize("dialect", sorted(READABLE))
@given(said=anything, content_type=st.sampled_from([JSON, SSE, "text/html", ""]))
def test_whatever_shape_it_has_it_is_read(dialect, said, content_type):
    body = events(said) if content_type == SSE else json.dumps(said).encode()
    reply("a", dialect, content_type, body)


@pytest.mark.parametrize("dialect", sorted(READABLE))
@given(body=st.binary(max_size=200), content_type=st.sampled_from([JSON, SSE, AWS]))
def test_whatever_bytes_there_are_they_are_read(dialect, body, content_type):
    reply("a", dialect, content_type, body)
