"""One of Anthropic's messages at a provider that speaks chat completions: recorded cases, and what is refused."""

import json

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from edge_cases import (
    ALL_COUNTED_AS_THE_FIRST,
    carried,
    cases,
    chat_of_calls,
    check_answer,
    check_request,
    check_stream,
    edge_of,
    payloads,
    streamed,
    told_of,
    walked,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import completion_create_params as params
from pydantic import TypeAdapter

from gateway.core.errors import BadRequest
from gateway.dialects.base import Quirk
from gateway.translate.anthropic_messages_to_openai_chat.names import short

EDGE = edge_of("anthropic-messages", "openai-chat")
REQUESTS = TypeAdapter(params.CompletionCreateParams)
EVENTS = TypeAdapter(RawMessageStreamEvent)
HI = {"role": "user", "content": "Hi"}
BASE = {"model": "m", "max_tokens": 100, "messages": [HI]}
TOOL = {"name": "now", "input_schema": {"type": "object"}}


@pytest.mark.parametrize("case", cases(EDGE, "request"))
def test_requests(case):
    body = check_request(EDGE, case)
    if body is not None:
        walked(REQUESTS.validate_python(body))


@pytest.mark.parametrize("case", cases(EDGE, "answer"))
def test_answers(case):
    Message.model_validate(check_answer(EDGE, case), strict=True)


def added_up(stream):
    whole, buffers = None, {}
    for data in payloads(stream):
        event = EVENTS.validate_json(data, strict=True)
        whole = accumulate_event(event=event, current_snapshot=whole, json_bufs=buffers)
    return whole


@pytest.mark.parametrize("case", cases(EDGE, "stream"))
def test_streams(case):
    out = check_stream(EDGE, case)
    assert added_up(out).stop_reason is not None
    assert out.endswith(b'data: {"type":"message_stop"}\n\n')


def test_calls_that_come_side_by_side_keep_their_arguments():
    message = added_up(check_stream(EDGE, "stream-calls-side-by-side"))
    assert [(b.id, b.input) for b in message.content[1:]] == [("c0", {"x": 1}), ("c1", {"y": 2}), ("c2", {})]


def test_calls_that_are_all_counted_as_the_first_stay_apart():
    message = added_up(streamed(EDGE, [chat_of_calls(ALL_COUNTED_AS_THE_FIRST)], told_of(EDGE)))
    assert [(b.id, b.name, b.input) for b in message.content] == [("a", "one", {"x": 1}), ("b", "two", {"y": 2})]


def pieces_of(number, given):
    """The arguments of one call, piece by piece."""
    text = json.dumps(given)
    function = {"name": "now", "arguments": text[:3]}
    begun = {"tool_calls": [{"index": number, "id": f"c{number}", "function": function}]}
    rest = ({"index": number, "function": {"arguments": text[at : at + 3]}} for at in range(3, len(text), 3))
    return [begun, *({"tool_calls": [call]} for call in rest)]


def stream_of(deltas):
    chunks = [{"choices": [{"delta": delta}]} for delta in deltas]
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


texts = st.text("ab} \n", min_size=1, max_size=3)
beside = texts.map(lambda text: {"content": text}) | texts.map(lambda text: {"reasoning_content": text})
inputs = st.dictionaries(st.text(max_size=3), st.integers() | st.dictionaries(st.just("}"), st.booleans()), max_size=3)


@given(st.lists(inputs, min_size=1, max_size=3), st.lists(beside, max_size=6), st.randoms())
@settings(deadline=None)
def test_whatever_comes_beside_a_call_its_arguments_stay_whole(given_, said, random):
    lines = [said, *(pieces_of(number, each) for number, each in enumerate(given_))]
    turns = [number for number, line in enumerate(lines) for _ in line]
    random.shuffle(turns)
    left = [iter(line) for line in lines]
    message = added_up(streamed(EDGE, [stream_of(next(left[turn]) for turn in turns)], told_of(EDGE)))
    calls = {block.id: block.input for block in message.content if block.type == "tool_use"}
    assert calls == {f"c{number}": each for number, each in enumerate(given_)}
    for kind, name in (("text", "content"), ("thinking", "reasoning_content")):
        told = "".join(getattr(block, kind) for block in message.content if block.type == kind)
        assert told == "".join(delta.get(name, "") for delta in said)


def test_what_comes_beside_a_call_waits_until_that_is_whole():
    stream = EDGE.stream(told_of(EDGE))

    def fed(**delta):
        return stream.feed(json.dumps({"choices": [{"delta": delta}]}).encode())

    def argued(arguments):
        return fed(tool_calls=[{"index": 0, "function": {"name": "now", "arguments": arguments}}])

    assert b"tool_use" in argued('{"x":{"y":')
    assert fed(content="Soon.") == fed(content=" Very soon.") == b""
    assert b"Soon." not in argued("1}")
    whole = argued("}\n")
    assert whole.index(b'"}\\n"') < whole.index(b"Soon.") < whole.index(b" Very soon.")
    assert argued(" ") == b""
    assert b"Now." in fed(content="Now.")


def user(**block):
    return {"messages": [{"role": "user", "content": [block]}]}


def assistant(**block):
    return {"messages": [HI, {"role": "assistant", "content": [block]}, HI]}


def document(**source):
    return user(type="document", source=source)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": "Hi"}, "messages"),
        ({"top_k": 5}, "top_k"),
        ({"container": "c"}, "container"),
        ({"mcp_servers": [{"type": "url", "url": "https://example.com", "name": "x"}]}, "mcp_servers"),
        ({"inference_geo": "us"}, "inference_geo"),
        ({"speed": "fast"}, "speed"),
        ({"compaction": {}}, "compaction"),
        ({"fallbacks": [{"model": "m"}]}, "fallbacks"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"stop_sequences": list("abcde")}, "stop_sequences"),
        ({"stop_sequences": "a"}, "stop_sequences"),
        ({"metadata": {"unheard_of": "u"}}, "metadata.unheard_of"),
        ({"context_management": {"edits": [{"type": "compact_20260112"}]}}, "context_management.edits[0]"),
        ({"context_management": {"unheard_of": 1}}, "context_management.unheard_of"),
        ({"output_config": {"format": {"type": "regex"}}}, "output_config.format"),
        ({"output_config": {"unheard_of": 1}}, "output_config.unheard_of"),
        (
            {"output_config": {"format": {"type": "json_schema", "schema": {}}}, "output_format": {"type": "x"}},
            "output_format",
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": "many"}}, "thinking.budget_tokens"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools[0]"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0]"),
        ({"tools": [TOOL | {"allowed_callers": ["code_execution_20260120"]}]}, "tools[0].allowed_callers"),
        ({"tools": [TOOL | {"input_schema": "any"}]}, "tools[0].input_schema"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tools": [TOOL], "tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"messages": [HI, {"role": "assistant", "content": "{"}]}, "messages[1]"),
        ({"messages": [{"role": "narrator", "content": "Hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
        ({"messages": [HI | {"unheard_of": 1}]}, "messages[0].unheard_of"),
        ({"system": [{"type": "image"}]}, "system[0]"),
        (user(type="text", text=7), "messages[0].content[0].text"),
        (user(type="text", text="Hi", unheard_of=1), "messages[0].content[0].unheard_of"),
        (user(type="search_result", title="t"), "messages[0].content[0]"),
        (user(type="image"), "messages[0].content[0].source"),
        (user(type="image", source={"type": "file", "file_id": "f"}), "messages[0].content[0].source"),
        (user(type="image", source={"type": "base64", "data": "AA=="}), "messages[0].content[0].source.media_type"),
        (document(type="url", url="https://example.com/a.pdf"), "messages[0].content[0].source"),
        (document(type="file", file_id="f"), "messages[0].content[0].source"),
        (document(type="content", content=7), "messages[0].content[0].source.content"),
        (
            user(type="document", source={"type": "text", "data": "x"}, citations={"enabled": True}),
            "messages[0].content[0].citations.enabled",
        ),
        (user(type="tool_result", content="1"), "messages[0].content[0].tool_use_id"),
        (
            user(type="tool_result", tool_use_id="t", content=[{"type": "search_result", "title": "t"}]),
            "messages[0].content[0].content[0]",
        ),
        (
            user(type="tool_result", tool_use_id="t", content=[{"type": "tool_reference"}]),
            "messages[0].content[0].content[0].tool_name",
        ),
        (assistant(type="server_tool_use", id="s", name="web_search", input={}), "messages[1].content[0]"),
        (
            assistant(type="tool_use", id="t", name="now", input={}, caller={"type": "code_execution_20260120"}),
            "messages[1].content[0].caller",
        ),
        (assistant(type="tool_use", id="t", name="now", input="1"), "messages[1].content[0].input"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_carried_is_refused_by_name(members, param):
    with pytest.raises(BadRequest) as refused:
        carried(EDGE, {"to": "gpt-4o", "body": BASE | members})
    assert refused.value.param == param


@pytest.mark.parametrize(
    "members",
    [
        user(type="image", source={"type": "file", "file_id": "f"}),
        document(type="file", file_id="f"),
        {"system": [{"type": "image"}]},
        {"output_config": {"format": {"type": "regex"}}},
        assistant(type="server_tool_use", id="s", name="web_search", input={}),
    ],
)
def test_or_left_out_and_named(members):
    given = {"to": "gpt-4o", "lossy": True, "body": BASE | members | {"messages": [HI, *members.get("messages", [])]}}
    assert len(carried(EDGE, given)[1]) == 1


THINKS, CALLS = {"thinking": {"type": "adaptive"}}, {"tools": [TOOL]}


@pytest.mark.parametrize(
    ("model", "members", "effort", "dropped"),
    [
        ("gpt-4o", THINKS, None, ["thinking"]),
        ("gpt-5-chat-latest", THINKS, None, ["thinking"]),
        ("o3", THINKS, "high", []),
        ("openai/gpt-5.2", THINKS | {"output_config": {"effort": "low"}}, "low", []),
        ("gpt-5", {"output_config": {"effort": "xhigh"}}, "high", ["output_config.effort"]),
        ("gpt-5.2", {"output_config": {"effort": "max"}}, "xhigh", ["output_config.effort"]),
        ("gpt-5.2", {"output_config": {"effort": "xhigh"}}, "xhigh", []),
        ("gpt-5", {"thinking": {"type": "disabled"}}, "minimal", ["thinking"]),
        ("gpt-5.1", {"thinking": {"type": "disabled"}}, "none", []),
        ("o4-mini", {"thinking": {"type": "disabled"}}, "low", ["thinking"]),
        ("gemini-2.5-flash", {"thinking": {"type": "disabled"}}, "none", []),
        ("gpt-4o", {"thinking": {"type": "disabled"}}, None, []),
        ("o3", {"thinking": {"type": "enabled", "budget_tokens": 90}}, "high", []),
        ("o3", {"thinking": {"type": "enabled", "budget_tokens": 50}}, "medium", []),
        ("o3", {"thinking": {"type": "enabled", "budget_tokens": 10}}, "low", []),
        ("gpt-5.4", CALLS | THINKS, "none", ["thinking"]),
        ("gpt-5.4", CALLS, "none", []),
        ("gpt-5.4", CALLS | {"thinking": {"type": "disabled"}}, "none", []),
        ("gpt-5.1", CALLS | THINKS, "high", []),
        ("gpt-5.4", {}, None, []),
    ],
)
def test_how_much_to_think(model, members, effort, dropped):
    body, left_out = carried(EDGE, {"to": model, "quirks": ["caps_completion_tokens"], "body": BASE | members})
    assert body.get("reasoning_effort") == effort
    assert left_out == dropped


def test_elsewhere_than_at_openai_tools_do_not_keep_a_model_from_thinking():
    body, _ = carried(EDGE, {"to": "openai/gpt-5.4", "body": BASE | CALLS | THINKS})
    assert body["reasoning_effort"] == "high"


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "additionalProperties": False}
STRICT = CITY | {"required": ["city"]}


@pytest.mark.parametrize(("schema", "dropped"), [(STRICT, []), (CITY, ["output_config.format"])])
def test_a_schema_with_what_openai_does_not_keep_to_is_told_and_named(schema, dropped):
    """Anthropic lets properties be optional; OpenAI refuses such a schema if it is to be strict."""
    asked = {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    body, left_out = carried(EDGE, {"to": "gpt-4o", "body": BASE | asked})
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": schema, "strict": not dropped}
    assert left_out == dropped


def test_a_strict_tool_with_what_openai_does_not_keep_to_is_told_and_named():
    tools = [{"name": f"t{at}", "input_schema": schema, "strict": True} for at, schema in enumerate((STRICT, CITY))]
    body, left_out = carried(EDGE, {"to": "gpt-4o", "body": BASE | {"tools": tools}})
    assert [tool["function"] for tool in body["tools"]] == [
        {"name": "t0", "parameters": STRICT, "strict": True},
        {"name": "t1", "parameters": CITY},
    ]
    assert left_out == ["tools.strict"]


def test_an_error_is_said_and_nothing_may_come_of_a_tool():
    blocks = [{"type": "tool_result", "tool_use_id": "t", "is_error": True}]
    body, _ = carried(EDGE, {"to": "gpt-4o", "body": BASE | {"messages": [{"role": "user", "content": blocks}]}})
    assert body["messages"] == [{"role": "tool", "tool_call_id": "t", "content": "Error: "}]


def test_hidden_thoughts_do_not_go_back_even_where_others_do():
    said = [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": "Hi"}]
    messages = [HI, {"role": "assistant", "content": said}, HI]
    body, dropped = carried(EDGE, {"to": "deepseek-chat", "body": BASE | {"messages": messages}})
    assert body["messages"][1] == {"role": "assistant", "content": "Hi"}
    assert dropped == ["messages.content.redacted_thinking"]


def test_a_tool_without_a_schema_takes_nothing():
    body, _ = carried(EDGE, {"to": "gpt-4o", "body": BASE | {"tools": [{"name": "now"}]}})
    assert body["tools"][0]["function"]["parameters"] == {"type": "object", "properties": {}}


def test_an_empty_system_prompt_is_none():
    body, _ = carried(EDGE, {"to": "gpt-4o", "body": BASE | {"system": ""}})
    assert body["messages"] == [HI]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [7]}',
        b'{"choices": [{"message": 7}]}',
        b'{"a": %b}' % (b"[" * 100_000 + b"]" * 100_000),
    ],
)
def test_what_is_no_completion_is_no_answer(body):
    with pytest.raises(ValueError):
        EDGE.answer(body, told_of(EDGE))


def answered(message, **members):
    body = {"choices": [{"message": message} | members]}
    return json.loads(EDGE.answer(json.dumps(body).encode(), told_of(EDGE)))


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ({"a": 1}, {"a": 1}),
        ("", {}),
        (None, {}),
        ("[1]", {"arguments": "[1]"}),
        ("[" * 2000, {"arguments": "[" * 2000}),
    ],
)
def test_arguments_become_an_object(arguments, given):
    calls = ["no call", {"id": "c", "function": {"name": "now", "arguments": arguments}}]
    answer = answered({"tool_calls": calls})
    assert answer["content"] == [{"type": "tool_use", "id": "c", "name": "now", "input": given}]
    assert (answer["model"], answer["stop_reason"]) == ("", "tool_use")


@pytest.mark.parametrize("finish", ["model_length", "error", "insufficient_system_resource", "abort"])
def test_an_answer_that_its_provider_did_not_finish_is_cut_short(finish):
    assert answered({"content": "Hi"}, finish_reason=finish)["stop_reason"] == "max_tokens"
    call = {"id": "c", "function": {"name": "now", "arguments": "{"}}
    assert answered({"tool_calls": [call]}, finish_reason=finish)["stop_reason"] == "max_tokens"


def test_parts_of_an_unknown_kind_say_nothing():
    assert answered({"content": [7, {"type": "news"}], "tool_calls": 7})["content"] == []


def test_usage_is_read_as_its_provider_means_it():
    """There are providers that count reasoning beside the completion."""
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 6}}
    body = json.dumps({"choices": [{"message": {"content": "Hi"}}], "usage": usage}).encode()
    told = told_of(EDGE, quirks=frozenset({Quirk.REASONING_BESIDE_OUTPUT}))
    assert json.loads(EDGE.answer(body, told))["usage"]["output_tokens"] == 10
    stream = EDGE.stream(told)
    stream.feed(body)
    assert json.loads(payloads(stream.finish())[-2])["usage"]["output_tokens"] == 10


def test_usage_beside_choices_that_are_none_is_told_as_it_is_booked():
    stream = EDGE.stream(told_of(EDGE))
    stream.feed(b'{"choices": [{"delta": {"content": "Hi"}}]}')
    stream.feed(b'{"choices": 2, "usage": {"prompt_tokens": 9, "completion_tokens": 4}}')
    assert json.loads(payloads(stream.finish())[-2])["usage"]["output_tokens"] == 4


def test_a_stream_may_say_anything():
    stream = EDGE.stream(told_of(EDGE))
    assert stream.finish() == stream.feed(b"[DONE]") == stream.feed(b"no JSON") == b""
    assert json.loads(payloads(stream.feed(b"{}"))[0])["message"]["model"] == ""
    for data in [
        b'{"choices": [{"delta": 7}]}',
        b'{"choices": [{"index": 1, "delta": {"content": "of another choice"}}]}',
        b'{"choices": [{"delta": {"content": 7, "tool_calls": 7, "refusal": 7}}]}',
        b'{"choices": [{"delta": {"tool_calls": [7]}}]}',
        b'{"choices": 7}',
    ]:
        assert stream.feed(data) == b""
    begun = stream.feed(b'{"choices": [{"delta": {"tool_calls": [{"index": 0, "function": 7}]}}]}')
    assert json.loads(payloads(begun)[0])["content_block"]["id"] == "toolu_req_0000000000000001_0"
    assert json.loads(payloads(stream.finish())[-2])["delta"]["stop_reason"] == "tool_use"
    assert stream.finish() == b""


def test_calls_that_are_never_whole_still_come():
    stream = EDGE.stream(told_of(EDGE))
    events = b""
    for index, arguments in ((0, '{"a"'), (1, "{"), (2, "")):
        call = {"index": index, "id": f"c{index}", "function": {"name": "now", "arguments": arguments}}
        events += stream.feed(json.dumps({"choices": [{"delta": {"tool_calls": [call]}}]}).encode())
    text = (events + stream.finish()).decode()
    assert [text.count(f'"id":"c{index}"') for index in range(3)] == [1, 1, 1]


def test_names_stay_apart_when_they_are_shortened():
    first, second = ("a" * 100 + each for each in "xy")
    assert len({short(first), short(second)}) == 2
    assert len(short(first)) == 64
    assert short("now") == "now"
    assert EDGE.serves("gpt-4o")
