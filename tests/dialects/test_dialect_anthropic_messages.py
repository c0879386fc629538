"""Anthropic's messages: what is read, what is refused, and the little that is changed on the way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import (
    BadRequest,
    BodyTooLarge,
    Forbidden,
    GatewayError,
    LimitReached,
    MethodNotAllowed,
    Reason,
    Refusal,
    Unauthorized,
    Unavailable,
    UnknownModel,
    UpstreamError,
    UpstreamTimeout,
)
from gateway.core.request import Asked, Countable, Facts, Other, Picture
from gateway.core.usage import Report, Usage
from gateway.dialects.anthropic_count_tokens import AnthropicCountTokens
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.anthropic_others import OTHERS_MAX
from gateway.dialects.openai_chat import OUTPUT_TOKENS_CREDIBLE_MAX
from gateway.front.paths import way_of
from gateway.tokens import bound
from gateway.tokens.bounds import ceiling
from gateway.tokens.count import count_now
from gateway.tokens.families import CLAUDE

MESSAGES, COUNTS = AnthropicMessages(), AnthropicCountTokens()
HI = [{"role": "user", "content": "hi"}]
SECRET = "sk-very-secret"


def body(**more):
    return json.dumps({"model": "m", "max_tokens": 5, "messages": HI, **more}).encode()


def said(*blocks):
    return [{"role": "user", "content": list(blocks)}]


def read(**more):
    return MESSAGES.read(Asked(body(**more)))


def counted(**more):
    return MESSAGES.countable(Asked(body(**more)))


@pytest.mark.parametrize(
    ("bad", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b"{}", "model"),
        (body(messages=None), "messages"),
        (body(messages=[]), "messages"),
        (body(messages=[SECRET]), "messages[0]"),
        (body(messages=said({"type": [SECRET]})), "messages[0].content[0].type"),
        (body(messages=said({"type": "text", "text": 5})), "messages[0].content[0].text"),
        (body(max_tokens=None), "max_tokens"),
        (body(max_tokens=-1), "max_tokens"),
        (body(max_tokens="5"), "max_tokens"),
        (body(max_tokens=1.5), "max_tokens"),
        (body(stream="true"), "stream"),
        (body(system=5), "system"),
        (body(tools={}), "tools"),
        (body(thinking=True), "thinking"),
        (body(service_tier=1), "service_tier"),
        (body(speed=[SECRET]), "speed"),
        (body(inference_geo={}), "inference_geo"),
        (body(metadata={"user_id": {SECRET: 1}}), "metadata.user_id"),
        (body(thread={"type": "continue", "previous_message_id": SECRET}), "thread"),
        (body(model=""), "model"),
        (body(model=SECRET + "\n"), "model"),
        (body(messages=said({"type": "tool_result", "content": 5})), None),
        (body(messages=said({"type": "tool_result", "content": [{"type": "tool_result"}]})), "messages"),
        (body(messages=said({"type": "document", "source": SECRET})), None),
    ],
)  # fmt: skip
def test_a_wrong_body_is_refused_naming_the_field_and_not_shown(bad, param):
    with pytest.raises(BadRequest) as refused:
        MESSAGES.read(Asked(bad))
    assert refused.value.param == param
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "key",
    [
        *("model", "messages", "system", "stream", "max_tokens", "service_tier", "speed", "inference_geo"),
        *("thinking", "tools", "mcp_servers", "fallbacks"),
    ],
)
def test_a_key_that_money_depends_on_may_stand_there_once_only(key):
    value = {"model": '"m"', "messages": json.dumps(HI), "stream": "false", "max_tokens": "5"}.get(key, "null")
    once = body(**{key: json.loads(value)})
    assert MESSAGES.read(Asked(once))
    with pytest.raises(BadRequest) as refused:
        MESSAGES.read(Asked(once[:-1] + f', "{key}": {value}}}'.encode()))
    assert refused.value.param == key


def test_a_plain_call_has_the_defaults():
    assert read() == Facts(model="m", output_tokens_max=5, prompt="hi")


def test_nulls_are_the_same_as_nothing():
    nulls = ["stream", "system", "tools", "mcp_servers", "thinking", "service_tier", "speed", "inference_geo"]
    nulls += ["metadata", "output_format", "output_config", "fallbacks", "thread"]
    assert read(**dict.fromkeys(nulls)) == read()


def test_a_stream_reports_its_usage_unasked():
    facts = read(stream=True)
    assert (facts.stream, facts.wants_usage) == (True, True)


def test_caps_from_none_to_absurd():
    """0 warms the provider's cache and generates nothing."""
    assert read(max_tokens=0).output_tokens_max == 0
    assert read(max_tokens=10**30).output_tokens_max == OUTPUT_TOKENS_CREDIBLE_MAX


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({"service_tier": "auto"}, None),
        ({"service_tier": "standard_only"}, None),
        ({"speed": "standard", "inference_geo": "global"}, None),
        ({"speed": "fast"}, "speed:fast"),
        ({"inference_geo": "us"}, "geo:us"),
        ({"speed": "fast", "inference_geo": "us", "service_tier": "auto"}, "geo:us,speed:fast"),
    ],
)
def test_what_is_asked_for_and_changes_the_price_is_held_for(more, asked):
    assert read(**more).service_tier == asked


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
PDF = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}
PLAIN = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "plain words"}}
FOUND = {
    "type": "search_result",
    "source": "https://example.com",
    "title": "t",
    "content": [{"type": "text", "text": "f"}],
}


@pytest.mark.parametrize(
    ("more", "needs"),
    [
        ({"tools": [{"name": "f", "input_schema": {}}]}, {"tools"}),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {"tools"}),
        ({"mcp_servers": [{"type": "url", "url": "https://example.com"}]}, {"tools"}),
        ({"tools": []}, set()),
        ({"output_format": {"type": "json_schema"}}, {"json"}),
        ({"output_config": {"format": {"type": "json_schema"}}}, {"json"}),
        ({"output_config": {"effort": "low"}}, set()),
        ({"messages": said(IMAGE)}, {"vision"}),
        ({"messages": said({"type": "tool_result", "content": [IMAGE, PDF]})}, {"vision", "files"}),
        ({"messages": said(PDF)}, {"files"}),
        ({"messages": said(PLAIN, FOUND)}, set()),
    ],
)
def test_what_the_call_needs_is_seen(more, needs):
    assert read(**more).needs == needs


@pytest.mark.parametrize(
    ("kind", "files"),
    [(kind, 0) for kind in ("text", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "mcp_tool_use")]
    + [(kind, 0) for kind in ("", "web_search_tool_result", "tool_reference", "compaction", "fallback", "image")]
    + [(kind, 1) for kind in ("document", "container_upload", "video", "x" * 1000)],
)
def test_a_block_that_we_do_not_know_is_held_for_as_a_file(kind, files):
    """What it becomes at the provider, a video for one, no number of bytes bounds."""
    blocks = said({"type": kind}, {"type": "tool_result", "content": [{"type": kind}]})
    assert read(messages=blocks).files == counted(messages=blocks).files == 2 * files


def test_blocks_within_blocks_count_and_the_last_message_is_the_prompt():
    parts = [{"type": "text", "text": "look"}, IMAGE, {"type": "tool_result", "content": [IMAGE]}, PDF]
    facts = read(messages=[*HI, *said(*parts, {"type": "text", "text": "here"})])
    assert (facts.images, facts.files, facts.turns, facts.prompt) == (2, 1, 2, "look here")


FETCHED = {"type": "web_fetch_result", "url": "https://example.com", "content": PDF}


@pytest.mark.parametrize(
    ("block", "images", "files"),
    [
        ({"type": "document", "source": {"type": "content", "content": [IMAGE, IMAGE, {"type": "text"}]}}, 2, 1),
        ({"type": "document", "source": {"type": "content", "content": "text"}}, 0, 1),
        ({"type": "document"}, 0, 1),
        ({"type": "web_fetch_tool_result", "tool_use_id": "t", "content": FETCHED}, 0, 1),
        ({"type": "web_fetch_tool_result", "content": {**FETCHED, "content": PLAIN}}, 0, 0),
        ({"type": "mcp_tool_result", "content": [IMAGE, {"type": "text", "text": "hi"}, {"type": "new"}]}, 1, 0),
        ({"type": "code_execution_tool_result", "content": {"type": "x_result", "content": [{"type": "x"}]}}, 0, 0),
        ({"type": "web_search_tool_result"}, 0, 0),
    ],
)
def test_what_is_shown_in_a_document_or_a_result_of_anthropics_is_held_for(block, images, files):
    messages = said(block, {"type": "tool_result", "content": [block]})
    facts, found = read(messages=messages), counted(messages=messages)
    assert (facts.images, facts.files) == (found.images, found.files) == (2 * images, 2 * files)


@pytest.mark.parametrize(
    ("content", "head"), [("a" * 5000 + "z" * 5000, "a" * 1000 + "\n" + "z" * 1000), (None, ""), ([], "")]
)
def test_the_head_of_the_prompt_is_short_or_empty(content, head):
    assert read(messages=[{"role": "user", "content": content}]).prompt == head


@pytest.mark.parametrize(
    ("thinking", "reasons"),
    [({"type": "adaptive"}, True), ({"type": "enabled", "budget_tokens": 1024}, True), ({"type": "disabled"}, False)],
)
def test_a_call_that_asks_for_thinking_says_so(thinking, reasons):
    assert read(thinking=thinking).reasons is reasons


def test_a_conversation_is_named_by_its_user():
    assert read(metadata={"user_id": "u"}).session == "u"
    assert read(metadata={}).session is None


def test_models_named_inside_are_seen():
    """A key that may not use a model must not reach it as an advisor or as a fallback."""
    advisor = {"type": "advisor_20260301", "name": "advisor", "model": "wise"}
    facts = read(tools=[advisor, {"name": "f", "input_schema": {}}], fallbacks=[{"model": "kind"}])
    assert facts.models == ("m", "wise", "kind")
    assert read(fallbacks="default").models == ("m",)


@pytest.mark.parametrize(
    "fallbacks", [["kind"], [{"model": "kind"}, 5], [{"model": 5}], {"model": "kind"}, "kind", [{}], True]
)
def test_fallbacks_whose_models_cannot_be_read_are_refused(fallbacks):
    """They went on as they were: what another model may cost was not held for, nor whether the key may use it asked."""
    with pytest.raises(BadRequest) as refused:
        read(fallbacks=fallbacks)
    assert refused.value.param == "fallbacks"
    assert read(fallbacks=[]).models == ("m",)


def test_what_other_models_may_do_is_read():
    advisors = [{"model": "a"}, {"model": "b", "max_tokens": 2048, "max_uses": 3}]
    fallbacks = [{"model": "c"}, {"model": "d", "max_tokens": 9, "speed": "fast"}, {"model": "e", "speed": "standard"}]
    assert read(tools=advisors, fallbacks=fallbacks).also == (
        Other("a", advises=1),
        Other("b", 2048, advises=3),
        Other("c"),
        Other("d", 9, tier="speed:fast"),
        Other("e"),
    )


@pytest.mark.parametrize("cap", ["9", 9.0, -1, True, [9]])
def test_a_cap_of_another_model_that_could_be_read_in_two_ways_is_refused(cap):
    for named in ({"fallbacks": [{"model": "c", "max_tokens": cap}]}, {"tools": [{"model": "a", "max_uses": cap}]}):
        with pytest.raises(BadRequest, match="whole number"):
            read(**named)


def test_more_other_models_than_anybody_runs_are_refused():
    assert len(read(fallbacks=[{"model": "c"}] * OTHERS_MAX).also) == OTHERS_MAX
    with pytest.raises(BadRequest, match="16 other models"):
        read(fallbacks=[{"model": "c"}] * OTHERS_MAX, tools=[{"model": "a"}])


def test_a_call_for_the_same_model_passes_byte_for_byte():
    asked = Asked(b'  {"max_tokens":1,"messages": [{"content": "h\\u0069"}], "x": 1e400,\n"model":"m" }\n')
    aimed = MESSAGES.aim(asked, "m", MESSAGES.read(asked))
    assert (aimed.path, aimed.body) == ("/messages", asked.body)
    assert aimed.body is asked.body


@given(st.text(min_size=1, max_size=10).filter(str.isprintable), st.text(max_size=10))
def test_only_the_model_changes(before, after):
    asked = Asked(body(model=before, metadata={"model": before}))
    aimed = MESSAGES.aim(asked, after, MESSAGES.read(asked)).body
    assert json.loads(aimed) == {**json.loads(asked.body), "model": after}


def test_the_query_travels():
    """Claude Code asks at /v1/messages?beta=true."""
    asked = Asked(body(), query="beta=true")
    assert MESSAGES.aim(asked, "m", MESSAGES.read(asked)).path == "/messages?beta=true"
    assert COUNTS.aim(asked, "m", COUNTS.read(asked)).path == "/messages/count_tokens?beta=true"


def test_everything_that_becomes_tokens_is_countable():
    call = {"type": "tool_use", "id": "1", "name": "f", "input": {"city": "Oslo"}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "rain"}, IMAGE]}
    tools = [{"name": "f", "input_schema": {}}]
    messages = [
        *HI,
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, call]},
        *said(result, {"type": "tool_result", "content": "dry"}, {"type": "tool_result", "content": None}, PDF, FOUND),
        *said({"type": "text"}, {"type": "tool_result"}),
    ]
    found = counted(system=[{"type": "text", "text": "be"}], messages=messages, tools=tools)
    assert found == Countable(
        texts=(
            "hi",
            '{"type": "thinking", "thinking": "hm", "signature": "s"}',
            json.dumps(call),
            json.dumps(FOUND),
            '{"type": "text"}',
            '{"type": "tool_result"}',
            "be",
            "rain",
            "dry",
        ),
        messages=5,
        tools=json.dumps(tools),
        images=1,
            pictures=(Picture("iVBORw0KGgo="),),
        files=1,
        unread=len('"url":"https://example.com/a.pdf",'),
    )  # fmt: skip
    assert counted(system="be").texts == ("hi", "be")
    assert counted().tools == counted(tools=None).tools == ""


@given(st.lists(st.sampled_from([IMAGE, PDF, PLAIN, FOUND, {"type": "text", "text": "w"}, {"type": "x"}]), max_size=5))
def test_facts_and_count_see_the_same(blocks):
    asked = [*HI, *said(*blocks, {"type": "tool_result", "content": blocks})]
    facts, found = read(messages=asked), counted(messages=asked)
    assert (facts.images, facts.files, facts.turns) == (found.images, found.files, found.messages)


def test_counting_tokens_is_free_and_needs_no_cap():
    """The answer is a number, which nobody charges for."""
    asked = Asked(json.dumps({"model": "m", "messages": HI}).encode())
    assert COUNTS.read(asked) == Facts(model="m", output_tokens_max=0, prompt="hi", free=True)
    assert COUNTS.report(b'{"input_tokens": 2095}', frozenset()) == Report(usage=Usage())
    assert COUNTS.report(b"garbage", frozenset()) == Report(usage=Usage())
    assert COUNTS.report(b'{"type": "error", "error": {}}', frozenset()).failed


@pytest.mark.parametrize("prefix", ["", "/anthropic"])
def test_both_have_their_paths(prefix):
    assert way_of(f"{prefix}/v1/messages", {}).surface.dialect.name == MESSAGES.name
    assert way_of(f"{prefix}/v1/messages/count_tokens", {}).surface.dialect.name == COUNTS.name


def limit(unit, reason, resets_in_s=None):
    return LimitReached(Refusal("key:k", unit, "day", "1", "1", "0", "1", None, reason, resets_in_s))


SPENT = {"details": {"error_code": "enforced_spend_limit_reached"}}


@pytest.mark.parametrize(
    ("error", "kind", "more"),
    [
        (BadRequest("wrong", "n"), "invalid_request_error", {}),
        (MethodNotAllowed(("POST",)), "invalid_request_error", {}),
        (BodyTooLarge("large"), "request_too_large", {}),
        (Unauthorized("who"), "authentication_error", {}),
        (Forbidden("no"), "permission_error", {}),
        (UnknownModel("what"), "not_found_error", {}),
        (limit("usd", Reason.EXHAUSTED), "rate_limit_error", SPENT),
        (limit("usd", Reason.EXHAUSTED, 30.0), "rate_limit_error", {}),  # A wait that the client is told cures it.
        (limit("usd", Reason.TOO_BIG), "rate_limit_error", SPENT),
        (limit("usd", Reason.HELD), "rate_limit_error", {}),
        (limit("tokens", Reason.EXHAUSTED), "rate_limit_error", {}),
        (Unavailable("down"), "overloaded_error", {}),
        (UpstreamError("bad"), "api_error", {}),
        (UpstreamTimeout("slow"), "timeout_error", {}),
        (GatewayError("bug"), "api_error", {}),
    ],
)
def test_every_refusal_has_anthropics_shape(error, kind, more):
    told = {"type": "error", "error": {"type": kind, "message": str(error), **more}, "request_id": "req-1"}
    for dialect in (MESSAGES, COUNTS):
        assert json.loads(dialect.error(error, "req-1")) == told
        event = dialect.stream_error(error, "req-1")
        assert event == b"event: error\ndata: " + dialect.error(error, "req-1") + b"\n\n"


def test_definitions_that_are_not_in_the_request_are_held_for():
    """A computer, an editor and a shell at claude-sonnet-4-5, as Anthropic documents them: what any tools cost, each
    definition, and what is said of computers."""
    tools = [
        {"type": "computer_20250124", "name": "computer", "display_width_px": 1024, "display_height_px": 768},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        {"type": "bash_20250124", "name": "bash"},
    ]
    facts, found = read(tools=tools), counted(tools=tools)
    truth = 346 + 735 + 700 + 245 + 499
    assert bound(0, facts, "claude-sonnet-4-5") > truth
    assert count_now(found, CLAUDE) > truth
    assert ceiling(found, CLAUDE) > count_now(found, CLAUDE)
    own = [{"name": "f"}, {"type": "custom"}, {"type": None}, {"type": "function"}]
    assert (read(tools=own).defined, counted(tools=own).defined, read(tools=None).defined) == (0, 0, 0)
    assert read(tools=[{"type": ["odd"]}]).defined > 0


@pytest.mark.parametrize(
    ("kinds", "recorded"),
    [
        (["code_execution_20260120"], 2_293),
        (["web_fetch_20260209", "code_execution_20260120"], 3_465),
        (["web_search_20260209", "web_fetch_20260209", "code_execution_20260120"], 4_786),
        (["web_search_20250305"], 2_068),
        (["memory_20250818"], 1_577),
    ],
)
def test_prompts_that_were_recorded_are_within_the_bound(kinds, recorded):
    """Of the first turn, before anything was fetched, at claude-sonnet-4 to 4.6; and as many as the vocabulary from 4.7
    on would make of them. The caller said less than a hundred tokens."""
    facts = read(tools=[{"type": kind, "name": "t"} for kind in kinds])
    assert bound(0, facts, "claude-sonnet-4-6") > recorded - 100
    assert bound(0, facts, "claude-opus-4-8") > 1.37 * (recorded - 100)
