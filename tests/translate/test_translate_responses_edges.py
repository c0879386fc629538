"""OpenAI's Responses API over other dialects: requests, answers and streams against files, and what always holds."""

import json
from typing import NamedTuple

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParams
from openai.types.responses import Response
from pydantic import TypeAdapter
from translate import edge_cases
from translate import responses_cases as cases

from gateway.dialects.base import Quirk
from gateway.translate.edge import Edge


class Side(NamedTuple):
    """One edge, and what its provider's dialect is like."""

    edge: Edge
    bodies: TypeAdapter  # Of the official client's types.
    no_answers: list[bytes]
    words: list[str]  # That mean something in a stream of it.
    ending: bytes  # What is said behind the text of a stream.

    def texts(self, texts):
        """A stream that says these."""
        if self.edge.outbound == "openai-chat":
            said = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
        else:
            delta = [{"type": "text_delta", "text": text} for text in texts]
            said = [{"type": "content_block_delta", "index": 0, "delta": each} for each in delta]
        written = [*(json.dumps(each).encode() for each in said), self.ending]
        return b"".join(b"data: %b\n\n" % data for data in written)


CHAT = Side(
    edge_cases.edge_of("openai-responses", "openai-chat"),
    TypeAdapter(CompletionCreateParams),
    [b"", b"{", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[{"index":0,"message":null}]}'],
    ["choices", "delta", "index", "content", "tool_calls", "function", "arguments", "usage", "refusal", "reasoning"],
    b"[DONE]",
)
MESSAGES = Side(
    edge_cases.edge_of("openai-responses", "anthropic-messages"),
    TypeAdapter(MessageCreateParamsNonStreaming | MessageCreateParamsStreaming),
    [b"", b"{", b"[]", b"{}", b'{"content":null}'],
    ["type", "index", "delta", "content_block", "text", "thinking", "id", "name", "input", "usage", "message"],
    b'{"type":"message_stop"}',
)
SIDES = [CHAT, MESSAGES]
QUIRKS = {"answer-recorded-xai-reasoning-beside": frozenset({Quirk.REASONING_BESIDE_OUTPUT})}


def of_both(kind):
    """Every case of this kind, with its side."""
    return [
        pytest.param(side, case, id=f"{side.edge.outbound}-{case}")
        for side in SIDES
        for case in (cases.REQUESTS if kind == "request" else edge_cases.cases(side.edge, kind))
    ]


STREAMS = [(side, case) for side in SIDES for case in edge_cases.cases(side.edge, "stream")]
by_side = pytest.mark.parametrize("side", SIDES, ids=lambda side: side.edge.outbound)


@pytest.mark.parametrize(("side", "case"), of_both("request"))
def test_requests(side, case):
    body = cases.check_request(side.edge, case)
    if body is not None:
        side.bodies.validate_python(body)


@pytest.mark.parametrize(("side", "case"), of_both("answer"))
def test_answers(side, case):
    made = edge_cases.check_answer(side.edge, case, QUIRKS.get(case, cases.NO_QUIRKS))
    Response.model_validate(made, strict=True)


@pytest.mark.parametrize(("side", "case"), of_both("answer"))
def test_every_counter_of_an_answer_is_told(side, case):
    edge, quirks = side.edge, QUIRKS.get(case, cases.NO_QUIRKS)
    given = (edge_cases.folder(edge) / f"{case}.in.json").read_bytes()
    made = edge.answer(given, edge_cases.told_of(edge, case, quirks))
    cases.same_counters(cases.usage(edge.outbound, given, quirks), cases.usage(edge.inbound, made))


@by_side
def test_what_is_no_answer_is_said_to_be_none(side):
    for body in side.no_answers:
        with pytest.raises(ValueError, match=r".+"):
            side.edge.answer(body, edge_cases.told_of(side.edge))


def test_a_block_of_no_kind_is_none():
    for kind in ({"a": 1}, ["text"], None, 5):
        block = {"type": kind, "text": "x", "thinking": "y"}
        answer = json.dumps({"content": [block, {"type": "text", "text": "Hi"}], "stop_reason": "end_turn"}).encode()
        said = json.loads(MESSAGES.edge.answer(answer, edge_cases.told_of(MESSAGES.edge)))
        assert [item["type"] for item in said["output"]] == ["message"]
        stream = MESSAGES.edge.stream(edge_cases.told_of(MESSAGES.edge))
        started = {"type": "content_block_start", "index": 0, "content_block": block}
        assert b"output_item.added" not in stream.feed(json.dumps(started).encode())


@pytest.mark.parametrize(("side", "case"), of_both("stream"))
def test_streams(side, case):
    cases.events(edge_cases.check_stream(side.edge, case))


@pytest.mark.parametrize(("side", "case"), of_both("stream"))
def test_the_official_client_puts_together_what_was_streamed(side, case):
    stream = cases.made_stream(side.edge, case)
    last = cases.events(stream)[-1]["response"]
    whole = cases.accumulated(stream)
    assert whole.status == last["status"]
    assert [item.type for item in whole.output] == [item["type"] for item in last["output"]]
    assert whole.output_text == Response.model_validate(last).output_text


def test_calls_that_are_all_counted_as_the_first_stay_apart():
    given = edge_cases.chat_of_calls(edge_cases.ALL_COUNTED_AS_THE_FIRST)
    told = edge_cases.told_of(CHAT.edge)
    calls = cases.events(edge_cases.streamed(CHAT.edge, [given], told))[-1]["response"]["output"]
    assert [(call["call_id"], call["arguments"]) for call in calls] == [("a", '{"x":1}'), ("b", '{"y":2}')]


def of_chat(calls, finish="tool_calls"):
    """The response that is made of a chat's answer with these calls: whole, and streamed."""
    told = edge_cases.told_of(CHAT.edge)
    whole, chunk = (
        json.dumps({"choices": [{"index": 0, "finish_reason": finish, name: {"tool_calls": calls}}]}).encode()
        for name in ("message", "delta")
    )
    streamed = edge_cases.streamed(CHAT.edge, [b"data: %b\n\ndata: [DONE]\n\n" % chunk], told)
    return json.loads(CHAT.edge.answer(whole, told)), cases.events(streamed)[-1]["response"]


def test_arguments_that_are_no_text_are_told_as_json():
    call = {"index": 0, "id": "a", "function": {"name": "weather", "arguments": {"city": "Paris"}}}
    for response in of_chat([call, {"index": 1, "id": "b", "function": {"name": "now", "arguments": None}}]):
        assert [item["arguments"] for item in response["output"]] == ['{"city":"Paris"}', "{}"]


def test_calls_that_nobody_counts_or_names_stay_apart():
    calls = [{"function": {"name": name, "arguments": given}} for name, given in (("f", '{"a":1}'), ("g", '{"b":2}'))]
    for response in of_chat(calls):
        assert [(item["call_id"], item["name"], item["arguments"]) for item in response["output"]] == [
            ("call_req_0000000000000001_0", "f", '{"a":1}'),
            ("call_req_0000000000000001_1", "g", '{"b":2}'),
        ]


def test_a_piece_without_index_or_name_is_more_of_the_last_call():
    calls = [{"id": "a", "function": {"name": "f", "arguments": '{"a":'}}, {"function": {"arguments": "1}"}}]
    (item,) = of_chat(calls)[1]["output"]
    assert (item["call_id"], item["arguments"]) == ("a", '{"a":1}')


@pytest.mark.parametrize("reason", ["model_length", "error", "insufficient_system_resource", "abort"])
def test_an_answer_that_its_provider_did_not_finish_is_incomplete(reason):
    for response in of_chat([], reason):
        assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


@pytest.mark.parametrize("blank", ["", " ", "\n\n"])
def test_blank_texts_are_left_out_for_anthropic(blank):
    """It refuses them, and models write such beside their calls."""
    said = [
        {"type": "message", "role": "user", "content": "Hi"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": blank}]},
        {"type": "function_call", "call_id": "c", "name": "now", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": blank},
    ]
    asked = {"to": "claude-opus-4-8", "body": {"model": "m", "input": said, "store": False}}
    body, _ = edge_cases.carried(MESSAGES.edge, asked)
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "c"}]


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 10**6), max_size=8))
@settings(deadline=None, max_examples=200)
def test_a_stream_may_be_cut_anywhere(known, places):
    side, case = known
    pieces = cases.cut(cases.given_stream(side.edge, case), places)
    told = edge_cases.told_of(side.edge, case)
    assert edge_cases.streamed(side.edge, pieces, told) == cases.made_stream(side.edge, case)


@by_side
@given(texts=st.lists(st.text(min_size=1), min_size=1))
@settings(deadline=None)
def test_text_comes_out_as_it_went_in(side, texts):
    found = cases.events(edge_cases.streamed(side.edge, [side.texts(texts)], edge_cases.told_of(side.edge)))
    assert [event["delta"] for event in found if event["type"] == "response.output_text.delta"] == texts
    assert Response.model_validate(found[-1]["response"]).output_text == "".join(texts)


@by_side
@given(data=st.data())
@settings(deadline=None)
def test_nothing_that_a_provider_sends_is_too_much(side, data):
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(side.words), inner),
    )
    translation = side.edge.stream(edge_cases.told_of(side.edge))
    sent = [json.dumps(event).encode() for event in data.draw(st.lists(anything))]
    stream = b"".join(map(translation.feed, sent)) + translation.finish()
    assert cases.events(stream)[-1]["response"]["status"] in ("completed", "incomplete")
