"""From chat completions to Converse: what AWS's own model of it takes, and what OpenAI's client reads back."""

import json

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from dialects.test_dialect_aws_events import event
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from translate.bedrock_cases import GOLDEN, carried, cases, check, run, told

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects import sse
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Losses, Target
from gateway.translate.openai_chat_to_bedrock_converse import EDGE

NAME = "openai_chat_to_bedrock_converse"
CONVERSE, CHAT = DIALECTS[EDGE.outbound], DIALECTS[EDGE.inbound]
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ASKED = {"messages": [{"role": "user", "content": "Hi"}], "model": "my-model"}


@pytest.fixture(scope="module")
def takes():
    """What AWS's own client says about a request before it sends it."""
    shape = get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    return lambda body: ParamValidator().validate({"modelId": CLAUDE, **body}, shape).generate_report()


@pytest.mark.parametrize("case", cases(NAME, "in.json"))
def test_request(case, takes):
    body = json.loads((GOLDEN / NAME / f"{case}.in.json").read_text())["body"]
    facts = CHAT.read(Asked(json.dumps(body).encode()))
    made, out = carried(EDGE, f"{NAME}/{case}.in.json")
    check(GOLDEN / NAME / f"{case}.{'error' if made is None else 'out'}.json", out)
    assert (made is None) == case.startswith("refused_")
    if made is None:
        return
    assert takes(out["body"]) == ""
    read = CONVERSE.read(made)
    assert read.stream is facts.stream
    most = json.loads((GOLDEN / NAME / f"{case}.in.json").read_text()).get("output_tokens_max", 128_000)
    assert facts.output_tokens_max is None or read.output_tokens_max == min(facts.output_tokens_max, most)
    assert CONVERSE.aim(made, made.model, read).path.endswith(f"/{made.verb}")


def test_every_model_there_is_served():
    assert EDGE.serves("meta.llama3-3-70b-instruct-v1:0")


@settings(deadline=None)
@given(texts=st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=4), cap=st.integers(1, 10**6))
def test_words_and_caps_arrive_as_they_were(texts, cap):
    roles = ["user", "assistant"]
    messages = [{"role": roles[at % 2], "content": text} for at, text in enumerate(texts)]
    body = json.dumps({"model": "m", "messages": messages, "max_tokens": cap}).encode()
    made = json.loads(EDGE.request(Asked(body), Target(CLAUDE, 10**6), Losses(allowed=False)).body)
    assert [(turn["role"], turn["content"][0]["text"]) for turn in made["messages"]] == [
        (message["role"], message["content"]) for message in messages
    ]
    assert made["inferenceConfig"] == {"maxTokens": cap}


def test_arguments_that_are_nested_too_deeply_are_refused():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":' * 9999}}
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
    with pytest.raises(BadRequest, match="arguments must be a JSON object") as bad:
        EDGE.request(Asked(json.dumps(body).encode()), Target(CLAUDE, 9), Losses(allowed=False))
    assert bad.value.param == "messages[0].tool_calls[0].function.arguments"


@pytest.mark.parametrize("case", cases(NAME, "answer.in.json"))
def test_answer(case):
    given_ = (GOLDEN / NAME / f"{case}.answer.in.json").read_bytes()
    made = EDGE.answer(given_, told(ASKED))
    ChatCompletion.model_validate_json(made, strict=True)
    check(GOLDEN / NAME / f"{case}.answer.out.json", json.loads(made))
    same_usage(CONVERSE.report(given_, frozenset()).usage, CHAT.report(made, frozenset()).usage)


def same_usage(provider, caller):
    """Chats know one class of what is written to a cache."""
    if provider is None:
        assert caller is None
        return
    assert (caller.input, caller.cache_read, caller.output_total) == (
        provider.input,
        provider.cache_read,
        provider.output_total,
    )
    assert caller.cache_write == provider.cache_write + provider.cache_write_1h


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"{}", b'{"output":{"message":{}}}', b'{"message":"no"}', b"\xff"])
def test_what_is_no_answer(body):
    with pytest.raises(ValueError):
        EDGE.answer(body, told(ASKED))


@pytest.mark.parametrize(
    "reason", ["guardrail_intervened", "content_filtered", "malformed_tool_use", "malformed_model_output"]
)
def test_no_good_answer_is_not_told_as_one(reason):
    body = {"output": {"message": {"content": [{"text": "Hi"}]}}, "stopReason": reason}
    made = json.loads(EDGE.answer(json.dumps(body).encode(), told(ASKED)))
    assert made["choices"][0]["finish_reason"] == "content_filter"


def test_an_answer_that_is_nested_too_deeply_is_none():
    body = b'{"output":{"message":{"content":[]}},"usage":' + b"[" * 99_999
    with pytest.raises(ValueError, match="nested"):
        EDGE.answer(body, told(ASKED))


def lines_of(case):
    return (GOLDEN / NAME / f"{case}.stream.in.jsonl").read_bytes().splitlines()


def framed(lines):
    return b"".join(event("any", line) for line in lines)


@pytest.mark.parametrize("case", cases(NAME, "stream.in.jsonl"))
def test_stream(case):
    lines = lines_of(case)
    out = run(EDGE.stream(told(ASKED)), framed(lines))
    check(GOLDEN / NAME / f"{case}.stream.out.sse", out)
    payloads = [sse.payload(one) for one in sse.events(out)]
    assert payloads[-1] == b"[DONE]"
    for payload in payloads[:-1]:
        ChatCompletionChunk.model_validate_json(payload, strict=True)
    same_usage(CONVERSE.report(lines[-1], frozenset()).usage, CHAT.report(payloads[-2], frozenset()).usage)


EVERYTHING = framed(lines_of("everything"))


@settings(deadline=None)
@given(places=st.lists(st.integers(0, len(EVERYTHING)), max_size=5))
def test_a_stream_may_be_cut_anywhere(places):
    assert run(EDGE.stream(told(ASKED)), EVERYTHING, places) == run(EDGE.stream(told(ASKED)), EVERYTHING)


@settings(deadline=None)
@given(texts=st.lists(st.text(min_size=1), max_size=5))
def test_words_come_back_as_they_were(texts):
    lines = [{"role": "assistant"}, *[{"contentBlockIndex": 0, "delta": {"text": text}} for text in texts]]
    out = run(EDGE.stream(told(ASKED)), framed(json.dumps(line).encode() for line in lines))
    chunks = [json.loads(sse.payload(one)) for one in sse.events(out.removesuffix(b"data: [DONE]\n\n"))]
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in chunks) == "".join(texts)


@pytest.mark.parametrize("data", [b"", b"no JSON", b"[]", b'{"delta":7}', b"\xff", b"[" * 9999, b"{}", b'{"usage":{}}'])
def test_garbage_makes_no_chunk(data):
    translation = EDGE.stream(told(ASKED))
    assert translation.feed(data) == b""
    assert translation.finish() == b""


def test_usage_that_cannot_be_read_is_left_out():
    translation = EDGE.stream(told(ASKED))
    assert b"chat.completion.chunk" in translation.feed(b'{"role":"assistant"}')
    assert translation.feed(b'{"usage":{"inputTokens":"many"}}') == b"data: [DONE]\n\n"
    assert translation.finish() == b""


def test_an_end_that_was_not_said_is_said():
    translation = EDGE.stream(told(ASKED))
    translation.feed(b'{"role":"assistant"}')
    assert b'"finish_reason":"length"' in translation.feed(b'{"stopReason":"model_context_window_exceeded"}')
    assert translation.finish() == b"data: [DONE]\n\n"
