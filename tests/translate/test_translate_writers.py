"""What is written in a dialect reads back in it: with its own lens, and with its official client's types."""

import json

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming._deltas import accumulate_delta
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from gateway.core.usage import Usage
from gateway.dialects import sse
from gateway.dialects.spoken import DIALECTS
from gateway.translate import chat_answer, chat_stream, messages_answer, messages_stream

NO_QUIRKS = frozenset()
COUNTS = st.integers(0, 10**8)
TOKENS = [
    "input",
    "cache_read",
    "cache_write",
    "cache_write_1h",
    "cache_write_12h",
    "input_audio",
    "cache_read_audio",
    "input_image",
    "cache_read_image",
    "input_video",
    "input_tool",
    "output",
    "output_reasoning",
    "output_audio",
    "output_image",
]
usages = st.builds(Usage, **dict.fromkeys(TOKENS, COUNTS))


def read(dialect, body):
    return DIALECTS[dialect].report(json.dumps(body).encode(), NO_QUIRKS)


@given(usages)
@settings(deadline=None)
def test_a_chats_usage_keeps_every_sum(usage):
    report = read("openai-chat", {"choices": [], "usage": chat_answer.usage_block(usage)})
    assert not report.clamped
    told = report.usage
    assert (told.input_total, told.output_total) == (usage.input_total, usage.output_total)
    assert told.cache_read == usage.cache_read + usage.cache_read_audio + usage.cache_read_image
    assert told.cache_write == usage.cache_write + usage.cache_write_1h + usage.cache_write_12h
    assert (told.input_audio, told.input_image) == (usage.input_audio, usage.input_image)
    assert (told.output_reasoning, told.output_audio) == (usage.output_reasoning, usage.output_audio)


@given(usages)
@settings(deadline=None)
def test_a_messages_usage_keeps_every_sum(usage):
    report = read("anthropic-messages", {"type": "message", "usage": messages_answer.usage_block(usage)})
    assert not report.clamped
    told = report.usage
    assert (told.input_total, told.output_total) == (usage.input_total, usage.output_total)
    assert told.cache_read == usage.cache_read + usage.cache_read_audio + usage.cache_read_image
    assert told.cache_write == usage.cache_write + usage.cache_write_12h
    assert (told.cache_write_1h, told.output_reasoning) == (usage.cache_write_1h, usage.output_reasoning)


@pytest.mark.parametrize("usage", [None, Usage(input=3, output=2, cache_read=5)])
def test_whole_answers_are_what_the_clients_take(usage):
    choices = [chat_answer.choice({"content": "Hello"}, "stop")]
    body = chat_answer.completion("chatcmpl-1", 17, "m", choices, usage, tier="default")
    whole = ChatCompletion.model_validate(body, strict=True)
    assert whole.choices[0].message.content == "Hello"
    assert whole.service_tier == "default"
    assert (whole.usage is None) == (usage is None)
    assert "service_tier" not in chat_answer.completion("chatcmpl-1", 17, "m", choices, usage)
    said = messages_answer.message(
        "msg_1", "m", [{"type": "text", "text": "Hello"}], "stop_sequence", usage, sequence="END"
    )
    message = Message.model_validate(said, strict=True)
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")


def chunks(stream):
    data = [sse.payload(event) for event in sse.events(stream)]
    assert data[-1] == b"[DONE]"
    return [ChatCompletionChunk.model_validate_json(each, strict=True) for each in data[:-1]]


def test_a_stream_of_chunks_adds_up():
    write = chat_stream.ChatStream()
    first = {"type": "reasoning.text", "index": 0, "text": "Hm", "format": "anthropic-claude-v1"}
    stream = b"".join(
        [
            write.begin("chatcmpl-1", 17, "m"),
            write.reasoning("Hm", first),
            write.reasoning("m.", {"type": "reasoning.text", "index": 0, "text": "m."}),
            write.reasoning("", {"type": "reasoning.text", "index": 0, "signature": "c2ln"}),
            write.reasoning(" Well."),
            write.text('Say "hi"\n'),
            write.refusal("No"),
            write.tool_call(0, "call_1", "look"),
            write.arguments(0, '{"a"'),
            write.arguments(0, ":1}"),
            write.finish("tool_calls"),
            write.usage(Usage(input=3, output=4, output_reasoning=2)),
            chat_stream.DONE,
        ]
    )
    seen = chunks(stream)
    joined = {}
    for chunk in seen:
        for choice in chunk.choices:
            joined = accumulate_delta(joined, choice.delta.to_dict())
    assert joined == {
        "role": "assistant",
        "content": 'Say "hi"\n',
        "refusal": "No",
        "reasoning_content": "Hmm. Well.",
        "reasoning_details": [
            {
                "type": "reasoning.text",
                "index": 0,
                "text": "Hmm.",
                "format": "anthropic-claude-v1",
                "signature": "c2ln",
            }
        ],
        "tool_calls": [
            {"index": 0, "id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
        ],
    }
    assert [c.finish_reason for chunk in seen for c in chunk.choices if c.finish_reason] == ["tool_calls"]
    assert seen[-1].choices == []
    assert seen[-1].usage.total_tokens == 9


def test_several_choices_stay_apart():
    write = chat_stream.ChatStream()
    stream = write.begin("chatcmpl-1", 17, "m", choices=2) + write.text("b", choice=1) + write.finish("stop", choice=1)
    indexes = [choice.index for chunk in chunks(stream + chat_stream.DONE) for choice in chunk.choices]
    assert indexes == [0, 1, 1, 1]


def added_up(stream):
    adapter = TypeAdapter(RawMessageStreamEvent)
    whole, buffers = None, {}
    for event in sse.events(stream):
        name, data = event.split(b"\n")[0].removeprefix(b"event: "), sse.payload(event)
        assert json.loads(data)["type"] == name.decode()
        whole = accumulate_event(
            event=adapter.validate_json(data, strict=True), current_snapshot=whole, json_bufs=buffers
        )
    return whole


def test_a_stream_of_events_adds_up():
    write = messages_stream.MessagesStream()
    stream = b"".join(
        [
            write.begin("msg_1", "m", Usage(input=3, cache_read=1)),
            write.thinking("Hm"),
            write.thinking("m."),
            write.signature("c2ln"),
            write.text("On"),
            write.text("e"),
            write.tool_use("toolu_1", "look"),
            write.input_json('{"a"'),
            write.input_json(":1}"),
            write.tool_use("toolu_2", "look"),
            write.end("tool_use", Usage(input=3, cache_read=1, output=9)),
        ]
    )
    message = added_up(stream)
    assert [block.type for block in message.content] == [
        "thinking",
        "text",
        "tool_use",
        "tool_use",
    ]
    assert (message.content[0].thinking, message.content[0].signature) == ("Hmm.", "c2ln")
    assert message.content[1].text == "One"
    assert [block.input for block in message.content[2:]] == [{"a": 1}, {}]
    assert (message.stop_reason, message.usage.output_tokens) == ("tool_use", 9)
    assert stream.count(b"event: content_block_start") == stream.count(b"event: content_block_stop") == 4


def test_thoughts_that_are_hidden_still_have_their_signature():
    write = messages_stream.MessagesStream()
    stream = write.begin("msg_1", "m") + write.thinking("") + write.signature("c2ln") + write.end("end_turn", None)
    block = added_up(stream).content[0]
    assert (block.thinking, block.signature) == ("", "c2ln")


def test_thoughts_that_nobody_signed_say_so():
    """So that they are known where they come back: an empty signature could be any provider's."""
    write = messages_stream.MessagesStream()
    stream = write.begin("msg_1", "m") + write.thinking("Hm.") + write.text("Yes.") + write.end("end_turn", None)
    thoughts, text = added_up(stream).content
    assert (thoughts.thinking, thoughts.signature, text.text) == ("Hm.", "fareway-1.unsigned", "Yes.")


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("news", "stop"),
        (None, "stop"),
        ([], "stop"),
    ],
)
def test_why_messages_end_in_the_words_of_chat(stop, finish):
    assert chat_answer.finish_reason(stop) == finish


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("function_call", "tool_use"),
        ("content_filter", "refusal"),
        ("news", "end_turn"),
        (None, "end_turn"),
        ({}, "end_turn"),
    ],
)
def test_why_chats_end_in_the_words_of_messages(finish, stop):
    assert messages_answer.stop_reason(finish) == stop
