"""From Anthropic's Messages to InvokeModel: the same bytes, but for what the path says and what Bedrock has not."""

import json

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from translate.bedrock_cases import GOLDEN, carried, cases, check, chunk, run, told

from gateway.core.request import Asked
from gateway.dialects import sse
from gateway.dialects.spoken import DIALECTS
from gateway.translate.anthropic_messages_to_bedrock_invoke import EDGE
from gateway.translate.edge import Losses, Target

NAME = "anthropic_messages_to_bedrock_invoke"
INVOKE, MESSAGES = DIALECTS[EDGE.outbound], DIALECTS[EDGE.inbound]
STREAM = b"".join(
    chunk(line) for line in (GOLDEN / NAME / "thinking_and_a_tool.stream.in.jsonl").read_bytes().splitlines()
)
ASKED = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("case", cases(NAME, "in.json"))
def test_request(case):
    made, out = carried(EDGE, f"{NAME}/{case}.in.json")
    check(GOLDEN / NAME / f"{case}.{'error' if made is None else 'out'}.json", out)
    body = json.loads((GOLDEN / NAME / f"{case}.in.json").read_text())["body"]
    MESSAGES.read(Asked(json.dumps(body).encode()))
    if made is None:
        assert case.startswith("refused_")
        return
    facts = INVOKE.read(made)
    most = json.loads((GOLDEN / NAME / f"{case}.in.json").read_text()).get("output_tokens_max", 128_000)
    assert facts.output_tokens_max == min(body["max_tokens"], most)
    assert facts.stream is body.get("stream", False)
    assert INVOKE.aim(made, made.model, facts).path.endswith(f"/{made.verb}")


def test_what_is_carried_is_carried_byte_for_byte():
    """Numbers keep their digits, texts their escapes."""
    messages = '[{"role": "user",  "content": "\\u00e9\\/"}]'
    body = f'{{"temperature": 0.70, "model":"m", "messages":{messages}, "max_tokens":9 }}'.encode()
    made = EDGE.request(Asked(body), Target("anthropic.x", 9), Losses(allowed=False))
    assert made.body == (
        f'{{"temperature":0.70,"messages":{messages},"max_tokens":9,"anthropic_version":"bedrock-2023-05-31"}}'.encode()
    )


def test_thoughts_that_claude_has_not_signed_are_left_out_and_named():
    thoughts = [{"type": "thinking", "thinking": "Hm.", "signature": sign} for sign in ("fareway-1.unsigned", "c2ln")]
    said = [*ASKED["messages"], {"role": "assistant", "content": [*thoughts, {"type": "text", "text": "Yes."}]}]
    losses = Losses(allowed=False)
    asked = Asked(json.dumps(ASKED | {"messages": said}).encode())
    made = json.loads(EDGE.request(asked, Target("anthropic.x", 64), losses).body)
    assert made["messages"][1]["content"] == [thoughts[1], {"type": "text", "text": "Yes."}]
    assert losses.dropped == ("messages.content.thinking",)


@pytest.mark.parametrize(
    ("model", "served"),
    [
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", True),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-opus-5-5", True),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4", False),
        ("us.amazon.nova-micro-v1:0", False),
    ],
)
def test_only_models_of_anthropic_are_served(model, served):
    assert EDGE.serves(model) is served


def test_the_answer_is_the_same():
    body = (GOLDEN / NAME / "plain.answer.in.json").read_bytes()
    assert EDGE.answer(body, told(ASKED)) == body
    Message.model_validate_json(body, strict=True)
    usage = INVOKE.report(body, frozenset()).usage
    assert usage == MESSAGES.report(body, frozenset()).usage


@pytest.mark.parametrize(
    "body",
    [
        b'{"amazon-bedrock-invocationMetrics":{"inputTokenCount":1},"type":"message","id":"m"}',
        b'{"type":"message", "amazon-bedrock-invocationMetrics" : {"inputTokenCount":1},"id":"m"}',
        b'{"type":"message","id":"m", "amazon-bedrock-invocationMetrics":{}}',
    ],
)
def test_the_metrics_of_bedrock_are_taken_out(body):
    assert json.loads(EDGE.answer(body, told(ASKED))) == {"type": "message", "id": "m"}


def test_the_metrics_of_bedrock_may_stand_in_a_text():
    body = b'{"type":"message","content":[{"type":"text","text":"\\"amazon-bedrock-invocationMetrics\\""}]}'
    assert EDGE.answer(body, told(ASKED)) == body


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b'{"type":"error"}', b'{"outputs":[]}'])
def test_what_is_no_message_is_no_answer(body):
    with pytest.raises(ValueError, match=r"no message|JSON|Expected"):
        EDGE.answer(body, told(ASKED))


@pytest.mark.parametrize("case", cases(NAME, "stream.in.jsonl"))
def test_stream(case):
    lines = (GOLDEN / NAME / f"{case}.stream.in.jsonl").read_bytes().splitlines()
    out = run(EDGE.stream(told(ASKED)), b"".join(map(chunk, lines)))
    check(GOLDEN / NAME / f"{case}.stream.out.sse", out)
    payloads = [sse.payload(one) for one in sse.events(out)]
    assert payloads[:-1] == lines[:-1]
    for payload in payloads:
        if b'"ping"' not in payload:  # Not among the SDK's types.
            TypeAdapter(RawMessageStreamEvent).validate_json(payload)
    assert usage_of(INVOKE, lines) == usage_of(MESSAGES, payloads)


def usage_of(dialect, payloads):
    seen = dialect.report(payloads[0], frozenset())
    for payload in payloads[1:]:
        seen = dialect.report(payload, frozenset(), seen)
    return seen.usage


@settings(deadline=None)
@given(places=st.lists(st.integers(0, len(STREAM)), max_size=5))
def test_a_stream_may_be_cut_anywhere(places):
    assert run(EDGE.stream(told(ASKED)), STREAM, places) == run(EDGE.stream(told(ASKED)), STREAM)


@pytest.mark.parametrize(
    "data", [b"", b"no JSON", b"[]", b"{}", b'{"type":7}', b'{"type":"a\\nb"}', b"\xff", b"[" * 9999]
)
def test_garbage_makes_no_event(data):
    translation = EDGE.stream(told(ASKED))
    assert translation.feed(data) == b""
    assert translation.finish() == b""


def test_a_line_break_in_an_event_does_not_end_it():
    out = EDGE.stream(told(ASKED)).feed(b'{"type":\n"ping",\r\n"a":1}')
    assert out == b'event: ping\ndata: {"type": "ping", "a":1}\n\n'


def test_an_end_that_was_not_said_is_said():
    translation = EDGE.stream(told(ASKED))
    translation.feed(b'{"type":"message_delta","delta":{"stop_reason":"end_turn"}}')
    assert translation.finish() == b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
