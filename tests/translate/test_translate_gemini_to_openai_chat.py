"""Gemini's generateContent at a provider that speaks chat completions: recorded cases, and what must hold for all."""

import base64
import json
from contextlib import suppress
from itertools import pairwise

import pytest
from edge_cases import (
    ALL_COUNTED_AS_THE_FIRST,
    CREATED,
    REQUEST_ID,
    carried,
    cases,
    chat_of_calls,
    check_answer,
    check_request,
    check_stream,
    edge_of,
    folder,
    payloads,
    reported,
    streamed,
    told_of,
    walked,
)
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import completion_create_params as params
from pydantic import TypeAdapter

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects import json_array
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Losses, Target, Told
from gateway.translate.gemini.parts import NO_SIGNATURE_BYTES
from gateway.translate.gemini_to_openai_chat.caller import fitting

EDGE = edge_of("gemini", "openai-chat")
REQUESTS = TypeAdapter(params.CompletionCreateParams)
HI = {"role": "user", "parts": [{"text": "Hi"}]}
FUNCTION = {"name": "now"}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "now", "args": {}}}]}
TARGET = Target("gpt-4o", 8192)


@pytest.mark.parametrize("case", cases(EDGE, "request"))
def test_a_request(case):
    body = check_request(EDGE, case)
    if body is not None:
        for message in body["messages"]:
            message.pop("reasoning_content", None)  # Not OpenAI's own.
            for call in message.get("tool_calls", ()):
                call.pop("extra_content", None)
        walked(REQUESTS.validate_python(body))


@pytest.mark.parametrize("case", cases(EDGE, "answer"))
def test_an_answer(case):
    types.GenerateContentResponse.model_validate_json(json.dumps(check_answer(EDGE, case)))


@pytest.mark.parametrize("case", cases(EDGE, "stream"))
def test_a_stream(case):
    chunks = [types.GenerateContentResponse.model_validate_json(data) for data in payloads(check_stream(EDGE, case))]
    assert all(each.finish_reason is not None for each in chunks[-1].candidates)
    assert chunks[-1].usage_metadata.total_token_count == 29


def asked(body, **path):
    given = {"contents": [HI]} | body
    return Asked(json.dumps(given).encode(), **({"model": "pro", "verb": "generateContent"} | path))


def sent(to="gpt-4o", *, lossy=False, quirks=(), path=None, **body):
    given = {"to": to, "lossy": lossy, "quirks": quirks, "body": {"contents": [HI]} | body}
    return carried(EDGE, given | {"path": {"model": "pro", "verb": "generateContent"} | (path or {})})


def config(**members):
    return {"generationConfig": members}


def tool(**function):
    return {"tools": [{"functionDeclarations": [FUNCTION | function]}]}


def user(**part):
    return {"contents": [{"parts": [part]}]}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"unheardOf": 1}, "unheardOf"),
        ({"cachedContent": "x"}, "cachedContent"),
        ({"serviceTier": "flex"}, "serviceTier"),
        ({"contents": [{"role": "narrator", "parts": [{"text": "Hi"}]}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"text": ""}]}]}, "contents"),
        ({"contents": [HI | {"unheardOf": 1}]}, "contents[0].unheardOf"),
        ({"contents": [HI, {"role": "model", "parts": [{"text": "{"}]}]}, "contents[1]"),
        ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts[0]"),
        ({"system_instruction": {"parts": []}, "systemInstruction": {"parts": []}}, "systemInstruction"),
        (user(text="Hi", unheard_of=1), "contents[0].parts[0].unheardOf"),
        (user(executableCode={"code": "1"}), "contents[0].parts[0].executableCode"),
        (user(text="Hi", videoMetadata={"fps": 1}), "contents[0].parts[0].videoMetadata"),
        (user(inlineData={"mimeType": "image/png"}), "contents[0].parts[0].inlineData.data"),
        (user(inlineData={"mimeType": "video/mp4", "data": ""}), "contents[0].parts[0].inlineData"),
        (user(inlineData={"mimeType": "text/plain", "data": "/w=="}), "contents[0].parts[0].inlineData.data"),
        (user(inlineData={"mimeType": "text/plain", "data": "!"}), "contents[0].parts[0].inlineData.data"),
        (user(fileData={"mimeType": "image/png", "fileUri": "gs://b/a"}), "contents[0].parts[0].fileData"),
        (user(fileData={"mimeType": "image/png"}), "contents[0].parts[0].fileData.fileUri"),
        (user(functionResponse={"name": "now", "response": {}}), "contents[0].parts[0].functionResponse"),
        (user(functionResponse={"response": {}}), "contents[0].parts[0].functionResponse.name"),
        ({"contents": [CALL, HI], **tool(behavior="NON_BLOCKING")}, "tools[0].functionDeclarations[0].behavior"),
        (tool(parameters={"type": "OBJECT", "unheardOf": 1}), "tools[0].functionDeclarations[0].parameters.unheardOf"),
        (
            tool(parameters={"properties": {"a_b": {"minItems": "x"}}}),
            "tools[0].functionDeclarations[0].parameters.properties.a_b.minItems",
        ),
        (
            tool(parameters={"properties": {"a": {"properties": {"b": 1}}}}),
            "tools[0].functionDeclarations[0].parameters.properties.a.properties.b",
        ),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"tools": [{"googleSearch": {}}]}, "tools[0].googleSearch"),
        ({"tools": [{"code_execution": {}}]}, "tools[0].codeExecution"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
        (
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}},
            "toolConfig.functionCallingConfig.allowedFunctionNames",
        ),
        ({"safety_settings": [], "safetySettings": []}, "safetySettings"),
        (config(top_k=40, topK=40), "generationConfig.topK"),
        (config(topK=40), "generationConfig.topK"),
        (config(unheardOf=1), "generationConfig.unheardOf"),
        (config(seed=1.5), "generationConfig.seed"),
        (config(seed=True), "generationConfig.seed"),
        (config(seed="inf"), "generationConfig.seed"),
        (config(temperature="nan"), "generationConfig.temperature"),
        (config(temperature="hot"), "generationConfig.temperature"),
        (config(stopSequences=list("abcde")), "generationConfig.stopSequences"),
        (config(responseModalities=["AUDIO"]), "generationConfig.responseModalities"),
        (config(responseMimeType="text/x.enum"), "generationConfig.responseMimeType"),
        (config(responseSchema={"type": "ARRAY", "items": {"type": "STRING"}}), "generationConfig.responseSchema"),
        (config(responseJsonSchema={"type": "array"}), "generationConfig.responseJsonSchema"),
        (config(thinkingConfig={"thinkingLevel": "HUGE"}), "generationConfig.thinkingConfig.thinkingLevel"),
        (config(thinkingConfig={"unheardOf": 1}), "generationConfig.thinkingConfig.unheardOf"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_cannot_be_carried_is_refused_by_name(body, param):
    with pytest.raises(BadRequest) as refused:
        sent(**body)
    assert refused.value.param == param


@pytest.mark.parametrize(
    "body",
    [
        user(text="Hi", inlineData={"mimeType": "video/mp4", "data": ""}),
        {"systemInstruction": {"parts": [{"fileData": {}}]}},
        {"contents": [HI, {"role": "model", "parts": [{"inlineData": {"mimeType": "audio/wav", "data": "QQ=="}}]}, HI]},
        config(responseSchema={"type": "STRING"}),
        config(responseModalities=["TEXT", "IMAGE"]),
        {"tools": [{"googleSearch": {}}]},
    ],
)
def test_or_left_out_and_named(body):
    assert len(sent(lossy=True, **body)[1]) == 1


OWN = ("caps_completion_tokens",)


def thinks(**how):
    return config(thinkingConfig=how)


@pytest.mark.parametrize(
    ("model", "body", "effort", "dropped"),
    [
        ("gpt-4o", thinks(thinkingLevel="HIGH"), None, ["thinkingLevel"]),
        ("gpt-4o", thinks(thinkingBudget=0), None, []),
        ("gpt-4o", thinks(thinkingBudget=-1, includeThoughts=True), None, []),
        ("gpt-4o", thinks(includeThoughts=True), None, []),
        ("o3", thinks(thinkingLevel="low"), "low", []),
        ("o3", thinks(thinkingLevel="MINIMAL"), "low", ["thinkingLevel"]),
        ("o3", thinks(thinkingLevel="THINKING_LEVEL_UNSPECIFIED"), None, []),
        ("o3", thinks(thinkingBudget=0), "low", ["thinkingBudget"]),
        ("o3", thinks(thinkingBudget="1024"), "low", []),
        ("o3", thinks(thinkingBudget=8192), "medium", []),
        ("o3", thinks(thinkingBudget=8193), "high", []),
        ("gpt-5.4", thinks(thinkingBudget=8193) | tool(), "none", ["thinkingBudget"]),
        ("gpt-5.4", tool(), "none", []),
        ("gpt-5.4", {}, None, []),
    ],
)
def test_how_much_to_think(model, body, effort, dropped):
    made, left_out = sent(model, quirks=OWN, **body)
    assert made.get("reasoning_effort") == effort
    assert left_out == [f"generationConfig.thinkingConfig.{name}" for name in dropped]


@pytest.mark.parametrize(
    ("quirks", "header", "tier"), [(OWN, "flex", "flex"), (OWN, "standard", "default"), ((), "standard", None)]
)
def test_a_header_can_ask_for_a_tier(quirks, header, tier):
    assert sent(quirks=quirks, path={"tier": header})[0].get("service_tier") == tier


def test_what_a_model_only_thought_is_nothing_to_tell_again():
    thought = {"role": "model", "parts": [{"text": "Hm.", "thought": True}]}
    body, dropped = sent(contents=[HI, thought, HI])
    assert body["messages"] == [{"role": "user", "content": "Hi"}] * 2
    assert dropped == ["contents.parts.thought"]


@pytest.mark.parametrize(("model", "recalled"), [("gpt-4o", {}), ("deepseek-v4", {"reasoning_content": "Hm."})])
def test_what_a_model_drew_while_it_thought_is_left_out(model, recalled):
    """Google's models for pictures do, and clients send it back."""
    drawn = {"inlineData": {"mimeType": "image/png", "data": "QQ=="}, "thought": True}
    said = {"role": "model", "parts": [{"text": "Hm.", "thought": True}, drawn, {"text": "Done."}]}
    body, dropped = sent(model, contents=[HI, said, HI])
    assert body["messages"][1] == {"role": "assistant", "content": "Done."} | recalled
    assert dropped == ["contents.parts.thought"]


@pytest.mark.parametrize(
    "loose",
    [
        {"type": "object", "properties": {"a": {"minLength": 1}}, "required": ["a"]},
        {"type": "object", "properties": {"a": True}, "required": ["a"]},
        {"type": "object"},
        {"type": "object", "properties": {}, "additionalProperties": True},
        {"type": "object", "properties": ["a"], "additionalProperties": False},
        {"type": "object", "properties": {"a": {"anyOf": 7}}, "required": ["a"]},
        {"type": "object", "properties": {}, "required": 7},
        {"type": "object", "properties": {}, "$defs": 7},
    ],
)
def test_a_schema_that_openai_does_not_know_to_the_letter_is_told_as_it_is(loose):
    body, dropped = sent(**config(responseMimeType="application/json", responseJsonSchema=loose))
    told = body["response_format"]["json_schema"]
    assert (told["schema"], told["strict"]) == (loose, False)
    assert dropped == ["generationConfig.responseJsonSchema"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"responseLogprobs": False, "logprobs": 0}, {}),
        ({"responseLogprobs": True, "logprobs": 0}, {"logprobs": True}),
        ({"responseLogprobs": True, "logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
    ],
)
def test_no_rivals_are_asked_for_where_none_are(asked, told):
    """OpenAI takes a number of them only with `logprobs`."""
    body, _ = sent(**config(**asked))
    assert {name: value for name, value in body.items() if "logprobs" in name} == told


def test_a_system_instruction_without_words_is_none():
    assert sent(systemInstruction={"parts": []})[0]["messages"] == [{"role": "user", "content": "Hi"}]


@given(st.text(min_size=1), st.integers(1, 8192))
@settings(deadline=None)
def test_text_and_cap_arrive_as_they_were(text, cap):
    body, _ = sent(contents=[{"role": "user", "parts": [{"text": text}]}], **config(maxOutputTokens=cap))
    assert body["messages"] == [{"role": "user", "content": text}]
    assert body["max_tokens"] == cap


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_base64_of_either_kind_arrives(data):
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        blob = {"mimeType": "image/png", "data": encode(data).decode()}
        (part,) = sent(**user(inlineData=blob))[0]["messages"][0]["content"]
        assert part["image_url"]["url"] == f"data:image/png;base64,{base64.b64encode(data).decode()}"


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


def test_an_answer_may_say_anything():
    choices = [
        {"message": {"content": 7, "refusal": 7, "tool_calls": [7, {"function": 7}, {"function": {"name": 7}}]}},
        {
            "message": 7,
            "finish_reason": 7,
            "logprobs": {"content": [{"token": 7, "top_logprobs": [7]}, {"top_logprobs": 7}, 7]},
        },
        {"index": 5, "message": {"tool_calls": 7}, "logprobs": {"content": 7}},
    ]
    told = Told(asked({}), REQUEST_ID, CREATED)
    answer = json.loads(EDGE.answer(json.dumps({"choices": choices}).encode(), told))
    assert [each["index"] for each in answer["candidates"]] == [0, 1, 5]
    assert answer["candidates"][0]["content"]["parts"] == [
        {"functionCall": {"name": "", "args": {}}, "thoughtSignature": NO_SIGNATURE_BYTES}
    ]
    assert answer["modelVersion"] == "pro"
    types.GenerateContentResponse.model_validate_json(json.dumps(answer))


@pytest.mark.parametrize(
    ("reason", "told"),
    [("model_length", "MAX_TOKENS"), ("error", "OTHER"), ("insufficient_system_resource", "OTHER"), ("abort", "OTHER")],
)
def test_an_answer_that_its_provider_did_not_finish_does_not_say_stop(reason, told):
    body = json.dumps({"choices": [{"message": {"content": "Hi"}, "finish_reason": reason}]}).encode()
    (candidate,) = json.loads(EDGE.answer(body, told_of(EDGE)))["candidates"]
    assert candidate["finishReason"] == told


def test_usage_beside_choices_that_are_none_is_told_as_it_is_booked():
    stream = EDGE.stream(told_of(EDGE))
    stream.feed(b'{"choices": 2, "usage": {"prompt_tokens": 9, "completion_tokens": 4}}')
    (last,) = payloads(stream.finish())
    assert json.loads(last)["usageMetadata"]["totalTokenCount"] == 13


def test_a_stream_may_say_anything():
    stream = EDGE.stream(told_of(EDGE))
    for data in [
        b"no JSON",
        b"{}",
        b'{"choices": 7}',
        b'{"choices": [{"delta": 7, "index": "x"}]}',
        b'{"choices": [{"delta": {"content": 7, "tool_calls": 7}}]}',
        b'{"choices": [{"delta": {"tool_calls": [7, {"index": 0, "function": 7}]}}]}',
    ]:
        assert stream.feed(data) == b""
    (last,) = payloads(stream.feed(b"[DONE]"))
    assert json.loads(last)["candidates"][0]["finishReason"] == "STOP"
    assert stream.finish() == stream.feed(b"[DONE]") == b""


def test_arguments_that_can_just_be_read_are_told():
    for levels in range(900, 1000):
        arguments = '{"a":' * levels + "1" + "}" * levels
        call = {"id": "c", "function": {"name": "now", "arguments": arguments}}
        assert b'"functionCall"' in streamed(EDGE, [chat_of_calls([[call]])], told_of(EDGE))


def test_calls_that_are_all_counted_as_the_first_stay_apart():
    (last,) = payloads(streamed(EDGE, [chat_of_calls(ALL_COUNTED_AS_THE_FIRST)], told_of(EDGE)))
    assert [part["functionCall"] for part in json.loads(last)["candidates"][0]["content"]["parts"]] == [
        {"name": "one", "args": {"x": 1}, "id": "a"},
        {"name": "two", "args": {"y": 2}, "id": "b"},
    ]


ODD = st.sampled_from([None, 7, -1, 1.5, True, "", "x", "inf", "1e400", [], {}, [[]], {"a": 1}, ["x"], {"type": 7}])


def recorded(kind):
    return [json.loads((folder(EDGE) / f"{case}.in.json").read_text()) for case in cases(EDGE, kind)]


def places(value, path=()):
    """Where something stands in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, inner in inside for place in places(inner, (*path, name)))]


def put(value, path, other):
    """The document with something else in that place."""
    if not path:
        return other
    inner = put(value[path[0]], path[1:], other)
    if isinstance(value, dict):
        return value | {path[0]: inner}
    return [inner if index == path[0] else each for index, each in enumerate(value)]


@given(st.data(), ODD)
@settings(deadline=None)
def test_whatever_stands_in_a_request_it_is_carried_or_refused(data, odd):
    case = data.draw(st.sampled_from(recorded("request")))
    body = put(case["body"], data.draw(st.sampled_from(places(case["body"]))), odd)
    try:
        made, _ = carried(EDGE, case | {"body": body, "lossy": True})
    except BadRequest:
        return
    assert made["messages"]


@given(st.data(), ODD)
@settings(deadline=None)
def test_whatever_stands_in_an_answer_it_is_one_or_none(data, odd):
    answer = data.draw(st.sampled_from(recorded("answer")))
    body = json.dumps(put(answer, data.draw(st.sampled_from(places(answer))), odd)).encode()
    told, stream = told_of(EDGE), EDGE.stream(told_of(EDGE))
    with suppress(ValueError):
        assert json.loads(EDGE.answer(body, told))["candidates"]
    assert stream.feed(body.replace(b'"message"', b'"delta"')) + stream.finish()


def test_a_stream_of_nothing_still_ends():
    (last,) = payloads(EDGE.stream(told_of(EDGE)).finish())
    assert json.loads(last)["candidates"] == [{"content": {"role": "model"}, "finishReason": "STOP", "index": 0}]


counts = st.integers(0, 10**6)
usages = st.builds(
    lambda text, sound, pictures, cached, made, thoughts, spoken: {
        "prompt_tokens": text + sound + pictures,
        "completion_tokens": made + thoughts + spoken,
        "total_tokens": text + sound + pictures + made + thoughts + spoken,
        "prompt_tokens_details": {
            "cached_tokens": cached % (text + 1),
            "audio_tokens": sound,
            "image_tokens": pictures,
        },
        "completion_tokens_details": {"reasoning_tokens": thoughts, "audio_tokens": spoken},
    },
    *[counts] * 7,
)


@given(usages)
@settings(deadline=None)
def test_no_token_is_lost(usage):
    body = json.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage}).encode()
    given = DIALECTS["openai-chat"].report(body, frozenset()).usage
    report = DIALECTS["gemini"].report(EDGE.answer(body, told_of(EDGE)), frozenset())
    assert not report.clamped
    assert report.usage == given
    stream = EDGE.stream(told_of(EDGE))
    stream.feed(body)
    assert reported("gemini", stream.finish()).usage == given


pieces = st.lists(
    st.one_of(
        st.builds(lambda text: {"content": text}, st.text(max_size=6)),
        st.builds(lambda text: {"reasoning_content": text}, st.text(max_size=6)),
        st.builds(
            lambda n: {"tool_calls": [{"index": n, "id": f"c{n}", "function": {"name": "f"}}]}, st.integers(0, 2)
        ),
    ),
    max_size=6,
)
THINKS = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}


@given(pieces, st.lists(st.integers(0, 10**6), max_size=6), st.sampled_from(["alt=sse", "%24alt=sse", "", "alt=json"]))
@settings(deadline=None)
def test_a_stream_cut_anywhere_says_the_same_as_events_or_as_an_array(deltas, places, query):
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in [*deltas, {}]]
    events = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    cuts = [0, *sorted({place % (len(events) + 1) for place in places}), len(events)]
    told = Told(asked(THINKS, verb="streamGenerateContent", query=query), REQUEST_ID, CREATED)
    out = streamed(EDGE, [events[start:end] for start, end in pairwise(cuts)], told)
    assert out == streamed(EDGE, [events], told)
    if query.endswith("sse"):
        said = [json.loads(data) for data in payloads(out)]
    else:
        said = json.loads(out)
        assert [json.loads(data) for each in json_array.elements(out) if (data := json_array.payload(each))] == said
    parts = [part for chunk in said for part in chunk["candidates"][0]["content"].get("parts", ())]
    for thought, name in ((True, "reasoning_content"), (False, "content")):
        given = "".join(delta.get(name, "") for delta in deltas)
        assert "".join(p["text"] for p in parts if "text" in p and p.get("thought", False) is thought) == given
    ids = dict.fromkeys(call["id"] for delta in deltas for call in delta.get("tool_calls", ()))
    assert [part["functionCall"]["id"] for part in parts if "functionCall" in part] == list(ids)


def test_an_answer_goes_back_as_it_came():
    """What the model said and called, told again by a client that keeps contents as they are."""
    call = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": '{"a":1}'}}
    message = {"role": "assistant", "content": "So.", "tool_calls": [call]}
    answer = json.loads(EDGE.answer(json.dumps({"choices": [{"message": message}]}).encode(), told_of(EDGE)))
    back = {"functionResponse": {"id": "c1", "name": "now", "response": {"output": "1"}}}
    contents = [HI, answer["candidates"][0]["content"], {"role": "user", "parts": [back]}]
    body, dropped = sent(contents=contents)
    assert body["messages"][1] == message
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": "1"}
    assert dropped == []


def test_names_stay_apart_when_they_are_changed():
    names = ["now", "a.b", "a_b", "a:b", *(f"{'a' * 100}{each}" for each in "xy")]
    assert len({fitting(name) for name in names}) == len(names)
    assert max(len(fitting(name)) for name in names) == 64
    assert fitting("now") == "now"
    assert EDGE.serves("gpt-4o")


def test_a_stream_is_asked_for_by_the_path():
    for verb, stream in (("generateContent", False), ("streamGenerateContent", True)):
        made = EDGE.request(asked({}, verb=verb), TARGET, Losses(allowed=False))
        assert DIALECTS["openai-chat"].read(made).stream is stream
