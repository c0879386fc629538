"""OpenAI's Responses API: what is asked, what it used, and what its tools did."""

import base64
import gzip
import json
from datetime import datetime
from itertools import pairwise

import harness
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lens import OnBytes

from gateway.catalog.providers import KNOWN
from gateway.core.errors import BadRequest, UpstreamError
from gateway.core.money import Money
from gateway.core.request import Asked
from gateway.core.usage import Extras, Turn, Usage
from gateway.dialects.base import Quirk
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.dialects.watch import StreamWatch
from gateway.prices.bundled import price_book

RESPONSES = OnBytes(OpenAIResponses())
NONE = frozenset()
TICKS = frozenset({Quirk.CHARGES_COST_TICKS, Quirk.REASONING_BESIDE_OUTPUT})
NAMES = {"x-ai": "xai", "aws": "bedrock"}
count = st.integers(0, 10**6)


def body(asked=None, **more):
    return json.dumps({"model": "gpt-5", "input": "Hi"} | (asked or {}) | more).encode()


def answer(usage=None, **more):
    return json.dumps({"object": "response", "model": "gpt-5-x", "status": "completed", "usage": usage} | more).encode()


def sound(data):
    return {"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}


def report(message, quirks=NONE):
    return RESPONSES.report(message, quirks)


def used(given, made, **details):
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made, **details}


@pytest.fixture(scope="module")
def recorded():
    """The recordings beside the checkout, and the index over them."""
    if (found := harness.shared()) is None:
        pytest.skip("no shared recordings; set FAREWAY_SHARED")
    folder = found / "data" / "recorded"
    index = {entry["file"]: entry for entry in json.loads((folder / "index.json").read_text())}
    return lambda file: ((folder / file).read_bytes(), index[file])


# What is asked.


def test_what_routing_and_billing_need_is_read():
    asked = body(
        stream=True,
        max_output_tokens=70,
        service_tier="flex",
        prompt_cache_key="k",
        reasoning={"effort": "low"},
        tools=[{"type": "function", "name": "f"}],
        text={"format": {"type": "json_schema"}},
        input=[
            {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_image"}]},
            {"role": "user", "content": [{"type": "input_file"}, sound("AAAA"), {"type": "input_text"}]},
            {"type": "computer_call_output", "output": {"type": "computer_screenshot"}},
            {"type": "function_call_output", "output": [{"type": "input_image"}]},
            {"type": "image_generation_call", "result": "AAAA"},
            {"role": "user", "content": [{"type": "input_text", "text": "last"}]},
        ],
    )
    facts = RESPONSES.read(asked)
    assert (facts.model, facts.stream, facts.wants_usage, facts.output_tokens_max) == ("gpt-5", True, True, 70)
    assert facts.needs == {"tools", "vision", "audio", "files", "json"}
    assert (facts.images, facts.files, facts.turns, facts.prompt) == (4, 1, 6, "last")
    assert (facts.service_tier, facts.session, facts.reasons, facts.unseen) == ("flex", "k", True, False)


def test_sound_is_as_long_as_its_bytes_can_be():
    """For those that it is carried to who charge it by the minute."""
    said = {"role": "user", "content": [sound(base64.b64encode(b"\0" * 7500).decode())]}
    facts = RESPONSES.read(body({"input": [said, {"role": "user", "content": "Hi"}]}))
    assert (facts.extras_max, facts.unseen) == (Extras(audio_ms=11_000), False)


@pytest.mark.parametrize(
    ("more", "prompt"),
    [({"input": "Hi"}, "Hi"), ({"input": None}, ""), ({"input": []}, ""), ({"input": [{"type": "reasoning"}]}, "")],
)
def test_the_simplest_input_is_read(more, prompt):
    facts = RESPONSES.read(body(more))
    assert (facts.prompt, facts.turns, facts.needs, facts.reasons) == (prompt, 1, NONE, False)
    assert facts.output_tokens_max is None


@pytest.mark.parametrize(
    "more",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1"}},
        {"input": [{"role": "user", "content": [sound("https://x/3h.mp3")]}]},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "function"}, {"type": "mcp"}]},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"id": "msg_1"}]},
        {"input": [{"type": "additional_tools", "role": "developer", "tools": [{"type": "web_search"}]}]},
        {"input": [{"type": "additional_tools", "role": "developer", "tools": "?"}]},
        {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "function"}, {"type": "mcp"}]}]},
        {"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "namespace", "tools": []}]}]},
        {"tools": [{"type": "namespace", "name": "n", "tools": ["?"]}]},
    ],
)
def test_a_prompt_of_which_part_lies_at_the_provider_is_unseen(more):
    assert RESPONSES.read(body(more)).unseen


def test_tools_that_the_caller_runs_add_nothing_to_the_prompt_wherever_they_stand():
    """As Codex sends them: in namespaces, and as an item of the input."""
    own = [{"type": "function"}, {"type": "custom"}]
    spaces = [{"type": "namespace", "name": "n", "tools": own}]
    assert not RESPONSES.read(body({"tools": [*own, *spaces]})).unseen
    facts = RESPONSES.read(body({"input": [{"type": "additional_tools", "role": "developer", "tools": spaces}]}))
    assert not facts.unseen
    assert facts.needs == {"tools"}


def test_a_conversation_names_a_session():
    assert RESPONSES.read(body(conversation={"id": "c"})).session == "c"
    assert RESPONSES.read(body(conversation="c")).session == "c"
    assert RESPONSES.read(body(conversation={"id": 3}, user="u")).session == "u"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"background": True}, "background"),
        ({"models": ["a", "b"]}, "models"),
        ({"max_output_tokens": -1}, "max_output_tokens"),
        ({"model": ""}, "model"),
    ],
)
def test_what_cannot_be_metered_is_refused_by_name(more, field):
    with pytest.raises(BadRequest) as refused:
        RESPONSES.read(body(more))
    assert refused.value.param == field


def test_a_key_given_twice_is_refused():
    with pytest.raises(BadRequest):
        RESPONSES.read(b'{"model":"a","background":false,"background":false}')


def test_aiming_changes_the_model_alone():
    asked = Asked(b'{ "model" : "a" ,"input":"\\u0041","new": [1 ] }')
    lens = OpenAIResponses()
    facts = lens.read(asked)
    assert lens.aim(asked, "b", facts) == ("/responses", asked.body.replace(b'"a"', b'"b"'))
    assert lens.aim(asked, "a", facts).body is asked.body


def test_what_becomes_tokens_is_counted_without_the_bytes_of_pictures():
    picture = "data:image/png;base64," + "A" * 5000
    pages = "data:application/pdf;base64,PAGES"
    parts = [{"type": "input_image", "image_url": picture}, {"type": "input_file", "file_data": pages}]
    found = RESPONSES.countable(
        body(input=[{"role": "user", "content": parts}], instructions="Be brief", tools=[{"type": "function"}])
    )
    assert sum(map(len, found.texts)) < 500
    assert "Be brief" in found.texts[0]
    assert pages in found.texts[1], "a PDF counts by its bytes beside"
    assert (found.images, found.files, found.messages) == (1, 1, 1)
    assert found.tools == '[{"type": "function"}]'
    assert RESPONSES.countable(body(tools=[])).tools == ""


def test_errors_in_a_stream_are_events_of_the_api_that_its_clients_raise_for():
    event = RESPONSES.stream_error(UpstreamError("It broke off."), "r1")
    name, data, *rest = event.split(b"\n")
    said = json.loads(data.removeprefix(b"data: "))
    assert (name, rest) == (b"event: error", [b"", b""])
    assert (said["type"], said["message"], said["error"]["message"]) == ("error", "It broke off.", "It broke off.")
    assert isinstance(said["sequence_number"], int)
    watched = StreamWatch(OpenAIResponses(), NONE, wants_usage=True, price=lambda _: None)
    watched.feed(event)
    assert watched.error is not None


# What it used.


@given(st.tuples(*[count] * 6))
def test_counters_are_disjoint_and_sum_to_the_totals(counts):
    text, cached, written, longer, visible, reasoned = counts
    details = {"cached_tokens": cached, "cache_write_tokens": written + longer}
    details["cache_write_tokens_details"] = {"ttl_30m_tokens": written, "ttl_12h_tokens": longer}
    block = used(
        text + cached + written + longer,
        visible + reasoned,
        input_tokens_details=details,
        output_tokens_details={"reasoning_tokens": reasoned},
    )
    seen = report(answer(block))
    expected = Usage(
        input=text,
        cache_read=cached,
        cache_write=written,
        cache_write_12h=longer,
        output=visible,
        output_reasoning=reasoned,
    )
    assert (seen.usage, seen.clamped) == (expected, False)
    assert json.loads(seen.raw) == block


@given(*[count] * 5)
def test_contradictions_are_mended_and_the_totals_kept(given_in, cached, written, longer, reasoned):
    details = {"cached_tokens": cached, "cache_write_tokens": written}
    details["cache_write_tokens_details"] = {"ttl_12h_tokens": longer}
    block = used(given_in, 5, input_tokens_details=details, output_tokens_details={"reasoning_tokens": reasoned})
    seen = report(answer(block))
    assert (seen.usage.input_total, seen.usage.output_total) == (given_in, 5)
    assert min(getattr(seen.usage, name) for name in ("input", "cache_write", "cache_write_12h", "output")) >= 0
    assert seen.clamped == (cached + written > given_in or longer > written or reasoned > 5)


KEYS = [
    *("type", "response", "usage", "output", "tools", "tool_usage", "web_search", "num_requests", "image_gen"),
    *("input_tokens", "output_tokens", "input_tokens_details", "cache_write_tokens_details", "action", "model"),
    *("server_side_tool_usage_details", "cost", "cost_in_usd_ticks", "service_tier", "error"),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=400)
@given(anything, st.sampled_from([NONE, TICKS, frozenset({Quirk.CHARGES_REPORTED_COST})]))
def test_whatever_comes_nothing_is_raised_or_negative(message, quirks):
    seen = report(json.dumps(message).encode(), quirks)
    if seen.usage is not None:
        assert all(getattr(seen.usage, name) >= 0 for name in ("input", "cache_read", "cache_write", "output"))


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\xff",
        b'{"usage":"\xff"}',
        b"[" * 100_000,
        b'{"usage":{"input_tokens":1e400}}',
        b'{"usage":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_garbage_says_nothing_more(garbage):
    before = report(answer(used(3, 4)))
    assert RESPONSES.report(garbage, NONE, before).usage == before.usage
    assert report(garbage).usage is None


def test_usage_that_is_no_count_is_not_taken_for_one():
    assert (report(answer({"input_tokens": -1})).usage, report(answer({"input_tokens": -1})).clamped) == (None, True)
    assert report(answer([1])).usage is None
    assert report(answer(None)).usage is None


def test_the_last_tier_and_model_win_and_failures_are_told():
    first = RESPONSES.report(b'{"type":"response.created","response":{"service_tier":"auto","model":"m"}}', NONE)
    assert (first.service_tier, first.model, first.last) == ("auto", "m", False)
    end = {"type": "response.failed", "response": json.loads(answer(used(1, 2), service_tier="flex", status="failed"))}
    last = RESPONSES.report(json.dumps(end).encode(), NONE, first)
    assert (last.service_tier, last.model, last.last, last.failed) == ("flex", "gpt-5-x", True, True)
    kept = RESPONSES.report(b'{"type":"response.in_progress","response":{}}', NONE, last)
    assert (kept.service_tier, kept.model, kept.usage) == ("flex", "gpt-5-x", last.usage)
    assert RESPONSES.report(b'{"type":"error","code":"x"}', NONE).failed


def test_reported_costs_are_what_was_charged():
    assert report(answer(used(1, 2) | {"cost_in_usd_ticks": 6543500}), TICKS).cost == Money.usd("0.00065435")
    openrouter = frozenset({Quirk.CHARGES_REPORTED_COST})
    assert report(answer(used(1, 2) | {"cost": 0.025265}), openrouter).cost == Money.usd("0.025265")
    assert report(answer(used(1, 2) | {"cost": 1})).cost is None
    reasoned = used(1, 9, output_tokens_details={"reasoning_tokens": 4})
    assert report(answer(reasoned), TICKS).usage == Usage(input=1, output=5, output_reasoning=4)


def test_usage_that_nobody_can_hold_is_none():
    """JSON, but a number without bounds."""
    said = answer({"input_tokens": {}, "output_tokens": 1, "x": "HUGE"}).replace(b'"HUGE"', b"-9e2337203685")
    found = report(said, TICKS)
    assert (found.usage, found.clamped, found.cost) == (None, True, None)
    priced = answer(used(1, 2, x="HUGE")).replace(b'"HUGE"', b"-9e2337203685")
    assert report(priced, TICKS).cost is None


# What its tools did.


def call(kind, **more):
    return {"type": f"{kind}_call", **more}


@pytest.mark.parametrize(
    ("more", "extras"),
    [
        ({"output": [call("web_search"), call("web_search", action={"type": "search"})]}, Extras(web_searches=2)),
        ({"output": [call("web_search", action={"type": "open_page"})]}, None),
        ({"output": [call("web_search", action={})]}, Extras(web_searches=1)),
        ({"output": [call("web_search")], "tool_usage": {"web_search": {"num_requests": 3}}}, Extras(web_searches=3)),
        ({"output": [call("web_search")], "tool_usage": {"web_search": {"num_requests": 0}}}, None),
        ({"output": [], "tool_usage": {"web_search": {"num_requests": 2}}}, Extras(web_searches=2)),
        ({"output": [call("file_search"), call("file_search")]}, Extras(file_searches=2)),
        (
            {"output": [call("code_interpreter", container_id=name) for name in ("a", "b", "a")]},
            Extras(code_sessions=2),
        ),
        ({"output": [call("function")]}, None),
        ({"output": "web_search_call"}, None),
    ],
)
def test_calls_of_the_providers_tools_are_counted(more, extras):
    assert report(answer(used(1, 2), **more)).usage.extras == extras


@pytest.mark.parametrize(
    ("output", "prompt"),
    [
        ([{"type": "web_search_call", "action": {"type": "open_page"}}], 200_000),
        ([{"type": "mcp_call", "name": "theirs"}, {"type": "file_search_call"}], 133_333),
        ([{"type": "function_call", "name": "ours"}], None),
        ([{"type": "message", "content": [{"type": "output_text", "text": '{"type": "mcp_call"}'}]}], None),
    ],
)
def test_the_prompt_is_of_many_turns_where_the_providers_tools_were_at_work(output, prompt):
    """What is reported is the sum over all of them: it tells of no longer context than all have on average."""
    message = {"output": output, "usage": {"input_tokens": 400_000, "output_tokens": 1}}
    assert OpenAIResponses().report(json.dumps(message).encode(), frozenset()).usage.prompt == prompt


@pytest.mark.parametrize(
    ("given", "total", "status"),
    [(800_000, "4.01", "exact"), (500_000, "1.26", "uncertain"), (200_000, "0.51", "exact")],
)
def test_a_long_context_costs_what_it_does_with_a_tool_too(given, total, status):
    """Two turns of 400,000 tokens, of which the longer has no fewer, are more than the 272,000 of the cheaper band."""
    price = price_book().price("openai", "gpt-5.4", 1_800_000_000.0)
    seen = report(answer(used(given, 0), output=[call("web_search")]))
    cost = price.of(seen.usage)
    assert (cost.total, cost.status) == (Money.usd(total), status)


def test_tools_at_xai_are_counted_as_it_counts_them():
    calls = {"web_search_calls": 1, "x_search_calls": 2, "file_search_calls": 3, "code_interpreter_calls": 4}
    seen = report(answer(used(1, 2) | {"server_side_tool_usage_details": calls}, output=[call("web_search")]), TICKS)
    assert seen.usage.extras == Extras(web_searches=1, x_searches=2, file_searches=3, code_sessions=4)
    assert report(answer(used(1, 2) | {"server_side_tool_usage_details": None})).usage.extras is None


DRAWN = {"input_tokens": 10, "output_tokens": 100, "input_tokens_details": {"image_tokens": 4}}
DRAWN["output_tokens_details"] = {"image_tokens": 90}
DRAWING = Usage(input=6, input_image=4, output=10, output_image=90, requests=0)


def test_drawn_images_are_a_turn_at_the_model_of_the_tool():
    more = {"tool_usage": {"image_gen": DRAWN}, "tools": [{"type": "image_generation", "model": "gpt-image-1.5"}]}
    seen = report(answer(used(1, 2), **more))
    assert seen.turns == (Turn(Usage(input=1, output=2)), Turn(DRAWING, "gpt-image-1.5"))
    assert seen.usage == Usage(input=7, input_image=4, output=12, output_image=90)


def test_drawn_images_of_an_unnamed_model_are_in_doubt():
    seen = report(answer(used(1, 2), tool_usage={"image_gen": DRAWN}, output=[call("file_search")]))
    assert seen.turns[1] == Turn(DRAWING, "gpt-image-1")
    assert [turn.doubtful for turn in seen.turns] == [False, False, True]
    assert seen.usage.extras == Extras(file_searches=1)


def test_drawn_images_without_usage_are_in_doubt():
    seen = report(answer(used(1, 2), output=[call("image_generation", result="AAAA")]))
    assert seen.turns[1].doubtful
    assert seen.usage.extras == Extras(images=1)
    none = {"image_gen": {"input_tokens": 0, "output_tokens": 0}}
    assert report(answer(used(1, 2), output=[call("image_generation")], tool_usage=none)).turns == ()
    assert report(answer(used(1, 2), output=[{"type": "message", "text": "image_generation_call"}])).turns == ()


# Streams.


def events(*pairs):
    return b"".join(
        f"event: {kind}\ndata: ".encode() + json.dumps({"type": kind} | more).encode() + b"\n\n" for kind, more in pairs
    )


STREAM = events(
    ("response.created", {"response": {"service_tier": "auto", "usage": None, "error": None}}),
    ("response.reasoning_summary_text.delta", {"delta": "so "}),
    ("response.output_text.delta", {"delta": "Hel"}),
    ("response.output_text.delta", {"delta": "lo"}),
    ("response.output_text.done", {"text": "Hello"}),
    ("response.completed", {"response": json.loads(answer(used(7, 8), service_tier="default"))}),
)


@settings(max_examples=200)
@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_cut_anywhere_is_read_the_same_and_not_a_byte_changes(places):
    watched = StreamWatch(OpenAIResponses(), NONE, wants_usage=True, price=lambda _: None)
    edges = [0, *sorted(places), len(STREAM)]
    passed = b"".join(watched.feed(STREAM[a:b]) for a, b in pairwise(edges)) + watched.finish()
    assert passed == STREAM
    assert watched.report.usage == Usage(input=7, output=8)
    assert (watched.report.service_tier, watched.text) == ("default", "so Hello")
    assert (watched.done, watched.complete, watched.error, watched.shows_reasoning) == (True, True, None, False)


def test_a_stream_without_event_lines_is_complete_with_its_last_event():
    watched = StreamWatch(OpenAIResponses(), NONE, wants_usage=True, price=lambda _: None)
    watched.feed(b'data: {"type":"response.incomplete","response":{"usage":null}}\n\n')
    assert watched.complete
    later = StreamWatch(OpenAIResponses(), NONE, wants_usage=True, price=lambda _: None)
    later.feed(b'data: {"n":1,"type":"response.completed","response":' + answer(used(1, 2)) + b"}\n\n")
    assert (later.complete, later.report.usage.tokens) == (True, 3)


def test_a_schema_that_looks_like_the_end_does_not_end_a_stream():
    """Requests are repeated in events: the caller could write anything there."""
    watched = StreamWatch(OpenAIResponses(), NONE, wants_usage=True, price=lambda _: None)
    tools = [{"parameters": {"type": "response.completed", "event": "response.completed"}}]
    usage = used(0, 0)
    watched.feed(events(("response.created", {"response": {"tools": tools, "metadata": {"usage": usage}}})))
    assert (watched.complete, watched.report.usage) == (False, None)


def test_a_failed_response_is_an_error_of_the_stream():
    watched = StreamWatch(OpenAIResponses(), NONE, wants_usage=True, price=lambda _: None)
    watched.feed(events(("response.failed", {"response": {"status": "failed", "error": {"code": "x"}}})))
    assert watched.error is not None


def test_reasoning_that_is_shown_is_noticed():
    watched = StreamWatch(OpenAIResponses(), NONE, wants_usage=True, price=lambda _: None)
    watched.feed(events(("response.reasoning_text.delta", {"delta": "hm"})))
    assert watched.shows_reasoning


def test_reasoning_that_only_the_callers_own_words_name_is_not_shown():
    watched = StreamWatch(OpenAIResponses(), NONE, wants_usage=True, price=lambda _: None)
    echo = {"tools": [{"type": "function", "parameters": {"type": "response.reasoning_text.delta"}}]}
    watched.feed(events(("response.created", {"response": echo})))
    assert not watched.shows_reasoning


# Recordings.

FILES = [
    "openai_responses_cache_write.json",
    "openai_responses_websearch_multi.json",
    "azure_responses_stream_file_search.jsonl",
    "xai_responses_stream.sse",
    "openrouter_responses_cache_write.json",
]


@pytest.mark.parametrize("file", FILES)
def test_a_recorded_answer_costs_what_it_cost(recorded, file):
    raw, entry = recorded(file)
    provider = KNOWN[NAMES.get(entry["provider"], entry["provider"])]
    if entry["stream"]:
        if file.endswith(".jsonl"):
            raw = b"".join(b"data: " + line + b"\n\n" for line in raw.splitlines())
        watched = StreamWatch(OpenAIResponses(), provider.quirks, wants_usage=True, price=lambda _: None)
        assert watched.feed(raw) + watched.finish() == raw
        assert watched.complete
        seen = watched.report
    else:
        seen = report(raw, provider.quirks)
    assert (seen.service_tier, seen.clamped, seen.failed) == (entry["service_tier"], False, False)
    price = price_book().price(provider.priced_as, entry["model"], datetime.fromisoformat(entry["created"]).timestamp())
    expected = Money.usd(entry["expected_cost_usd"])
    assert (seen.cost or price.of(seen.usage, seen.service_tier).total) == expected


def test_the_recorded_answer_without_a_price_has_its_counters(recorded):
    raw, _ = recorded("bedrock_mantle_openai_responses.json")
    assert report(raw).usage == Usage(input=2, cache_write=86, output=14)


def test_what_was_made_is_told_from_a_whole_answer_too():
    """There its text has another name than in streams; and where a whole answer of chat has the same, that is read."""
    said = [
        {
            "type": "message",
            "content": [{"type": "output_text", "text": 'A "b"'}, {"type": "refusal", "refusal": "no"}],
        },
        {"type": "function_call", "name": "f", "arguments": '{"x": 1}'},
    ]
    watched = StreamWatch(OpenAIResponses(), NONE, wants_usage=False, price=lambda _: None)
    watched.read_whole(answer(output=said, instructions="Be brief."))
    assert watched.text == 'A "b"no{"x": 1}'
    watched = StreamWatch(OpenAIChat(), NONE, wants_usage=False, price=lambda _: None)
    watched.read_whole(b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}')
    assert (watched.text, watched.complete) == ("Hi", True)


def test_every_recorded_usage_adds_up():
    """The identities of the API: total = input + output, cached within input, reasoning within output."""
    if (found := harness.shared()) is None:
        pytest.skip("no shared recordings; set FAREWAY_SHARED")
    checked = 0
    with gzip.open(found / "data" / "usage_corpus.jsonl.gz") as lines:
        for row in map(json.loads, lines):
            if "responses" not in row["api"]:
                continue
            block = row["usage_final"]
            quirks = KNOWN["xai"].quirks if row["api"].startswith("api.x.ai") else NONE
            seen = report(answer(block), quirks)
            assert not seen.clamped, row
            assert (seen.usage.input_total, seen.usage.output_total) == (block["input_tokens"], block["output_tokens"])
            assert seen.usage.tokens == block["total_tokens"]
            assert seen.usage.output_reasoning == block["output_tokens_details"]["reasoning_tokens"]
            assert seen.usage.cache_read == block["input_tokens_details"]["cached_tokens"]
            checked += 1
    assert checked > 400
