"""OpenAI's Responses API over chat completions: requests, answers and streams against files, and what always holds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.responses import Response
from pydantic import TypeAdapter
from translate import edge_cases
from translate import responses_cases as cases

from gateway.dialects.base import Quirk

EDGE = edge_cases.edge_of("openai-responses", "openai-chat")
BODIES = TypeAdapter(CompletionCreateParams)
STREAMS = edge_cases.cases(EDGE, "stream")
ANSWERS = edge_cases.cases(EDGE, "answer")
QUIRKS = {"answer-recorded-xai-reasoning-beside": frozenset({Quirk.REASONING_BESIDE_OUTPUT})}
NO_ANSWERS = [b"", b"{", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{"index":0,"message":null}]}']
WORDS = ["choices", "delta", "index", "content", "tool_calls", "function", "arguments", "usage", "refusal", "reasoning"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
)


@pytest.mark.parametrize("case", cases.REQUESTS)
def test_requests(case):
    body = cases.check_request(EDGE, case)
    if body is not None:
        BODIES.validate_python(body)


@pytest.mark.parametrize("case", ANSWERS)
def test_answers(case):
    made = edge_cases.check_answer(EDGE, case, QUIRKS.get(case, cases.NO_QUIRKS))
    Response.model_validate(made, strict=True)


@pytest.mark.parametrize("case", ANSWERS)
def test_every_counter_of_an_answer_is_told(case):
    quirks = QUIRKS.get(case, cases.NO_QUIRKS)
    given = (edge_cases.folder(EDGE) / f"{case}.in.json").read_bytes()
    made = EDGE.answer(given, edge_cases.told_of(EDGE, case, quirks))
    cases.same_counters(cases.usage(EDGE.outbound, given, quirks), cases.usage(EDGE.inbound, made))


def test_what_is_no_answer_is_said_to_be_none():
    for body in NO_ANSWERS:
        with pytest.raises(ValueError, match=r".+"):
            EDGE.answer(body, edge_cases.told_of(EDGE))


@pytest.mark.parametrize("case", STREAMS)
def test_streams(case):
    cases.events(edge_cases.check_stream(EDGE, case))


@pytest.mark.parametrize("case", STREAMS)
def test_the_official_client_puts_together_what_was_streamed(case):
    stream = cases.made_stream(EDGE, case)
    last = cases.events(stream)[-1]["response"]
    whole = cases.accumulated(stream)
    assert whole.status == last["status"]
    assert [item.type for item in whole.output] == [item["type"] for item in last["output"]]
    assert whole.output_text == Response.model_validate(last).output_text


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 10**6), max_size=8))
@settings(deadline=None)
def test_a_stream_may_be_cut_anywhere(case, places):
    pieces = cases.cut(cases.given_stream(EDGE, case), places)
    assert edge_cases.streamed(EDGE, pieces, edge_cases.told_of(EDGE, case)) == cases.made_stream(EDGE, case)


@given(texts=st.lists(st.text(min_size=1), min_size=1))
@settings(deadline=None)
def test_text_comes_out_as_it_went_in(texts):
    found = cases.events(edge_cases.streamed(EDGE, [streamed(texts)], edge_cases.told_of(EDGE)))
    assert [event["delta"] for event in found if event["type"] == "response.output_text.delta"] == texts
    assert Response.model_validate(found[-1]["response"]).output_text == "".join(texts)


@given(st.lists(ANYTHING))
@settings(deadline=None)
def test_nothing_that_a_provider_sends_is_too_much(sent):
    translation = EDGE.stream(edge_cases.told_of(EDGE))
    stream = b"".join(translation.feed(json.dumps(event).encode()) for event in sent) + translation.finish()
    assert cases.events(stream)[-1]["response"]["status"] in ("completed", "incomplete")


def streamed(texts):
    chunks = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
