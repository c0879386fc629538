"""Bedrock's two dialects: what is read from a request, what an answer and a stream tell, and how we refuse."""

import base64
import json
from itertools import pairwise
from urllib.parse import unquote

import harness
import pytest
from dialects.test_dialect_aws_events import chunk, event
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import (
    BadRequest,
    Forbidden,
    GatewayError,
    LimitReached,
    Reason,
    Refusal,
    Unauthorized,
    Unavailable,
    UnknownModel,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.core.request import Asked
from gateway.core.usage import Usage
from gateway.dialects import aws_events
from gateway.dialects.aws_errors import error_head
from gateway.dialects.bedrock_converse import BedrockConverse
from gateway.dialects.bedrock_invoke import BedrockInvoke
from gateway.dialects.framing import AWS
from gateway.dialects.openai_chat import OUTPUT_TOKENS_CREDIBLE_MAX
from gateway.dialects.watch import StreamWatch
from gateway.prices import bundled

CONVERSE, INVOKE = BedrockConverse(), BedrockInvoke()
MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-micro-v1:0"
HI = [{"role": "user", "content": [{"text": "hi"}]}]
PICTURE = {"image": {"format": "png", "source": {"bytes": "AAAA"}}}
FILE = {"document": {"format": "pdf", "name": "x", "source": {"bytes": "AAAA"}}}
USED = {"inputTokens": 5, "outputTokens": 7, "totalTokens": 12}


def asked(body=None, *, verb="converse", model=MODEL, tier="", **more):
    given_ = body if isinstance(body, bytes) else json.dumps({"messages": HI, **(body or {}), **more}).encode()
    return Asked(given_, model, verb, tier=tier)


def test_plain_request():
    facts = CONVERSE.read(asked(inferenceConfig={"maxTokens": 9}))
    assert (facts.model, facts.stream, facts.output_tokens_max, facts.wants_usage) == (MODEL, False, 9, True)
    assert (facts.turns, facts.prompt, facts.needs, facts.service_tier) == (1, "hi", frozenset(), None)
    assert CONVERSE.read(asked(verb="converse-stream")).stream
    assert CONVERSE.read(asked()).output_tokens_max is None


@pytest.mark.parametrize(
    "tools", [[{"type": "memory_20250818", "name": "memory"}, {"name": "mine"}, "odd"], "odd", None]
)
def test_tools_of_anthropics_own_are_held_for_with_what_is_not_in_the_request(tools):
    """Converse hands them on in fields of the model's own."""
    defined = 1_750 if isinstance(tools, list) else 0
    for dialect, call in (
        (INVOKE, asked(tools=tools)),
        (CONVERSE, asked(additionalModelRequestFields={"tools": tools})),
    ):
        facts = dialect.read(call)
        assert (facts.defined, dialect.countable(call).defined) == (defined, defined)
        assert ("tools" in facts.needs) == (tools is not None)


@pytest.mark.parametrize(
    ("part", "counts"),
    [
        (rb'{"image":{"source":{"s3Location":{"uri":"s3://x/y"}}}}', (1, 0, False)),
        (rb'{"im\u0061ge":{"source":{"s3Location":{"uri":"s3://x/y"}}}}', (1, 0, False)),
        (rb'{"document":{"source":{"s3Location":{"uri":"s3://x/y"}}}}', (0, 1, False)),
        (rb'{"video":{"source":{"s3Location":{"uri":"s3://x/y"}}}}', (0, 1, True)),
        (rb'{"vid\u0065o":{"source":{"s3Location":{"uri":"s3://x/y"}}}}', (0, 1, True)),
        (rb'{"text":"\\","vid\u0065o" : {"format":"mp4"}}', (0, 1, True)),
        (rb'{"type":"video_url","video_url":{"url":"https://x/y"}}', (0, 1, True)),
        (rb'{"text":"\"vid\u0065o\": {"}', (0, 0, False)),
        (rb'{"text":"\\\"video\\\": {"}', (0, 0, False)),
    ],
)
def test_film_is_held_for_by_the_window_however_its_name_is_written(part, counts):
    call = asked(b'{"messages":[{"role":"user","content":[%b]}]}' % part, verb="invoke")
    facts, counted = INVOKE.read(call), INVOKE.countable(call)
    assert (facts.images, facts.files, facts.unseen) == counts
    assert (counted.images, counted.files) == counts[:2]


def test_a_picture_for_a_guardrail_is_a_picture():
    parts = [{"guardContent": PICTURE}, {"guardContent": {"text": {"text": "hi"}}}, {"guardContent": None}]
    call = asked(messages=[{"role": "user", "content": parts}])
    facts = CONVERSE.read(call)
    assert (facts.images, CONVERSE.countable(call).images, facts.needs) == (1, 1, {"vision"})


def test_a_parameter_of_a_tool_is_no_film():
    tools = b'[{"name":"cut","input_schema":{"type":"object","properties":{"video":{"type":"string"}}}}]'
    facts = INVOKE.read(asked(b'{"tools":%b,"messages":[{"role":"user","content":"Hi"}]}' % tools, verb="invoke"))
    assert (facts.files, facts.unseen, "tools" in facts.needs) == (0, False, True)


ODD = st.lists(st.sampled_from(["~", "\\", "image", "document", "video", "type", ": {", "u0022"]), max_size=3).map(
    "".join
)
TOOLS = st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=3))


@given(TOOLS, st.sampled_from([r"\"", r"\u0022"]), st.sampled_from("aemo"))
def test_no_tool_takes_a_picture_a_file_or_a_film_from_what_is_held_for(tools, quote, letter):
    """However the quotes in its strings (here ~) and its letters are escaped: a caller chooses that."""
    said = [{"image": {}}, {"type": "image"}, {"document": {}}, {"type": "document"}, {"video": {}}, {"type": "video"}]
    body = json.dumps({"tools": [tools], "messages": [{"role": "user", "content": said}]}).replace("~", quote)
    for written in (body, body.replace(letter, rf"\u00{ord(letter):02x}")):
        assert json.loads(written)["messages"][0]["content"] == said
        facts = INVOKE.read(asked(written.encode(), verb="invoke"))
        assert facts.images >= 2
        assert facts.files >= 4
        assert facts.unseen


def test_an_escaped_quote_in_the_name_of_a_parameter_hides_no_film():
    call = rb'{"tools":[{"\u0022video":{},"\u0022image":{}}],"messages":[{"content":[{"video":{}},{"image":{}}]}]}'
    facts = INVOKE.read(asked(call, verb="invoke"))
    assert (facts.images, facts.files, facts.unseen) == (1, 1, True)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (INVOKE, b'{"tools":[],"tools":[]}'),
        (INVOKE, b'{"n":9,"n":1}'),
        (INVOKE, b'{"inferenceConfig":{"max_new_tokens":9,"max_new_tokens":1}}'),
        (CONVERSE, b'{"messages":[],"additionalModelRequestFields":{"tools":[],"tools":[]}}'),
        (CONVERSE, b'{"messages":[],"additionalModelRequestFields":{"inferenceConfig":{"maxTokens":9,"maxTokens":1}}}'),
    ],
)
def test_what_money_depends_on_is_refused_where_it_is_given_twice(dialect, body):
    with pytest.raises(BadRequest, match="twice"):
        dialect.read(asked(body))


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"fallbacks": [{"model": "claude-opus-4-8"}]}, "fallbacks"),
        ({"tools": [{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-8"}]}, "tools"),
    ],
)
def test_other_models_are_refused(more, param):
    """They were neither held for nor asked about."""
    for dialect, call in ((INVOKE, asked(more)), (CONVERSE, asked(additionalModelRequestFields=more))):
        with pytest.raises(BadRequest) as refused:
            dialect.read(call)
        assert refused.value.param == param
    INVOKE.read(asked(fallbacks=[], tools=[{"name": "mine", "model": None}]))


def test_what_a_request_needs():
    result = {"toolResult": {"toolUseId": "1", "content": [{"json": {"a": 1}}, PICTURE, {"text": "t"}]}}
    content = [{"text": "see"}, PICTURE, FILE, {"video": {}}, {"video": {"format": "mp4"}}, {"audio": {"x": 1}}, result]
    facts = CONVERSE.read(
        asked(
            messages=[{"role": "user", "content": content}, {"content": [{"text": "a"}, {"text": "b"}]}],
            toolConfig={"tools": [{"toolSpec": {"name": "t"}}]},
            outputConfig={"textFormat": {"type": "json_schema"}},
            serviceTier={"type": "flex"},
            performanceConfig={"latency": "optimized"},
        )
    )
    assert (facts.images, facts.files, facts.turns, facts.prompt) == (2, 3, 2, "a b")
    assert facts.needs == {"tools", "json", "vision", "files", "audio"}
    assert facts.service_tier == "flex,latency:optimized"
    assert facts.unseen, "of film only the context window bounds the tokens"
    assert not CONVERSE.read(asked(messages=[{"content": [PICTURE, FILE]}])).unseen


@pytest.mark.parametrize(
    ("inference", "more", "cap"),
    [
        ({"maxTokens": 9}, {"max_tokens": 20}, 20),
        ({"maxTokens": 30}, {"max_gen_len": 20, "maxTokens": None}, 30),
        ({"maxTokens": 30}, {"inferenceConfig": {"max_new_tokens": 40}}, 40),
        (None, {"max_tokens": 20}, 20),
        ({}, ["max_tokens"], None),
        ({"maxTokens": 10**12}, None, OUTPUT_TOKENS_CREDIBLE_MAX),
    ],
)
def test_the_largest_cap_is_held_for_wherever_it_is_given(inference, more, cap):
    facts = CONVERSE.read(asked(inferenceConfig=inference, additionalModelRequestFields=more))
    assert facts.output_tokens_max == cap


@pytest.mark.parametrize(
    ("more", "answers"),
    [
        ({"n": 16}, 16),
        ({"n": None, "num_generations": 5}, 5),
        ({"numResults": 3, "best_of": 4}, 4),
        ({"textGenerationConfig": {"candidateCount": 2}}, 2),
        ({"n": 128}, 128),
        ({"top_k": 5}, 1),
    ],
)
def test_every_answer_is_held_for_whoever_names_their_number(more, answers):
    """All but the first went unheld for: AI21's Jamba gives sixteen of them."""
    assert INVOKE.read(asked(more)).choices == answers
    assert CONVERSE.read(asked(additionalModelRequestFields=more)).choices == answers


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"max_new_tokens": 1, "maxTokens": 5000.0}, "maxTokens"),
        ({"max_new_tokens": 1, "maxTokens": "5000"}, "maxTokens"),
        ({"inferenceConfig": {"max_new_tokens": 1, "maxTokens": True}}, "maxTokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"n": 2.0}, "n"),
        ({"n": 0}, "n"),
        ({"max_tokens": 5, "num_generations": "5"}, "num_generations"),
        ({"n": 129}, None),
    ],
)
def test_a_number_that_a_vendor_may_read_otherwise_is_refused(more, param):
    """It was passed over where another was there, which was all that was held for."""
    for dialect, call in ((INVOKE, asked(more)), (CONVERSE, asked(additionalModelRequestFields=more))):
        with pytest.raises(BadRequest) as refused:
            dialect.read(call)
        assert refused.value.param == param


@pytest.mark.parametrize(("more", "reasons"), [({"thinking": {"type": "enabled"}}, True), ({"top_k": 5}, False)])
def test_reasoning_is_asked_for_in_the_vendors_own_words(more, reasons):
    assert CONVERSE.read(asked(additionalModelRequestFields=more)).reasons is reasons


@pytest.mark.parametrize(
    ("bad", "param"),
    [
        (b"", None),
        (b"{}", "messages"),
        (b'{"messages": []}', "messages"),
        (b'{"messages": [{"role": "user"}]}', "messages[0].content"),
        (b'{"messages": [{"content": [{"text": 5}]}]}', "messages[0].content[0].text"),
        (b'{"messages": [{"content": []}], "inferenceConfig": {"maxTokens": -1}}', "inferenceConfig.maxTokens"),
        (b'{"messages": [{"content": []}], "inferenceConfig": {"maxTokens": 1, "maxTokens": 9}}', "maxTokens"),
        (b'{"messages": [{"content": []}], "inferenceConfig": {}, "inferenceConfig": {}}', "inferenceConfig"),
        (
            b'{"messages": [{"content": []}], "additionalModelRequestFields": {"max_tokens": 1, "max_tokens": 2}}',
            "max_tokens",
        ),
    ],
)
def test_what_is_wrong_is_named(bad, param):
    with pytest.raises(BadRequest) as refused:
        CONVERSE.read(asked(bad))
    assert refused.value.param == param


@pytest.mark.parametrize("name", ["", "x" * 300])
def test_the_model_must_be_a_name(name):
    for dialect in (CONVERSE, INVOKE):
        with pytest.raises(BadRequest):
            dialect.read(asked(model=name))


@pytest.mark.parametrize("dialect", [CONVERSE, INVOKE])
@pytest.mark.parametrize("model", [MODEL, ARN, "a b%/ü"])
def test_the_path_names_the_model_and_the_body_stays(dialect, model):
    request = asked(verb="converse-stream")
    path, body = dialect.aim(request, model, dialect.read(request))
    assert body is request.body
    prefix, name, verb = path.lstrip("/").split("/")
    assert (prefix, unquote(name), verb) == ("model", model, "converse-stream")
    assert ":" not in name


def test_the_parts_that_become_tokens():
    content = [
        {"text": "see"},
        PICTURE,
        FILE,
        {"toolUse": {"name": "t", "input": {"a": 1}}},
        {"cachePoint": {"type": "default"}},
        {"toolResult": {"content": [{"text": "told"}, {"json": {"b": 2}}]}},
        {"reasoningContent": {"text": "r"}},
    ]
    counted = CONVERSE.countable(
        asked(
            messages=[{"content": content}],
            system=[{"text": "be"}],
            toolConfig={"tools": []},
            outputConfig=None,
            additionalModelRequestFields={"tools": ["x"]},
        )
    )
    assert counted.texts[:3] == ("be", "see", "told")
    assert sorted(counted.texts[3:]) == sorted(['{"name": "t", "input": {"a": 1}}', '{"b": 2}', '{"text": "r"}'])
    assert (counted.messages, counted.images, counted.files) == (2, 1, 1)
    assert counted.tools == '{"tools": []}{"tools":["x"]}'
    assert CONVERSE.countable(asked()).tools == ""


def test_whole_answer():
    router = {"promptRouter": {"invokedModelId": "amazon.nova-lite-v1:0"}}
    body = {"usage": USED, "serviceTier": {"type": "flex"}, "trace": router, "stopReason": "end_turn"}
    report = CONVERSE.report(json.dumps(body).encode(), frozenset())
    assert (report.usage, report.service_tier) == (Usage(input=5, output=7), "flex")
    assert (report.model, json.loads(report.raw), report.clamped) == ("amazon.nova-lite-v1:0", USED, False)
    for trace in ({"promptRouter": 5}, {"promptRouter": {"invokedModelId": 5}}, {"guardrail": {}}, 5):
        assert CONVERSE.report(json.dumps(body | {"trace": trace}).encode(), frozenset()).model is None


@pytest.mark.parametrize("usage", ["5", "null", "[]", "{"])
def test_an_answer_without_usage_says_nothing(usage):
    before = CONVERSE.report(json.dumps({"usage": USED}).encode(), frozenset())
    assert CONVERSE.report(f'{{"usage": {usage}'.encode() + b"}", frozenset(), before) == before


def test_nonsense_keeps_what_was_said_before():
    before = CONVERSE.report(json.dumps({"usage": USED}).encode(), frozenset())
    after = CONVERSE.report(b'{"usage": {"inputTokens": -1}}', frozenset(), before)
    assert (after.usage, after.clamped) == (before.usage, True)


# Streams.

TALK = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}),
    event("contentBlockDelta", {"delta": {"text": 'Hel"lo'}, "contentBlockIndex": 1}),
    event("contentBlockDelta", {"delta": {"toolUse": {"input": '{"a"'}}, "contentBlockIndex": 2}),
    event("messageStop", {"stopReason": "tool_use"}),
    event("metadata", {"usage": USED, "metrics": {"latencyMs": 3}, "performanceConfig": {"latency": "optimized"}}),
]


def watched(dialect, stream, places=()):
    watch = StreamWatch(dialect, frozenset(), wants_usage=True, price=lambda _: Money(1), framing=AWS)
    edges = [0, *sorted(p % (len(stream) + 1) for p in places), len(stream)]
    out = b"".join(watch.feed(stream[a:b]) for a, b in pairwise(edges)) + watch.finish()
    return out, watch.report, watch.text, watch.complete, watch.done, watch.error, watch.shows_reasoning


def test_a_stream_tells_its_usage_at_the_end_and_passes_as_it_came():
    stream = b"".join(TALK)
    out, report, text, complete, done, error, reasoning = watched(CONVERSE, stream)
    assert out == stream
    assert (report.usage, report.service_tier, report.last) == (Usage(input=5, output=7), "latency:optimized", True)
    assert text == 'hmHel"lo{"a"'.replace('"a"', '"a"')
    assert (complete, done, error, reasoning) == (True, True, None, True)


def test_it_is_finished_before_it_is_done():
    stream = b"".join(TALK[:-1])
    _, report, _, complete, done, *_ = watched(CONVERSE, stream)
    assert (report.usage, complete, done) == (None, True, False)
    assert watched(CONVERSE, b"".join(TALK[:-2]))[3] is False


def test_what_a_tool_of_the_providers_found_ends_nothing():
    found = event("contentBlockDelta", {"delta": {"toolResult": [{"json": {"stopReason": "x"}}]}})
    assert not watched(CONVERSE, b"".join([*TALK[:-2], found]))[3]
    assert watched(CONVERSE, b"".join([*TALK[:-2], found, *TALK[-2:]]))[3]


@pytest.mark.parametrize(
    "error",
    [
        aws_events.exception("throttlingException", b'{"message":"slow down"}'),
        aws_events.message(
            aws_events._header(":error-code", "500") + aws_events._header(":message-type", "error"), b""
        ),
    ],
)
@pytest.mark.parametrize("dialect", [CONVERSE, INVOKE])
def test_an_exception_inside_a_stream_is_an_error(error, dialect):
    stream = chunk(b'{"type":"x"}') + error
    for places in ((), range(len(stream))):
        out, *_, complete, _, noted, _ = watched(dialect, stream, places)
        assert (out, complete, noted) == (stream, False, aws_events.payload(error))


def test_the_words_in_somebodys_text_are_no_error_and_no_usage():
    words = 'an "error": {"x"} and an exception, "usage": {"inputTokens": 9}'
    stream = event("contentBlockDelta", {"delta": {"text": words}})
    out, report, _, complete, _, error, _ = watched(CONVERSE, stream)
    assert (out, report.usage, complete, error) == (stream, None, False, None)


METRICS = b'{"inputTokenCount":3,"outputTokenCount":8}'
CLAUDE_USED = {
    "input_tokens": 3,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 6,
    "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 5},
    "output_tokens": 1,
}
COUNTED = {"inputTokenCount": 3, "outputTokenCount": 8, "cacheReadInputTokenCount": 4, "cacheWriteInputTokenCount": 6}
CLAUDE = [
    json.dumps(event).encode()
    for event in (
        {"type": "message_start", "message": {"model": "claude-x", "usage": CLAUDE_USED}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 8}},
        {"type": "message_stop", "amazon-bedrock-invocationMetrics": COUNTED},
    )
]


def test_claudes_own_events_come_in_base64_and_say_more_than_bedrocks_metrics():
    stream = b"".join(map(chunk, CLAUDE))
    out, report, text, complete, done, error, _ = watched(INVOKE, stream)
    assert out == stream
    assert report.usage == Usage(input=3, cache_read=4, cache_write=1, cache_write_1h=5, output=8)
    assert (report.model, report.clamped, text) == ("claude-x", False, "Hello")
    assert (complete, done, error) == (True, True, None)


def test_of_other_vendors_bedrocks_metrics_count():
    last = b'{"generation":"!","stop_reason":"stop","amazon-bedrock-invocationMetrics":METRICS}'.replace(
        b"METRICS", METRICS
    )
    _, report, text, complete, *_ = watched(INVOKE, chunk(b'{"generation":"Hi","stop_reason":null}') + chunk(last))
    assert (report.usage, text, complete) == (Usage(input=3, output=8), "Hi!", True)


def test_arguments_of_a_tool_that_the_model_called_end_nothing():
    metrics = {"amazon-bedrock-invocationMetrics": COUNTED, "finish_reason": "x"}
    called = chunk(json.dumps({"tool_calls": [{"name": "f", "parameters": metrics}]}).encode())
    wrapped = chunk(json.dumps({"parameters": metrics}).encode())
    last = {"event_type": "stream-end", "amazon-bedrock-invocationMetrics": COUNTED}
    end = chunk(json.dumps(last, indent=1).encode())
    _, report, _, complete, done, *_ = watched(INVOKE, called + wrapped)
    assert (report.usage, complete, done) == (None, False, False)
    _, report, _, _, done, *_ = watched(INVOKE, called + end + wrapped)
    assert (report.usage, done) == (Usage(input=3, cache_read=4, cache_write=6, output=8), True)


def test_an_error_of_claudes_inside_a_stream():
    told = b'{"type":"error","error":{"type":"overloaded_error","message":"busy"}}'
    *_, error, _ = watched(INVOKE, chunk(told))
    assert error == told


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(CONVERSE, TALK), (INVOKE, [chunk(c) for c in CLAUDE])]), st.integers(1, 7), st.data())
def test_wherever_a_stream_is_cut_the_outcome_is_the_same(talk, much, data):
    dialect, messages = talk
    stream = b"".join(messages[:much])
    stream = stream[: data.draw(st.integers(0, len(stream)))]
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    assert watched(dialect, stream, places) == watched(dialect, stream)
    assert watched(dialect, stream, range(len(stream))) == watched(dialect, stream)


# InvokeModel.


@pytest.mark.parametrize(
    ("body", "cap"),
    [
        ({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": HI}, 9),
        ({"messages": HI, "inferenceConfig": {"max_new_tokens": 7}}, 7),
        ({"inputText": "hi", "textGenerationConfig": {"maxTokenCount": 5}}, 5),
        ({"prompt": "hi", "max_gen_len": 10**12}, OUTPUT_TOKENS_CREDIBLE_MAX),
        ({"prompt": "hi", "inferenceConfig": 5}, None),
    ],
)
def test_every_vendor_caps_output_in_its_own_words(body, cap):
    facts = INVOKE.read(asked(json.dumps(body).encode(), verb="invoke"))
    assert (facts.output_tokens_max, facts.stream, facts.model) == (cap, False, MODEL)


def test_what_a_native_body_needs():
    body = json.dumps(
        {
            "messages": [{"role": "user", "content": [{"type": "image", "source": {}}, {"type": "document"}]}, {}],
            "tools": [{}],
            "thinking": {"type": "enabled"},
        }
    ).encode()
    facts = INVOKE.read(asked(body, verb="invoke-with-response-stream"))
    assert (facts.images, facts.files, facts.turns, facts.reasons, facts.stream) == (1, 1, 2, True, True)
    assert facts.needs == {"tools", "vision", "files"}
    counted = INVOKE.countable(asked(body))
    assert (counted.texts, counted.images, counted.files) == ((body.decode(),), 1, 1)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"max_tokens": -1}', b'{"max_tokens": 1, "max_tokens": 2}'])
def test_a_native_body_that_is_refused(body):
    with pytest.raises(BadRequest):
        INVOKE.read(asked(body, verb="invoke"))


def test_a_tier_that_only_headers_would_tell_is_refused():
    with pytest.raises(BadRequest, match="Converse"):
        INVOKE.read(asked(b"{}", verb="invoke", tier="priority"))


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        ({"usage": {"input_tokens": 3, "output_tokens": 4}, "model": "claude"}, Usage(input=3, output=4)),
        (
            {"usage": {"inputTokens": 3, "outputTokens": 4, "cacheReadInputTokenCount": 5}},
            Usage(input=3, cache_read=5, output=4),
        ),
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}, Usage(input=3, output=4)),
        ({"usage": {"inputTokens": "x"}}, None),
        ({"usage": 5}, None),
        ({"generation": "Hi", "prompt_token_count": 3}, None),
    ],
)
def test_whole_native_answers(answer, usage):
    assert INVOKE.report(json.dumps(answer).encode(), frozenset()).usage == usage


# Refusals.


def limit(reason):
    return LimitReached(Refusal("key:k", "usd", "day", "1", "1", "0", "1", None, reason))


@pytest.mark.parametrize(
    ("error", "status", "name", "in_stream"),
    [
        (BadRequest("n is wrong", "n"), 400, "ValidationException", "validationException"),
        (Unauthorized("who"), 401, "UnrecognizedClientException", "internalServerException"),
        (Forbidden("no"), 403, "AccessDeniedException", "internalServerException"),
        (UnknownModel("what"), 404, "ResourceNotFoundException", "internalServerException"),
        (limit(Reason.EXHAUSTED), 400, "ServiceQuotaExceededException", "throttlingException"),
        (limit(Reason.TOO_BIG), 400, "ServiceQuotaExceededException", "throttlingException"),
        (limit(Reason.HELD), 429, "ThrottlingException", "throttlingException"),
        (Unavailable("down"), 503, "ServiceUnavailableException", "serviceUnavailableException"),
        (UpstreamError("bad"), 502, "ServiceUnavailableException", "serviceUnavailableException"),
        (UpstreamTimeout("slow"), 504, "ModelTimeoutException", "modelStreamErrorException"),
        (GatewayError("oh"), 500, "InternalServerException", "internalServerException"),
    ],
)
def test_every_refusal_has_awss_shape(error, status, name, in_stream):
    told, headers = error_head(error, "req-1")
    assert (told, headers) == (status, {"x-amzn-ErrorType": name, "x-amzn-RequestId": "req-1"})
    for dialect in (CONVERSE, INVOKE):
        body = json.loads(dialect.error(error, "req-1"))
        param = {"param": "n"} if isinstance(error, BadRequest) else {}
        assert body == {"message": str(error), "request_id": "req-1", **param}
        last = dialect.stream_error(error, "req-1")
        assert aws_events.payload(last) == dialect.error(error, "req-1")
        assert b":exception-type\x07\x00" + bytes((len(in_stream),)) + in_stream.encode() in last


# Recorded answers, to the last digit.


@pytest.mark.parametrize(
    "file", ["bedrock_converse_cache_write.json", "bedrock_converse_flex.json", "bedrock_converse_stream.json"]
)
def test_recorded_answers_cost_what_they_cost(file):
    shared = harness.shared()
    if shared is None:
        pytest.skip("there are no shared recordings; set FAREWAY_SHARED")
    folder = shared / "data" / "recorded"
    (entry,) = (e for e in json.loads((folder / "index.json").read_text()) if e["file"] == file)
    body = (folder / file).read_bytes()
    if entry["stream"]:
        raw = base64.b64decode(json.loads(body)["raw_eventstream_b64"])
        out, report, *_ = watched(CONVERSE, raw)
        assert out == raw
    else:
        report = CONVERSE.report(body, frozenset())
    book = bundled.price_book()
    at = 1795219200.0  # 2026-11-20; the recordings have no date.
    price = book.price("aws", entry["model"], at)
    cost = price.of(report.usage, report.service_tier)
    if report.service_tier == "flex" and "flex" not in price.tiers:
        assert cost.status is CostStatus.UNCERTAIN, "a tier without a price is not the standard tier"
    else:
        assert cost.total == Money.usd(entry["expected_cost_usd"])


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", "1.1"),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "1"),
        (ARN, "0.035"),
        (ARN.replace("us.amazon.nova-micro", "us.anthropic.claude-haiku-4-5-20251001"), "1.1"),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "3"),
    ],
)
def test_a_regional_profile_costs_a_tenth_more_since_claude_4_5(model, dollars):
    """The prefix of the model that was asked for is all that tells: no answer names it."""
    price = bundled.price_book().price("aws", model, 1795219200.0)
    assert Money(price.standard.base.input * 10**6) == Money.usd(dollars)
