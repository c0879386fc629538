"""Anthropic's messages at Gemini: golden files, and what must hold for all."""

import json

import edge_cases
import gemini_cases as gemini
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.translate.anthropic_messages_to_gemini import EDGE
from gateway.translate.edge import Losses, Target

EVENTS = TypeAdapter(RawMessageStreamEvent)
ASKED = {"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
THINKING = ASKED | {"thinking": {"type": "adaptive"}}
NEW, FLASH, PRO, OLD = "gemini-3.5-flash", "gemini-2.5-flash", "gemini-2.5-pro", "gemini-2.0-flash"
SHOWN = {"includeThoughts": True}


@pytest.mark.parametrize("case", edge_cases.cases(EDGE, "request"))
def test_a_request(case):
    gemini.check_request(EDGE, case)


@pytest.mark.parametrize("case", edge_cases.cases(EDGE, "answer"))
def test_an_answer(case):
    Message.model_validate_json(json.dumps(edge_cases.check_answer(EDGE, case)), strict=True)


@pytest.mark.parametrize("case", edge_cases.cases(EDGE, "stream"))
def test_a_stream(case):
    for data in edge_cases.payloads(edge_cases.check_stream(EDGE, case)):
        EVENTS.validate_json(data, strict=True)


def sent(model=NEW, *, lossy=False, **body):
    return gemini.sent(EDGE, model, ASKED | body, lossy=lossy)


def enabled(tokens, **more):
    return {"type": "enabled", "budget_tokens": tokens, **more}


@pytest.mark.parametrize(
    ("model", "thinking", "effort", "config", "left_out"),
    [
        (FLASH, enabled(5000), None, {"thinkingBudget": 5000} | SHOWN, []),
        (PRO, enabled(64_000), None, {"thinkingBudget": 32_768} | SHOWN, ["thinking.budget_tokens"]),
        (NEW, enabled(5000), None, {"thinkingLevel": "MEDIUM"} | SHOWN, ["thinking.budget_tokens"]),
        (NEW, enabled(50_000, display="omitted"), "low", {"thinkingLevel": "HIGH"}, ["thinking.budget_tokens"]),
        (NEW, {"type": "adaptive", "display": "summarized"}, None, SHOWN, []),
        (NEW, {"type": "adaptive"}, "medium", {"thinkingLevel": "MEDIUM"} | SHOWN, []),
        (NEW, {"type": "between_tools"}, None, SHOWN, ["thinking"]),
        (FLASH, {"type": "disabled"}, None, {"thinkingBudget": 0}, []),
        (NEW, {"type": "disabled"}, "high", {"thinkingLevel": "MINIMAL"}, ["thinking"]),
        (NEW, None, "max", {"thinkingLevel": "HIGH"}, ["output_config.effort"]),
        (NEW, {"type": "adaptive", "display": "omitted"}, None, None, []),
        (OLD, {"type": "adaptive"}, "low", None, ["thinking", "output_config.effort"]),
        (OLD, {"type": "disabled"}, None, None, []),
    ],
)
def test_thinking_becomes_the_nearest_that_the_model_has(model, thinking, effort, config, left_out):
    body, dropped = sent(model, thinking=thinking, output_config={"effort": effort})
    assert body["generationConfig"].get("thinkingConfig") == config
    assert dropped == left_out


def test_a_model_that_does_not_think_refuses_to():
    with pytest.raises(BadRequest, match=r"thinking cannot be carried .* This model does not think"):
        sent(OLD, thinking=enabled(2000))
    assert sent(OLD, thinking=enabled(2000), lossy=True)[1] == ["thinking"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"thinking": {"type": "deep"}}, "thinking.type"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"stop_sequences": 3}, "stop_sequences"),
        ({"tools": [{"name": "f", "input_schema": "x"}]}, "tools[0].input_schema"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
    ],
)
def test_what_is_not_as_it_must_be_is_refused_by_its_name(body, field):
    with pytest.raises(BadRequest) as told:
        sent(**body)
    assert told.value.param == field


def test_features_of_anthropics_that_a_header_turns_on_are_hints():
    losses = Losses(allowed=False)
    EDGE.request(Asked(json.dumps(ASKED).encode(), betas="interleaved-thinking-2025-05-14"), Target(NEW, 9), losses)
    assert losses.dropped == ("anthropic-beta",)


@given(st.text(), st.integers(1, 65_536))
@settings(deadline=None)
def test_text_and_cap_arrive_as_they_were(text, cap):
    body = sent(messages=[{"role": "user", "content": text}], system=text, max_tokens=cap)[0]
    assert body["contents"] == [{"role": "user", "parts": [{"text": text}]}]
    assert body["systemInstruction"] == {"parts": [{"text": text}]}
    assert body["generationConfig"] == {"maxOutputTokens": cap}


@given(gemini.usages)
@settings(deadline=None)
def test_no_token_is_lost(usage):
    gemini.check_usage(EDGE, ASKED, usage)


def accumulated(out):
    """As the official client puts a stream together."""
    snapshot, buffers = None, {}
    for data in edge_cases.payloads(out):
        snapshot = accumulate_event(event=EVENTS.validate_json(data), current_snapshot=snapshot, json_bufs=buffers)
    return snapshot.to_dict()


@given(gemini.parts, st.lists(st.integers(0, 10**6), max_size=6), st.sampled_from([ASKED, THINKING]))
@settings(deadline=None)
def test_a_stream_cut_anywhere_says_what_the_whole_answer_says(parts, places, asked):
    parts = gemini.signed(parts)
    stream = gemini.sse(parts)
    out = gemini.streamed(EDGE, stream, asked, places)
    assert out == gemini.streamed(EDGE, stream, asked)
    whole = json.loads(EDGE.answer(json.dumps(gemini.whole(parts)).encode(), gemini.told(asked)))
    said = accumulated(out)
    assert said["content"] == whole["content"]
    assert said["stop_reason"] == whole["stop_reason"]


@given(gemini.parts, st.sampled_from([ASKED, THINKING]))
@settings(deadline=None)
def test_an_answer_goes_back_as_it_came(parts, asked):
    """Calls, their signatures and what was said, in order; thoughts stay behind."""
    parts = gemini.signed(parts)
    answer = json.loads(EDGE.answer(json.dumps(gemini.whole(parts)).encode(), gemini.told(asked)))
    turns = [*ASKED["messages"], {"role": "assistant", "content": answer["content"]}, *ASKED["messages"]]
    back = sent(messages=turns, thinking={"type": "adaptive"})[0]["contents"]
    assert told([part for turn in back[1:-1] for part in turn["parts"]]) == told(parts)


def told(parts):
    """What was said, text in one piece."""
    steps = []
    for part in parts:
        if "functionCall" in part:
            steps.append((part["functionCall"]["args"], part.get("thoughtSignature")))
        elif part["text"] and not part.get("thought"):
            before = steps.pop() if steps and isinstance(steps[-1], str) else ""
            steps.append(before + part["text"])
    return steps


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"candidates": []}', b'{"candidates": "\xff"}'])
def test_what_is_no_answer_is_none(body):
    with pytest.raises(ValueError, match="without candidates"):
        EDGE.answer(body, gemini.told(ASKED))


@pytest.mark.parametrize(("thinking", "told"), [("enabled", ["thinking", "text"]), ("disabled", ["text"])])
def test_a_signature_of_thoughts_is_told_to_those_who_asked_for_thinking(thinking, told):
    parts = [{"text": "Hm.", "thought": True, "thoughtSignature": "c2lnbmVk"}, {"text": "Yes."}]
    asked = ASKED | {"thinking": {"type": thinking, "budget_tokens": 1024}}
    content = json.loads(EDGE.answer(json.dumps(gemini.whole(parts)).encode(), gemini.told(asked)))["content"]
    assert [block["type"] for block in content] == told
    assert [block["signature"] for block in content if "signature" in block] == ["fareway-1.gemini.c2lnbmVk"] * (
        len(told) - 1
    )


def test_it_serves_what_answers_in_words():
    assert EDGE.serves("gemini-3.5-flash")
    assert not EDGE.serves("gemini-3-pro-image")
    assert not EDGE.serves("gemini-embedding-001")
