"""A chat completion at a provider that speaks Anthropic's messages: recorded cases, and what is refused."""

import json

import pytest
from anthropic.types import message_create_params as params
from edge_cases import carried, cases, check_answer, check_request, check_stream, edge_of, payloads, told_of, walked
from openai.lib.streaming._deltas import accumulate_delta
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from gateway.core.errors import BadRequest
from gateway.translate.claude import claude_of

EDGE = edge_of("openai-chat", "anthropic-messages")
REQUESTS = TypeAdapter(params.MessageCreateParams)
NEW, OLD = "claude-opus-4-8", "claude-3-5-haiku-20241022"
HI = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}


@pytest.mark.parametrize("case", cases(EDGE, "request"))
def test_requests(case):
    body = check_request(EDGE, case)
    if body is not None:
        walked(REQUESTS.validate_python(body))


@pytest.mark.parametrize("case", cases(EDGE, "answer"))
def test_answers(case):
    ChatCompletion.model_validate(check_answer(EDGE, case), strict=True)


@pytest.mark.parametrize("case", cases(EDGE, "stream"))
def test_streams(case):
    *chunks, done = payloads(check_stream(EDGE, case))
    assert done == b"[DONE]"
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(chunk, strict=True)


def test_a_stream_tells_what_the_whole_answer_does():
    """The thoughts of it can be sent back as they are: joined by the official client, they are the model's blocks."""
    joined = {}
    for data in payloads(check_stream(EDGE, "stream-thoughts-and-tools"))[:-1]:
        for choice in ChatCompletionChunk.model_validate_json(data).choices:
            joined = accumulate_delta(joined, choice.delta.to_dict())
    assert joined["reasoning_content"] == 'Two cities: "Zürich" …'
    asked = {"model": "m", "messages": [HI, joined, {"role": "tool", "tool_call_id": "toolu_1", "content": "Sunny"}]}
    body, _ = carried(EDGE, {"to": NEW, "body": asked})
    assert [block["type"] for block in body["messages"][1]["content"]] == [
        *("thinking", "redacted_thinking", "thinking", "text"),
        *("tool_use", "tool_use", "tool_use"),
    ]
    assert body["messages"][1]["content"][0]["thinking"] == 'Two cities: "Zürich" …'
    assert [block["input"] for block in body["messages"][1]["content"][4:]] == [{"city": "Paris"}, {}, {"a": 1}]


def part(**members):
    return {"messages": [{"role": "user", "content": [members]}]}


def assistant(**members):
    return {"messages": [HI, {"role": "assistant", "content": "Yes"} | members]}


CALL = {"id": "c", "function": {"name": "now", "arguments": "{}"}}

REFUSED = [
    ({"messages": "Hi"}, "messages"),
    ({"n": 2}, "n"),
    ({"seed": 0}, "seed"),
    ({"logprobs": True}, "logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"logit_bias": {"50256": -100}}, "logit_bias"),
    ({"frequency_penalty": 0.5}, "frequency_penalty"),
    ({"presence_penalty": -0.5}, "presence_penalty"),
    ({"temperature": 0.5}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"top_p": 0.5}, "top_p"),
    ({"stream_options": {"include_usage": True, "unheard_of": 1}}, "stream_options.unheard_of"),
    ({"stop": {"a": 1}}, "stop"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
    ({"verbosity": "low"}, "verbosity"),
    ({"web_search_options": {}}, "web_search_options"),
    ({"moderation": {"model": "m"}}, "moderation"),
    ({"service_tier": "flex"}, "service_tier"),
    ({"functions": [{"name": "now"}]}, "functions"),
    ({"function_call": {"name": "now"}}, "function_call"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"response_format": {"type": "json_schema"}}, "response_format"),
    ({"response_format": {}}, "response_format.type"),
    ({"unheard_of": {"a": 1}}, "unheard_of"),
    ({"thinking": "much"}, "thinking"),
    ({"reasoning_effort": "extreme"}, "reasoning_effort"),
    ({"reasoning_effort": "high", "tools": [TOOL], "tool_choice": "required"}, "reasoning_effort"),
    ({"reasoning": {"effort": "high", "exclude": True}}, "reasoning.exclude"),
    ({"tools": [{"type": "custom", "custom": {"name": "grep"}}]}, "tools[0].custom"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [{"type": "function", "function": {"description": "What?"}}]}, "tools[0].function.name"),
    ({"tools": [TOOL | {"unheard_of": 1}]}, "tools[0].unheard_of"),
    ({"tools": ["now"]}, "tools[0]"),
    ({"tool_choice": {"type": "allowed_tools", "allowed_tools": {}}}, "tool_choice"),
    ({"tool_choice": "sometimes"}, "tool_choice"),
    ({"tool_choice": {"function": {"name": "now"}}}, "tool_choice"),
    ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
    (part(text="Hi"), "messages[0].content[0].type"),
    (part(type="text"), "messages[0].content[0].text"),
    (part(type="video_url", video_url={"url": "https://example.com/v"}), "messages[0].content[0].video_url"),
    (part(type="input_audio", input_audio={}), "messages[0].content[0].input_audio"),
    (part(type="image_url"), "messages[0].content[0].image_url"),
    (part(type="image_url", image_url={"url": "data:image/png,raw"}), "messages[0].content[0].image_url.url"),
    (part(type="image_url", image_url={"url": "data:image/bmp;base64,AA=="}), "messages[0].content[0].image_url"),
    (part(type="file"), "messages[0].content[0].file"),
    (part(type="file", file={"file_id": "file-1"}), "messages[0].content[0].file.file_id"),
    (part(type="file", file={"file_data": "AAAA"}), "messages[0].content[0].file"),
    (
        part(type="file", file={"file_data": "data:text/plain;base64,/w=="}),
        "messages[0].content[0].file.file_data",
    ),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    (assistant(refusal=7), "messages[1].refusal"),
    ({"messages": [{"role": "system", "content": [{"type": "image_url"}]}, HI]}, "messages[0].content[0].image_url"),
    ({"messages": [HI | {"name": "Ann"}]}, "messages[0].name"),
    ({"messages": [{"role": "function", "name": "now", "content": "1"}]}, "messages[0].role"),
    ({"messages": [{"role": "narrator", "content": "1"}]}, "messages[0].role"),
    ({"messages": [{"content": "1"}]}, "messages[0].role"),
    ({"messages": [{"role": "tool", "content": "1"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "tool", "content": "1", "tool_call_id": ""}]}, None),
    (assistant(function_call={"name": "now", "arguments": "{}"}), "messages[1].function_call"),
    (assistant(audio={"id": "a"}), "messages[1].audio"),
    (assistant(tool_calls=[CALL | {"type": "custom"}]), "messages[1].tool_calls[0].custom"),
    (assistant(tool_calls=[CALL | {"id": None}]), "messages[1].tool_calls[0].id"),
    (
        assistant(tool_calls=[CALL | {"function": {"name": "now", "arguments": "[1]"}}]),
        "messages[1].tool_calls[0].function.arguments",
    ),
    (
        assistant(tool_calls=[CALL | {"function": {"name": "now", "arguments": "[" * 2000}}]),
        "messages[1].tool_calls[0].function.arguments",
    ),
]


@pytest.mark.parametrize(("members", "param"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_carried_is_refused_by_name(members, param):
    with pytest.raises(BadRequest) as refused:
        carried(EDGE, {"to": NEW, "body": {"model": "m", "messages": [HI]} | members})
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("model", "members", "param"),
    [
        (OLD, {"reasoning_effort": "low"}, "reasoning_effort"),
        (OLD, {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}, "response_format"),
        (OLD, {"tools": [{"function": {"name": "now", "strict": True}}]}, "tools[0].function.strict"),
        (OLD, {"temperature": 1.5}, "temperature"),
        (OLD, {"functions": [{}]}, "functions"),
        (
            OLD,
            {"messages": [HI, {"role": "assistant", "tool_calls": [CALL | {"type": "x"}]}]},
            "messages[1].tool_calls[0].x",
        ),
        (OLD, {"response_format": {"type": "json_object"}}, "response_format"),
        (OLD, {"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        (OLD, {"messages": [HI, {"role": "function", "name": "now", "content": "1"}]}, "messages[1].role"),
        (
            OLD,
            {"messages": [HI, {"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages[1].content[0].file.file_id",
        ),
        ("claude-sonnet-4-5", {"temperature": 0.5, "top_p": 0.5}, "top_p"),
        ("claude-sonnet-4-5", {"reasoning_effort": "low", "max_tokens": 1024}, "reasoning_effort"),
        ("claude-sonnet-4-5", {"reasoning_effort": "low", "temperature": 0}, "temperature"),
    ],
)
def test_what_a_model_cannot_do_is_refused_by_name_and_may_be_left_out(model, members, param):
    given = {"to": model, "body": {"model": "m", "messages": [HI]} | members}
    with pytest.raises(BadRequest) as refused:
        carried(EDGE, given)
    assert refused.value.param == param
    assert carried(EDGE, given | {"lossy": True})[1] == [param]


@pytest.mark.parametrize(
    ("part", "left_out"),
    [
        ({"type": "input_audio", "input_audio": {}}, "messages[0].content[1].input_audio"),
        ({"type": "image_url", "image_url": {"url": "data:image/bmp;base64,AA=="}}, "messages[0].content[1].image_url"),
        ({"type": "file", "file": {"file_data": "AAAA"}}, "messages[0].content[1].file"),
    ],
)
def test_a_part_may_be_left_out_and_is_named(part, left_out):
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}, part]}]
    body, dropped = carried(EDGE, {"to": NEW, "lossy": True, "body": {"model": "m", "messages": messages}})
    assert dropped == [left_out]
    assert body["messages"] == [HI]


def test_an_empty_assistant_says_nothing():
    body, _ = carried(EDGE, {"to": NEW, "body": {"model": "m", "messages": [HI, {"role": "assistant"}, HI]}})
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Hi"}] * 2}]


@pytest.mark.parametrize("blank", ["", " ", "\n\n"])
def test_blank_texts_are_left_out(blank):
    """Anthropic refuses them, and models write such beside their calls."""
    said = {"role": "assistant", "content": blank, "tool_calls": [CALL]}
    tool = {"role": "tool", "tool_call_id": "c", "content": blank}
    body, _ = carried(EDGE, {"to": NEW, "body": {"model": "m", "messages": [HI, said, tool]}})
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "c"}]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"content": 1}', b"[" * 2000, b'{"content": [7]}'])
def test_what_is_no_message_is_no_answer(body):
    with pytest.raises(ValueError):
        EDGE.answer(body, told_of(EDGE))


def test_an_answer_nested_too_deeply_is_none():
    deep = b'{"content": [{"type": "tool_use", "input": %b}]}' % (b"[" * 100_000 + b"]" * 100_000)
    with pytest.raises(ValueError):
        EDGE.answer(deep, told_of(EDGE))


def test_what_a_chat_has_no_place_for_is_passed_over():
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    body = {"content": [search, {"type": "text", "text": "Found."}], "stop_reason": "pause_turn"}
    answer = json.loads(EDGE.answer(json.dumps(body).encode(), told_of(EDGE)))
    assert answer["choices"][0]["message"]["content"] == "Found."
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert "usage" not in answer


def test_a_stream_may_say_anything():
    stream = EDGE.stream(told_of(EDGE))
    assert stream.finish() == b""
    assert stream.feed(b"no JSON") == b""
    first = stream.feed(b'{"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "c2ln"}}')
    assert json.loads(payloads(first)[0])["model"] == ""
    for data in [
        b'{"type": "message_start"}',
        b'{"type": "content_block_start"}',
        b'{"type": "content_block_start", "content_block": {"type": "server_tool_use", "id": "s", "name": "search"}}',
        b'{"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{}"}}',
        b'{"type": "content_block_stop"}',
        b'{"type": "content_block_start", "content_block": {"type": "thinking", "thinking": ""}}',
        b'{"type": "content_block_delta", "delta": {"type": "news"}}',
        b'{"type": "content_block_delta"}',
        b'{"type": "message_delta", "delta": {}}',
        b'{"type": "news"}',
    ]:
        assert stream.feed(data) == b""
    assert payloads(stream.finish())[-1] == b"[DONE]"
    assert stream.finish() == b""


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("claude-3-5-sonnet-20241022", (3, 5)),
        ("claude-3-opus-20240229", (3, 0)),
        ("claude-opus-4-20250514", (4, 0)),
        ("claude-opus-4-1-20250805", (4, 1)),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", (4, 5)),
        ("claude-haiku-4-5@20251001", (4, 5)),
        ("anthropic/claude-4.6-sonnet-20260217", (4, 6)),
        ("Claude-Sonnet-5", (5, 0)),
        ("claude-fable-5-2", (5, 2)),
        ("claude-mythos-preview", (99, 0)),
        ("kimi-k3", (4, 0)),
    ],
)
def test_versions_of_claude(name, version):
    assert claude_of(name) == version
    assert EDGE.serves(name)
