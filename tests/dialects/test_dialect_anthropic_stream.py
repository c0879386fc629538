"""Anthropic's answers, whole and streamed: running totals merged field by field, wherever the stream is cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.money import Money
from gateway.core.usage import Extras, Report, Usage
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.anthropic_report import read_report
from gateway.dialects.base import Quirk
from gateway.dialects.fetched import BYTES_PER_TOKEN, Fetched
from gateway.dialects.sse import EVENT_BYTES_MAX
from gateway.dialects.watch import StreamWatch

NONE = frozenset()
count = st.integers(0, 10**6)


def event(kind, **more):
    return b"event: %b\ndata: %b" % (kind.encode(), json.dumps({"type": kind, **more}).encode())


def start(given_, made=1, **more):
    usage = {"input_tokens": given_, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, **more}
    message = {"type": "message", "model": "claude-1", "content": [], "stop_reason": None}
    return event("message_start", message=message | {"usage": usage | {"output_tokens": made}})


def delta(kind, **more):
    return event("content_block_delta", index=0, delta={"type": kind, **more})


def last(made, reason="end_turn", **more):
    return event("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": made, **more})


STOP = event("message_stop")
PING = event("ping")
ERROR = event("error", error={"type": "overloaded_error", "message": "boom"})


def watch(**options):
    return StreamWatch(AnthropicMessages(), NONE, **({"wants_usage": True, "price": lambda _: Money(1)} | options))


def run(stream, places=()):
    """Everything observable about a stream that came in these pieces."""
    watched = watch()
    edges = [0, *sorted({p % (len(stream) + 1) for p in places}), len(stream)]
    out = b"".join(watched.feed(stream[a:b]) for a, b in pairwise(edges)) + watched.finish()
    said = (watched.text, watched.shows_reasoning, watched.complete, watched.done, watched.error)
    return out, watched.report, said


def streamed(*events):
    return b"".join(one + b"\n\n" for one in events)


ANSWER = streamed(
    start(25),
    event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
    PING,
    delta("thinking_delta", thinking="Let me "),
    delta("signature_delta", signature="c2ln"),
    event("content_block_stop", index=0),
    delta("text_delta", text='say "usage": {"x": 1}, '),
    delta("input_json_delta", partial_json='{"city": "Os'),
    last(15),
    STOP,
)


def test_a_stream_passes_as_it_came_and_is_read_on_the_way():
    out, report, (text, reasons, complete, done, error) = run(ANSWER)
    assert out == ANSWER
    assert (report.usage, report.model) == (Usage(input=25, output=15), "claude-1")
    assert text == 'Let me say "usage": {"x": 1}, {"city": "Os'
    assert (reasons, complete, done, error) == (True, True, True, None)


pieces = st.lists(
    st.one_of(
        st.text(max_size=8).map(lambda text: delta("text_delta", text=text)),
        st.text(max_size=8).map(lambda text: delta("thinking_delta", thinking=text)),
        st.tuples(count, count).map(lambda pair: start(*pair)),
        count.map(last),
        st.tuples(count, count).map(lambda pair: last(pair[0], input_tokens=pair[1])),
        st.sampled_from([STOP, PING, ERROR, b": hi", last("many"), start(5, cache_creation={"x": 1})]),
        st.sampled_from([delta("text_delta", text="event: message_stop"), event("message_delta", usage=[])]),
    ),
    max_size=6,
)


@settings(max_examples=200)
@given(pieces, st.sampled_from([b"\n\n", b"\r\n\r\n", b"\r\r"]), st.lists(st.integers(0, 3000), max_size=8))
def test_wherever_a_stream_is_cut_the_outcome_is_the_same(events, end, places):
    stream = b"".join(one + end for one in events)
    whole = run(stream)
    assert whole[0] == stream
    assert run(stream, places) == whole


def test_cut_at_every_byte_the_outcome_is_the_same():
    assert run(ANSWER, range(len(ANSWER))) == run(ANSWER)


@given(count, count, st.lists(count, min_size=1, max_size=4))
def test_totals_run_and_are_never_added_up(given_, read, made):
    """The first event's output is a placeholder. Streams of 2024 say nothing but the output later on."""
    stream = streamed(start(given_, cache_read_input_tokens=read), *[last(n, None) for n in made], STOP)
    assert run(stream)[1].usage == Usage(input=given_, cache_read=read, output=made[-1])


def test_later_fields_win_and_null_says_nothing():
    """Recorded with web search: 2068 tokens at first, 22,397 at last."""
    first = start(2068, service_tier="standard", inference_geo="us", cache_read_input_tokens=7)
    final = last(
        637,
        input_tokens=22_397,
        cache_read_input_tokens=None,
        server_tool_use={"web_search_requests": 2, "web_fetch_requests": 0},
    )
    report = run(streamed(first, final, STOP))[1]
    extras = Extras(web_searches=2)
    assert report.usage == Usage(input=22_397, cache_read=7, output=637, extras=extras, prompt=2075)
    assert report.service_tier == "geo:us"
    told = json.loads(report.raw)
    assert (told["input_tokens"], told["cache_read_input_tokens"], told["inference_geo"]) == (22_397, 7, "us")


def test_the_first_turn_stays_the_one_that_context_bands_look_at():
    steps = [last(5, None, input_tokens=n) for n in (10, 400, 900)]
    assert run(streamed(start(10), *steps, STOP))[1].usage == Usage(input=900, output=5, prompt=10)


def test_turns_that_are_listed_need_no_such_prompt():
    turns = [{"type": "message", "input_tokens": 10, "output_tokens": 1}] * 2
    report = run(streamed(start(10), last(2, input_tokens=20, iterations=turns), STOP))[1]
    assert (report.usage, len(report.turns)) == (Usage(input=20, output=2), 2)


def test_a_stream_that_breaks_off_has_told_its_input():
    out, report, (text, _, complete, done, _) = run(streamed(start(25), delta("text_delta", text="Hel")))
    assert report.usage.input == 25
    assert (text, complete, done) == ("Hel", False, False)
    assert out


def test_an_error_inside_a_stream_is_noticed():
    *_, (_, _, complete, _, error) = run(streamed(start(25), ERROR))
    assert json.loads(error)["error"]["message"] == "boom"
    assert not complete


@pytest.mark.parametrize(
    "harmless",
    [
        delta("text_delta", text='event: message_stop\n\n"stop_reason": "end_turn"'),
        delta("input_json_delta", partial_json='{"type": "message_stop", "stop_reason": "x"}'),
        delta("text_delta", text='{"type": "error", "error": {"type": "x"}}'),
        PING,
    ],
)
def test_words_in_an_answer_are_no_end_and_no_error(harmless):
    *_, (_, _, complete, done, error) = run(streamed(start(25), harmless))
    assert (complete, done, error) == (False, False, None)


@pytest.mark.parametrize("thinking", ["", '"thinking": "deep"'])
def test_thinking_that_is_kept_from_us_is_not_shown(thinking):
    """With `display: omitted` a block of thinking has a signature and no text."""
    hidden = event("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""})
    said = delta("text_delta", text=thinking or "x")
    assert run(streamed(start(1), hidden, said))[2][1] is False


def message(**more):
    usage = {"input_tokens": 7, "output_tokens": 3}
    return json.dumps({"type": "message", "model": "m", "usage": usage, "content": [], **more}).encode()


def test_a_whole_answer_says_the_same():
    raw = b'{"input_tokens": 7, "output_tokens": 3}'
    assert read_report(message(), NONE) == Report(usage=Usage(input=7, output=3), model="m", raw=raw)


@pytest.mark.parametrize(
    ("content", "prompt"),
    [
        ([{"type": "text", "text": "hi"}], None),
        ([{"type": "tool_use", "name": "mine", "input": {}}], None),
        ([{"type": "text", "text": '"type": "server_tool_use"'}], None),
        ([{"type": "server_tool_use", "name": "web_search"}, {"type": "web_search_tool_result"}], 3),
        ([{"type": "web_fetch_tool_result"}], 3),
        ([{"type": "mcp_tool_use", "name": "theirs"}, {"type": "server_tool_use"}], 2),
    ],
)
def test_after_the_servers_own_tools_the_input_is_a_sum(content, prompt):
    """Of which one turn has no less than all have on average."""
    assert read_report(message(content=content), NONE).usage.prompt == prompt


def test_a_line_of_a_batch_holds_a_message_that_says_batch():
    line = {"custom_id": "a", "result": {"type": "succeeded", "message": json.loads(message())}}
    line["result"]["message"]["usage"]["service_tier"] = "batch"
    report = read_report(json.dumps(line["result"]["message"]).encode(), NONE)
    assert (report.usage, report.service_tier) == (Usage(input=7, output=3), "batch")


def test_a_cost_that_is_charged_is_reported():
    usage = {"input_tokens": 7, "output_tokens": 3, "cost": 0.5}
    charges = frozenset({Quirk.CHARGES_REPORTED_COST})
    assert read_report(message(usage=usage), charges).cost == Money.usd("0.5")
    assert read_report(message(usage=usage), NONE).cost is None
    before = read_report(message(usage=usage), charges)
    assert read_report(last(4).partition(b"data: ")[2], charges, before).cost == Money.usd("0.5")


@pytest.mark.parametrize(
    "said", [b'{"type": "error", "error": {"type": "api_error"}}', b'{"error": {"x": 1}}', b'{"type": "error"}']
)
def test_an_error_under_a_good_status_is_a_failure(said):
    assert read_report(said, NONE) == Report(failed=True)


@pytest.mark.parametrize(
    "nothing",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b'{"usage": 5}',
        b'{"usage": "\xff"}',
        b'{"type": "message_start"}',
        b"[" * 10**5,
    ],
)
def test_garbage_says_nothing(nothing):
    before = read_report(message(), NONE)
    assert read_report(nothing, NONE) == Report()
    assert read_report(nothing, NONE, before) == before


@pytest.mark.parametrize("usage", [None, {}])
def test_an_answer_without_usage_names_its_model(usage):
    assert read_report(message(usage=usage), NONE) == Report(model="m")


def test_nonsense_after_good_usage_is_noted_and_the_good_usage_kept():
    report = run(streamed(start(25), last("many"), STOP))[1]
    assert (report.usage, report.clamped) == (Usage(input=25, output=1), True)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_nothing_is_raised_whatever_comes(one, other):
    for said in (one, b'{"usage": ' + one + b', "model": ' + other + b"}", b'{"usage": {"x": ' + other + b"}}"):
        read_report(said, NONE, read_report(message(), NONE))


def result(tool, content, index=1):
    block = {"type": f"{tool}_tool_result", "tool_use_id": "srvtoolu_1", "content": content}
    return event("content_block_start", index=index, content_block=block)


def test_what_the_providers_tools_found_is_read_in_every_turn_after_it():
    """Two searches and a page, and then the stream breaks off: the first event told of one turn of four."""
    found = [
        result("web_search", [{"encrypted_content": "x" * 3000}]),
        result("web_search", []),
        result("web_fetch", "y"),
    ]
    before = start(2000, cache_read_input_tokens=10, cache_creation_input_tokens=5)
    watched = watch()
    watched.feed(streamed(before, PING, found[0]))  # They may come together.
    said = delta("text_delta", text='"type": "web_search_tool_result"')
    for one in (use("server_tool_use"), found[1], delta("input_json_delta", partial_json="{}"), found[2], said):
        watched.feed(one + b"\n\n")
    sizes = [len(one) + 2 for one in found]
    read = 3 * sizes[0] + 2 * sizes[1] + sizes[2]
    assert watched.fetched.added_to(watched.report.usage) == Usage(
        input=4 * 2000 + read // BYTES_PER_TOKEN,
        cache_read=10 + 3 * 15,
        cache_write=5,
        output=1,
        prompt=2015,
        extras=Extras(web_searches=2),
    )


def test_what_a_tool_found_is_nothing_that_the_model_wrote_where_the_stream_is_torn():
    watched = watch()
    watched.feed(start(2000) + b"\n\n" + result("mcp", [{"type": "text", "text": "found"}])[:-3])
    watched.finish()
    assert watched.text == ""
    assert watched.fetched.turns == 1


def use(kind):
    return event("content_block_start", index=0, content_block={"type": kind, "id": "u", "name": "f", "input": {}})


def test_what_tools_found_side_by_side_is_read_in_one_turn_and_nothing_that_the_model_wrote():
    """Five calls of an MCP server at once, whose results are texts."""
    found = [result("mcp", [{"type": "text", "text": "z" * 300}]) for _ in range(5)]
    watched = watch()
    watched.feed(streamed(start(50_000), *[use("mcp_tool_use") for _ in found], *found))
    assert watched.text_bytes == 0
    watched.feed(streamed(PING, found[0], delta("text_delta", text="So"), found[0]))
    size = len(found[0]) + 2
    read = 6 * size + 7 * size
    assert watched.fetched.turns == 2
    assert watched.fetched.added_to(watched.report.usage).input == 3 * 50_000 + read // BYTES_PER_TOKEN
    assert (watched.text, watched.text_bytes) == ("So", 2)


def test_a_long_result_is_nothing_that_the_model_wrote_either():
    watched = watch()
    page = streamed(start(10), result("mcp", [{"type": "text", "text": "z" * 2 * EVENT_BYTES_MAX}]))
    for at in range(0, len(page), 1 << 16):
        watched.feed(page[at : at + (1 << 16)])
    assert (watched.fetched.turns, watched.text_bytes) == (1, 0)


def test_a_result_that_is_too_long_to_be_held_back_is_read_too():
    watched = watch()
    watched.feed(streamed(start(10)))
    page = streamed(result("web_fetch", "x" * 2 * EVENT_BYTES_MAX))
    for at in range(0, len(page), 1 << 16):
        watched.feed(page[at : at + (1 << 16)])
    assert watched.fetched.added_to(watched.report.usage).input == 20 + len(page) // BYTES_PER_TOKEN


def test_a_tool_of_the_callers_own_leaves_the_usage_as_it_is():
    watched = watch()
    use = {"type": "tool_use", "id": "t", "name": "web_search_tool_result", "input": {}}
    watched.feed(streamed(start(10), event("content_block_start", index=0, content_block=use)))
    assert watched.fetched.added_to(watched.report.usage) is watched.report.usage


@pytest.mark.parametrize(
    ("first", "sizes", "searches", "billed"),
    [
        (2068, [16156, 23206], 2, 22_397),
        (2479, [16766, 26206, 13830, 40380, 27810, 29379, 25091, 10152, 17061, 26437], 10, 404_500),
    ],
)
def test_searches_that_were_recorded_are_counted_a_little_too_high(first, sizes, searches, billed):
    """claude-sonnet-4 and 4.5: the prompt of the first turn, bytes of each result, and what the last event told."""
    fetched = Fetched()
    for size in sizes:
        fetched.note(b"web_search", size)
        fetched.read()
    counted = fetched.added_to(Usage(input=first))
    assert billed <= counted.input < 1.2 * billed
    assert counted.extras == Extras(web_searches=searches)
