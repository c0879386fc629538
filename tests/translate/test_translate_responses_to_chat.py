"""OpenAI's Responses API over chat completions: requests, answers and streams against files, and what always holds."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.responses import Response
from pydantic import TypeAdapter
from translate import responses_cases as cases

from gateway.dialects.base import Quirk
from gateway.translate.openai_responses_to_openai_chat import ResponsesToChat

EDGE = ResponsesToChat()
FOLDER = cases.GOLDEN / "openai_responses_to_openai_chat"
QUIRKS = {"recorded_xai_reasoning_beside": Quirk.REASONING_BESIDE_OUTPUT}
NO_ANSWERS = [b"", b"{", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{"index":0,"message":null}]}']
WORDS = ["choices", "delta", "index", "content", "tool_calls", "function", "arguments", "usage", "refusal", "reasoning"]
BODIES = TypeAdapter(CompletionCreateParams)


@pytest.mark.parametrize("case", cases.names(cases.REQUESTS, "in.json"))
def test_requests(case):
    name, made = cases.request(EDGE, case)
    cases.check(FOLDER / name, made)
    if "body" in made:
        BODIES.validate_python(made["body"])


@pytest.mark.parametrize("case", cases.names(FOLDER, "answer.in.json"))
def test_answers(case):
    given = (FOLDER / f"{case}.answer.in.json").read_bytes()
    made = EDGE.answer(given, cases.asked_of(FOLDER, case))
    Response.model_validate(json.loads(made), strict=True)
    cases.check(FOLDER / f"{case}.answer.out.json", json.loads(made))


def test_what_is_no_answer_is_said_to_be_none():
    for body in NO_ANSWERS:
        with pytest.raises(ValueError, match=r".+"):
            EDGE.answer(body, cases.told())


@pytest.mark.parametrize("case", cases.names(FOLDER, "stream.in.sse"))
def test_streams(case):
    stream = (FOLDER / f"{case}.stream.in.sse").read_bytes()
    made = cases.run(EDGE.stream(cases.asked_of(FOLDER, case)), stream)
    cases.events(made)
    cases.check(FOLDER / f"{case}.stream.out.sse", made)


@pytest.mark.parametrize("case", cases.names(FOLDER, "stream.in.sse"))
def test_the_official_client_puts_together_what_was_streamed(case):
    written = (FOLDER / f"{case}.stream.out.sse").read_bytes()
    last = cases.events(written)[-1]["response"]
    whole = cases.accumulated(written)
    assert whole.status == last["status"]
    assert [item.type for item in whole.output] == [item["type"] for item in last["output"]]
    assert whole.output_text == Response.model_validate(last).output_text


@given(st.sampled_from(cases.names(FOLDER, "stream.in.sse")), st.lists(st.integers(0, 10**6), max_size=8))
@settings(deadline=None)
def test_a_stream_may_be_cut_anywhere(case, places):
    stream = (FOLDER / f"{case}.stream.in.sse").read_bytes()
    made = cases.run(EDGE.stream(cases.asked_of(FOLDER, case)), stream, places)
    assert made == (FOLDER / f"{case}.stream.out.sse").read_bytes()


@pytest.mark.parametrize("case", cases.names(FOLDER, "answer.in.json"))
def test_every_counter_of_an_answer_is_told(case):
    given = (FOLDER / f"{case}.answer.in.json").read_bytes()
    before = cases.usage(EDGE.outbound, given, QUIRKS.get(case))
    after = cases.usage(EDGE.inbound, EDGE.answer(given, cases.asked_of(FOLDER, case)))
    cases.same_counters(before, after)


@given(pieces=st.lists(st.text(min_size=1), min_size=1))
@settings(deadline=None)
def test_text_comes_out_as_it_went_in(pieces):
    written = cases.run(EDGE.stream(cases.told()), streamed(pieces))
    deltas = [event["delta"] for event in cases.events(written) if event["type"] == "response.output_text.delta"]
    assert deltas == pieces
    last = cases.events(written)[-1]["response"]
    assert Response.model_validate(last).output_text == "".join(pieces)


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
        )
    )
)
@settings(deadline=None)
def test_nothing_that_a_provider_sends_is_too_much(events):
    translation = EDGE.stream(cases.told())
    written = b"".join(translation.feed(json.dumps(event).encode()) for event in events) + translation.finish()
    assert cases.events(written)[-1]["response"]["status"] in ("completed", "incomplete")


def streamed(pieces):
    chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
