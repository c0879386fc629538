"""OpenAI's chat completions at Gemini: golden files, and what must hold for all."""

import json

import edge_cases
import gemini_cases as gemini
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming._deltas import accumulate_delta
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.translate.edge import Losses, Target
from gateway.translate.openai_chat_to_gemini import EDGE

ASKED = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
NEW, FLASH, PRO, OLD = "gemini-3.5-flash", "gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.0-flash"


@pytest.mark.parametrize("case", edge_cases.cases(EDGE, "request"))
def test_a_request(case):
    gemini.check_request(EDGE, case)


@pytest.mark.parametrize("case", edge_cases.cases(EDGE, "answer"))
def test_an_answer(case):
    ChatCompletion.model_validate_json(json.dumps(edge_cases.check_answer(EDGE, case)), strict=True)


@pytest.mark.parametrize("case", edge_cases.cases(EDGE, "stream"))
def test_a_stream(case):
    for data in edge_cases.payloads(edge_cases.check_stream(EDGE, case)):
        if data != b"[DONE]":
            ChatCompletionChunk.model_validate_json(data, strict=True)


def sent(model=NEW, *, lossy=False, **body):
    return gemini.sent(EDGE, model, ASKED | body, lossy=lossy)


@pytest.mark.parametrize(
    ("model", "effort", "config", "left_out"),
    [
        (FLASH, "none", {"thinkingBudget": 0}, []),
        (FLASH, "low", {"thinkingBudget": 1024, "includeThoughts": True}, []),
        (PRO, "none", {"thinkingBudget": 128}, ["reasoning_effort"]),
        (PRO, "max", {"thinkingBudget": 32_768, "includeThoughts": True}, ["reasoning_effort"]),
        (NEW, "none", {"thinkingLevel": "MINIMAL"}, ["reasoning_effort"]),
        (NEW, "high", {"thinkingLevel": "HIGH", "includeThoughts": True}, []),
        (NEW, "xhigh", {"thinkingLevel": "HIGH", "includeThoughts": True}, ["reasoning_effort"]),
        (OLD, "none", None, []),
    ],
)
def test_an_effort_becomes_the_nearest_that_the_model_has(model, effort, config, left_out):
    body, dropped = sent(model, reasoning_effort=effort)
    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert dropped == left_out


@pytest.mark.parametrize(
    ("asked", "config"),
    [
        ({"logprobs": False, "top_logprobs": 0}, {}),
        ({"logprobs": True, "top_logprobs": 0}, {"responseLogprobs": True}),
        ({"logprobs": True, "top_logprobs": 2}, {"responseLogprobs": True, "logprobs": 2}),
    ],
)
def test_no_rivals_are_asked_for_where_none_are(asked, config):
    """Gemini takes a number of them only with `responseLogprobs`."""
    body, dropped = sent(**asked)
    assert (body.get("generationConfig", {}), dropped) == (config, [])


def test_a_model_that_does_not_think_refuses_to():
    with pytest.raises(BadRequest, match=r"reasoning_effort cannot be carried .* This model does not think"):
        sent(OLD, reasoning_effort="low")
    body, dropped = sent(OLD, reasoning_effort="low", lossy=True)
    assert "generationConfig" not in body
    assert dropped == ["reasoning_effort"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"logprobs": "yes"}, "logprobs"),
        ({"seed": 1.5}, "seed"),
        ({"reasoning_effort": 5}, "reasoning_effort"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"stop": [1]}, "stop"),
        ({"response_format": {"type": "json_schema", "json_schema": "x"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"tools": [{"function": {}}]}, "tools[0].function.name"),
        ({"tools": ["x"]}, "tools[0]"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": "x"}}]},
            "tools[0].function.parameters",
        ),
        ({"messages": [{"role": "tool", "tool_call_id": 3}]}, "messages[0].tool_call_id"),
    ],
)
def test_what_has_another_type_is_refused_by_its_name(body, field):
    with pytest.raises(BadRequest) as told:
        sent(**body)
    assert told.value.param == field
    assert field in str(told.value)


@pytest.mark.parametrize(
    ("content", "words"), [(7, "content must be a string or an array"), ([1], r"content\[0\] must be an object")]
)
def test_content_of_another_type_is_refused(content, words):
    asked = Asked(json.dumps({"messages": [{"role": "user", "content": content}]}).encode())
    with pytest.raises(BadRequest, match=words):
        EDGE.request(asked, Target(NEW, 9), Losses(allowed=True))


@given(st.text(), st.integers(1, 10**6))
@settings(deadline=None)
def test_text_and_cap_arrive_as_they_were(text, cap):
    body = sent(messages=[{"role": "user", "content": text}], max_completion_tokens=min(cap, 65_536))[0]
    assert body["contents"] == [{"role": "user", "parts": [{"text": text}]}]
    assert body["generationConfig"] == {"maxOutputTokens": min(cap, 65_536)}


def test_a_cap_beyond_the_model_is_what_the_model_can_do():
    body, _ = sent(max_tokens=128_000, max_completion_tokens=7)
    assert body["generationConfig"] == {"maxOutputTokens": 65_536}


@given(gemini.usages)
@settings(deadline=None)
def test_no_token_is_lost(usage):
    gemini.check_usage(EDGE, ASKED, usage)


@given(gemini.parts, st.lists(st.integers(0, 10**6), max_size=6))
@settings(deadline=None)
def test_a_stream_cut_anywhere_says_what_the_whole_answer_says(parts, places):
    parts = gemini.signed(parts)
    stream = gemini.sse(parts)
    out = gemini.streamed(EDGE, stream, ASKED, places)
    assert out == gemini.streamed(EDGE, stream, ASKED)
    whole = json.loads(EDGE.answer(json.dumps(gemini.whole(parts)).encode(), gemini.told(ASKED)))
    said, finish = accumulated(out)
    message = {name: value for name, value in whole["choices"][0]["message"].items() if value is not None}
    assert {name: value for name, value in said.items() if value} == {k: v for k, v in message.items() if v}
    assert finish == whole["choices"][0]["finish_reason"]


def accumulated(out):
    """As the official client puts a stream together."""
    message, finish = {}, None
    for data in edge_cases.payloads(out):
        for choice in json.loads(data)["choices"] if data != b"[DONE]" else ():
            accumulate_delta(message, choice["delta"])
            finish = choice["finish_reason"] or finish
    for call in message.get("tool_calls", ()):
        del call["index"]
    return message, finish


@given(gemini.parts)
@settings(deadline=None)
def test_an_answer_goes_back_as_it_came(parts):
    """Calls, their signatures and what was said; thoughts stay behind."""
    parts = gemini.signed(parts)
    whole = json.loads(EDGE.answer(json.dumps(gemini.whole(parts)).encode(), gemini.told(ASKED)))
    message = whole["choices"][0]["message"]
    back = sent(messages=[*ASKED["messages"], message, *ASKED["messages"]])[0]["contents"]
    said = [part for turn in back[1:-1] for part in turn["parts"]]
    assert "".join(part.get("text", "") for part in said) == "".join(
        part["text"] for part in parts if "text" in part and not part["thought"]
    )
    assert [
        (part["functionCall"]["args"], part.get("thoughtSignature")) for part in said if "functionCall" in part
    ] == [(part["functionCall"]["args"], part.get("thoughtSignature")) for part in parts if "functionCall" in part]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"{}", b'{"candidates": []}', b'{"candidates": "\xff"}', b'{"a": ' + b"[" * 10**5]
)
def test_what_is_no_answer_is_none(body):
    with pytest.raises(ValueError, match="without candidates"):
        EDGE.answer(body, gemini.told(ASKED))
    assert EDGE.stream(gemini.told(ASKED)).feed(body) in (b"", EDGE.stream(gemini.told(ASKED)).feed(b"{}"))


def test_it_serves_what_generates():
    assert EDGE.serves("gemini-3.5-flash")
    assert EDGE.serves("gemini-3-pro-image")
    assert not EDGE.serves("gemini-embedding-001")
    assert not EDGE.serves("claude-opus-5-5")
