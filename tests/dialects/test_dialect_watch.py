"""A watched stream passes as it came, but for the usage chunk nobody asked for and the cost that somebody did."""

import json
import time
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import Unavailable
from gateway.core.money import Money
from gateway.dialects.base import Quirk
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.openai_responses import OpenAIResponses
from gateway.dialects.spoken import DIALECTS
from gateway.dialects.watch import TEXT_BYTES_KEPT_MAX, StreamWatch

CHAT = OpenAIChat()
ENDS = [b"\n\n", b"\r\n\r\n", b"\r\r"]


def price(report):
    return Money(report.usage.tokens * 1_000_000)


def watch(*, wants_usage=True, quirks=(), price=price, choices=1):
    return StreamWatch(CHAT, frozenset(quirks), wants_usage=wants_usage, price=price, choices=choices)


def chunk(text=None, *, usage=None, choices=True, **more):
    body = {"id": "c", "model": "m-1", "choices": [{"index": 0, "delta": {"content": text}}] if choices else []}
    return b"data: " + json.dumps({**body, "usage": usage, **more}).encode()


def used(prompt, completion, **more):
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **more}


def last(prompt, completion, **more):
    return chunk(usage=used(prompt, completion), choices=False, **more)


DONE = b"data: [DONE]"
ERROR = b'data: {"error": {"message": "boom"}}'


def run(stream, places=(), **options):
    """Everything observable about a stream that came in these pieces."""
    watched = watch(**options)
    edges = [0, *sorted({p % (len(stream) + 1) for p in places}), len(stream)]
    out = b"".join(watched.feed(stream[a:b]) for a, b in pairwise(edges)) + watched.finish()
    return out, watched.report, watched.text, (watched.text_bytes, watched.complete), watched.done, watched.error


pieces = st.lists(
    st.one_of(
        st.text(max_size=8).map(chunk),
        st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda t: last(*t)),
        st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda t: chunk("x", usage=used(*t))),
        st.sampled_from([DONE, ERROR, b": ping", b"event: error\ndata: {}", chunk('"usage": {"choices": []}')]),
        st.sampled_from([chunk(usage={"prompt_tokens": -1}), chunk(usage=used(1, 2, cost=0.5), choices=False)]),
        st.sampled_from(
            [b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}', chunk('"finish_reason": "x"')]
        ),
    ),
    max_size=6,
)


@st.composite
def streams(draw):
    body = b"".join(event + draw(st.sampled_from(ENDS)) for event in draw(pieces))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + body + draw(st.sampled_from([b"", DONE, chunk("end")]))


@settings(max_examples=300)
@given(streams(), st.lists(st.integers(0, 3000), max_size=10), st.booleans())
def test_wherever_a_stream_is_cut_the_outcome_is_the_same(stream, places, wants_usage):
    whole = run(stream, wants_usage=wants_usage)
    assert run(stream, places, wants_usage=wants_usage) == whole


@settings(max_examples=30)
@given(streams(), st.booleans())
def test_cut_at_every_byte_the_outcome_is_the_same(stream, wants_usage):
    assert run(stream, range(len(stream)), wants_usage=wants_usage) == run(stream, wants_usage=wants_usage)


@given(st.lists(st.text(max_size=20), max_size=6), st.sampled_from(ENDS))
def test_the_usage_chunk_nobody_asked_for_is_left_out_and_nothing_else(texts, end):
    answer = b"".join(chunk(t) + end for t in texts)
    out, report, *_, done, error = run(answer + last(3, 4) + end + DONE + end, wants_usage=False)
    assert out == answer + DONE + end
    assert (report.usage.input, report.usage.output) == (3, 4)
    assert (report.model, done, error) == ("m-1", True, None)


def test_usage_in_a_chunk_with_an_answer_stays_for_everybody():
    """Some providers report usage beside the last words: leaving it out would lose them."""
    stream = chunk("bye", usage=used(3, 4)) + b"\n\n"
    out, report, *_ = run(stream, wants_usage=False)
    assert out == stream
    assert report.usage.tokens == 7


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from(ENDS))
def test_whoever_asked_for_usage_gets_its_cost_with_it(prompt, completion, end):
    """The cost stands in the usage block as a number with every digit; all other bytes are as they came."""
    stream = chunk("hi") + end + last(prompt, completion) + end + DONE + end
    out, *_ = run(stream)
    cost = price(watch_report(stream)).decimal
    assert out == stream.replace(
        b'"total_tokens": %d' % (prompt + completion),
        b'"total_tokens": %d,"cost":%s' % (prompt + completion, cost.encode()),
    )
    events = [e for e in out.split(end) if b"total_tokens" in e]
    assert json.loads(events[0][6:], parse_float=Decimal)["usage"]["cost"] == Decimal(prompt + completion) / 10**6


def watch_report(stream):
    return run(stream)[1]


def test_a_cost_that_the_provider_wrote_stays_as_it_is():
    stream = chunk(usage=used(1, 2, cost=0.25), choices=False) + b"\n\n"
    assert run(stream)[0] == stream


def test_a_cost_is_written_into_no_usage_that_is_null():
    """An earlier chunk had told it; this one has a `usage` of its own further in."""
    first = last(1, 2) + b"\n\n"
    later = b'data: {"choices": [{"index": 0, "delta": {}, "usage": {"prompt_tokens": 1}}], "usage": null}\n\n'
    out, report, *_ = run(first + later)
    assert out.endswith(later)
    assert report.usage.tokens == 3


def test_a_cost_is_written_into_no_garbage():
    """It stands where usage may, after some that was told."""
    first = last(1, 2) + b"\n\n"
    later = b'data: {"choices": [], "usage": {"prompt_tokens": 9]}\n\n'
    out, report, *_ = run(first + later)
    assert out.endswith(later)
    assert report.usage.tokens == 3


def test_without_a_price_nothing_is_written():
    stream = last(1, 2) + b"\n\n"
    assert run(stream, price=lambda _: None)[0] == stream


def test_usage_over_several_data_lines_is_read_and_passes_unchanged():
    stream = b'data: {"choices": [],\ndata: "usage": {"prompt_tokens": 5, "completion_tokens": 1}}\n\n'
    out, report, *_ = run(stream)
    assert (out, report.usage.input) == (stream, 5)


def test_usage_given_twice_in_one_chunk_passes_unchanged_and_raises_nothing():
    block = b'"usage": {"prompt_tokens": 5, "completion_tokens": 1}'
    stream = b"data: {" + block + b", " + block + b"}\n\n"
    out, report, *_ = run(stream)
    assert (out, report.usage.input) == (stream, 5)


def test_usage_that_stands_deeper_is_not_the_streams_own():
    """Groq writes the same figures twice, the second time inside `x_groq`: they count once."""
    stream = chunk("a", usage=None, x_groq={"usage": used(3, 4)}) + b"\n\n"
    assert run(stream)[:2] == (stream, watch().report)
    both = chunk(usage=used(3, 4), choices=False, x_groq={"usage": used(3, 4)}) + b"\n\n"
    assert run(both)[1].usage.tokens == 7


def test_the_last_usage_counts_and_is_never_added_up():
    """Usage is cumulative: three reports of 10, 20 and 30 tokens are 30 tokens."""
    stream = b"".join(chunk("x", usage=used(5, n)) + b"\n\n" for n in (10, 20, 30))
    assert run(stream)[1].usage.output == 30


def test_what_a_later_report_leaves_open_is_kept_from_an_earlier_one():
    stream = last(1, 2, service_tier="flex") + b"\n\n" + chunk(usage=used(1, 3), choices=False, model=None) + b"\n\n"
    report = run(stream)[1]
    assert (report.usage.output, report.service_tier, report.model) == (3, "flex", "m-1")


def test_nonsense_after_good_usage_is_noted_and_the_good_usage_kept():
    stream = last(1, 2) + b"\n\n" + chunk(usage={"prompt_tokens": "many"}, choices=False) + b"\n\n"
    report = run(stream)[1]
    assert (report.usage.tokens, report.clamped) == (3, True)


@pytest.mark.parametrize(("cost", "expected"), [(0, Money(0)), (0.5, Money.usd("0.5"))])
def test_a_cost_that_the_provider_charges_is_reported_also_when_it_is_zero(cost, expected):
    """An explicit zero is a value: a free model must not be charged at the list price."""
    stream = chunk(usage=used(1, 2, cost=cost), choices=False) + b"\n\n"
    assert run(stream, quirks={Quirk.CHARGES_REPORTED_COST})[1].cost == expected


def test_an_earlier_cost_is_replaced_by_a_later_one_even_of_zero():
    stream = b"".join(chunk(usage=used(1, 2, cost=c), choices=False) + b"\n\n" for c in (0.5, 0))
    assert run(stream, quirks={Quirk.CHARGES_REPORTED_COST})[1].cost == Money(0)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    ("event", "data"),
    [
        (ERROR, b'{"error": {"message": "boom"}}'),
        (b'data:{"error":"boom"}', b'{"error":"boom"}'),
        (b'event: error\ndata: {"x": 1}', b'{"x": 1}'),
        (
            b'data: {"id": "c", "error": {"code": 502}, "choices": []}',
            b'{"id": "c", "error": {"code": 502}, "choices": []}',
        ),
    ],
)
def test_an_error_inside_a_stream_is_noticed_and_passes(event, data, end):
    """The first one is kept. OpenRouter writes `error` beside the other fields of a chunk."""
    stream = chunk("a") + end + event + end + b'data: {"error": {"message": "second"}}' + end
    out, *_, done, error = run(stream)
    assert (out, done, error) == (stream, False, data)


@pytest.mark.parametrize(
    "event",
    [
        chunk('data: {"error": {"message": "boom"}}'),
        chunk("a", error=None),
        chunk("a", error=""),
        chunk("a", error=None, metadata={"error": {"of": "somebody else"}}),
        chunk("the error: data: [DONE]"),
        b'data: {"choices": [{"delta": {"content": "", "error": {"deep": 1}}}]}',
        b': data: [DONE] "error": {',
    ],
)
def test_words_in_an_answer_are_no_error_and_no_end(event):
    *_, done, error = run(event + b"\n\n")
    assert (done, error) == (False, None)


def test_the_generated_text_is_collected_from_every_field_that_costs():
    deltas = [
        {"content": "one "},
        {"reasoning_content": "two "},
        {"refusal": "three "},
        {"content": None},
        {"role": "assistant"},
    ]
    deltas.append({"tool_calls": [{"function": {"name": "f", "arguments": '{"a": "\\n'}}]})
    stream = b"".join(b"data: " + json.dumps({"choices": [{"delta": d}]}).encode() + b"\n\n" for d in deltas)
    _, _, text, (size, _), *_ = run(stream)
    assert text.startswith("one two three {")
    assert '"a": ' in text
    assert size == len(b"one two three ") + len(json.dumps('{"a": "\\n')) - 2


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize(
    ("delta", "shows"),
    [
        ({"reasoning_content": "hm"}, True),
        ({"reasoning": "hm"}, True),
        ({"reasoning_content": None, "content": "a"}, False),
        ({"reasoning": "", "content": "a"}, False),
        ({"content": '"reasoning": "hm"'}, False),
    ],
)
def test_a_stream_shows_its_reasoning_if_some_came(delta, shows, separators):
    """However the provider spaces its JSON; a field that stays empty shows nothing."""
    watched = watch()
    watched.feed(b"data: " + json.dumps({"choices": [{"delta": delta}]}, separators=separators).encode() + b"\n\n")
    assert watched.shows_reasoning is shows


def test_text_beyond_what_is_kept_is_still_counted():
    watched = watch()
    piece = "a" * 100_000
    for _ in range(12):
        watched.feed(chunk(piece) + b"\n\n")
    assert watched.text_bytes == 1_200_000
    assert len(watched.text) <= TEXT_BYTES_KEPT_MAX < watched.text_bytes
    assert watched.text_bytes_not_kept == 1_200_000 - len(watched.text) == 200_000


def test_digits_of_the_text_are_counted():
    watched = watch()
    watched.feed(chunk("pi is 3.14159") + b"\n\n" + chunk("and 7") + b"\n\n")
    assert (watched.text_bytes, watched.text_digits) == (18, 7)


def test_while_all_text_is_kept_none_is_not_kept():
    watched = watch()
    assert watched.text_bytes_not_kept == 0
    watched.feed(chunk("a" * TEXT_BYTES_KEPT_MAX)[: TEXT_BYTES_KEPT_MAX // 2] + b'"}}]}\n\n')
    assert watched.text_bytes > 500_000
    assert watched.text_bytes_not_kept == 0


def reason(index=0, why="stop"):
    return b"data: " + json.dumps({"choices": [{"index": index, "delta": {}, "finish_reason": why}]}).encode()


@pytest.mark.parametrize("wants_usage", [True, False])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    ("events", "choices", "complete"),
    [
        ([], 1, False),
        ([chunk("a")], 1, False),
        ([chunk("a"), DONE], 1, True),
        ([DONE], 2, True),
        ([chunk("a"), reason()], 1, True),
        ([reason(why="length")], 1, True),
        ([reason(why=None)], 1, False),
        ([reason(0)], 2, False),
        ([reason(0), reason(1)], 2, True),
        ([reason(0), chunk("b"), reason(1)], 3, False),
        ([chunk("a"), last(1, 2)], 2, True),
        ([chunk("a", usage=used(1, 2))], 1, False),
        ([chunk("a", usage=used(1, 2)), chunk("b", usage=used(1, 3))], 1, False),
        ([chunk("a", usage=used(1, 2)), reason()], 1, True),
        ([chunk(choices=False)], 1, False),
        ([chunk(usage={"prompt_tokens": 1}, choices=None)], 1, True),
        ([chunk('"finish_reason": "stop"'), chunk("data: [DONE]")], 1, False),
        ([ERROR], 1, False),
    ],
)
def test_a_stream_is_complete_once_the_provider_has_said_all(events, choices, complete, end, wants_usage):
    """Not after usage that runs along with the answer: more of the answer may be missing."""
    watched = watch(wants_usage=wants_usage, choices=choices)
    watched.feed(b"".join(event + end for event in events))
    watched.finish()
    assert watched.complete is complete


def test_reasons_of_several_choices_in_one_chunk_count_each():
    both = {"choices": [{"index": i, "delta": {}, "finish_reason": "stop"} for i in range(2)]}
    watched = watch(choices=2)
    watched.feed(b"data: " + json.dumps(both).encode() + b"\n\n")
    assert watched.complete


@pytest.mark.parametrize("size", [24, 1000, 500_000])
@pytest.mark.parametrize("end", [b"", b"\n\n"])
def test_a_stream_cut_inside_a_word_is_read_in_no_time(size, end):
    """An unfinished string must not make the search for text try every way to divide it."""
    watched = watch()
    began = time.process_time()
    watched.feed(b'data: {"choices": [{"delta": {"content": "' + b"a" * size + end)
    watched.finish()
    assert time.process_time() - began < 0.3
    assert watched.text_bytes == 0


@pytest.mark.parametrize("wants_usage", [True, False])
@pytest.mark.parametrize("step", [65_536, 1_000_003, (3 << 20) - 7])
@pytest.mark.parametrize("end", ENDS)
def test_a_long_event_passes_at_once_and_it_and_what_follows_is_watched(end, step, wants_usage):
    """An answer with an image in it must not hide what it cost."""
    before, huge = chunk("before") + end, chunk("a" * (3 << 20)) + end
    used_up, done = last(1, 2) + end, DONE + b"\n\n"
    watched, stream = watch(wants_usage=wants_usage), before + huge + chunk("after") + end + used_up + done
    out = b"".join(watched.feed(stream[i : i + step]) for i in range(0, len(stream), step)) + watched.finish()
    shown = used_up.replace(b'"total_tokens": 3', b'"total_tokens": 3,"cost":0.000003') if wants_usage else b""
    assert out == before + huge + chunk("after") + end + shown + done
    assert (watched.report.usage.input, watched.report.usage.output) == (1, 2)
    assert (watched.done, watched.complete, watched.text) == (True, True, "before")
    assert watched.text_bytes == (3 << 20) + len("beforeafter")


def test_usage_in_a_long_event_is_read_though_it_has_passed():
    """OpenAI's last event repeats the whole answer, pictures included."""
    picture = {"type": "image_generation_call", "result": "a" * (3 << 20)}
    answer = {"status": "failed", "output": [picture], "usage": {"input_tokens": 1, "output_tokens": 2}}
    event = b"event: response.failed\ndata: " + json.dumps({"type": "response.failed", "response": answer}).encode()
    watched = StreamWatch(OpenAIResponses(), frozenset(), wants_usage=True, price=lambda _: None)
    stream = event + b"\n\n"
    assert b"".join(watched.feed(stream[i : i + 65_536]) for i in range(0, len(stream), 65_536)) == stream
    assert watched.report.usage.tokens == 3
    assert (watched.done, watched.complete) == (True, True)
    assert watched.error is not None


def test_a_long_event_without_its_empty_line_is_read_at_the_end():
    watched = watch()
    event = b'event: error\ndata: "%b"' % (b"a" * (2 << 20))
    assert watched.feed(event) + watched.finish() == event
    assert watched.error is not None


def test_an_event_without_its_empty_line_is_read_at_the_end():
    watched = watch(wants_usage=False)
    assert watched.feed(last(1, 2)) == b""
    assert watched.finish() == b""
    assert watched.report.usage.tokens == 3


FINISHED = b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


@pytest.mark.parametrize("stream", [FINISHED, DONE, FINISHED + b"\n", FINISHED + b"\r\n", b"\xef\xbb\xbf" + DONE])
def test_a_last_event_without_its_empty_line_is_whole(stream):
    watched = watch()
    assert watched.feed(stream) + watched.finish() == stream
    assert watched.complete


@pytest.mark.parametrize("short", range(1, len(FINISHED)))
def test_an_event_that_the_end_of_the_stream_has_torn_says_nothing(short):
    """Not that all was said, though the reason to finish may be there already."""
    watched = watch()
    assert watched.feed(FINISHED[:-short]) + watched.finish() == b""
    assert not watched.complete


def test_an_error_that_is_torn_is_none_that_a_client_could_read():
    watched = watch()
    watched.feed(b'event: error\ndata: {"error": {"message": "bo')
    assert watched.finish() == b""
    assert watched.error is None


def test_the_text_of_a_torn_event_is_counted():
    watched = watch()
    watched.feed(chunk("hello", more=1)[:-3])
    watched.finish()
    assert watched.text == "hello"


def test_the_text_of_a_long_event_is_counted_once_it_is_whole():
    """Of one as long as a picture, what is text is kept as ever; of text that is as long, its length."""
    watched = watch()
    event = chunk("hello", picture="x" * (1 << 20)) + b"\n\n"
    assert watched.feed(event[:-9]) + watched.feed(event[-9:]) == event
    assert (watched.text, watched.text_bytes, watched.text_bytes_not_kept) == ("hello", 5, 0)
    long = chunk("y" * (1 << 20)) + b"\n\n"
    assert watched.feed(long[:-9]) + watched.feed(long[-9:]) == long
    assert (watched.text, watched.text_bytes_not_kept) == ("hello", 1 << 20)


def test_after_a_part_of_a_long_event_an_error_stands_for_itself():
    watched = watch()
    passed = watched.feed(chunk("x" * (1 << 20))[:-1])
    assert watched.finish() == b""
    assert not watched.complete
    assert passed
    assert watched.refusal(Unavailable("Gone."), "req").startswith(b"\n\ndata: {")


ARGUMENTS = {"city": "Paris", "days": [1, {"of": "May"}]}
ANTHROPIC = {"type": "message", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": ARGUMENTS}]}
CONVERSE = {"output": {"message": {"content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": ARGUMENTS}}]}}}
CALLED = [{"type": "function", "function": {"name": "f", "arguments": json.dumps(ARGUMENTS)}}]
GEMINI = {"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "args": ARGUMENTS}}]}}]}


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic-messages", ANTHROPIC),
        ("bedrock-invoke", ANTHROPIC),
        ("bedrock-invoke", {"choices": [{"message": {"tool_calls": CALLED}}]}),
        ("bedrock-converse", CONVERSE),
        ("openai-chat", {"choices": [{"message": {"tool_calls": CALLED}}]}),
        ("openai-responses", {"output": [{"type": "function_call", "arguments": json.dumps(ARGUMENTS)}]}),
        ("gemini", GEMINI),
        ("openai-transcriptions", {"text": json.dumps(ARGUMENTS)}),
    ],
)
def test_arguments_of_tools_are_text_of_a_whole_answer(dialect, body):
    """Objects in some dialects, strings in others."""
    watched = StreamWatch(DIALECTS[dialect], frozenset(), wants_usage=False, price=lambda _: None)
    watched.read_whole(json.dumps(body).encode())
    assert watched.text.strip("{}") == json.dumps(ARGUMENTS).strip("{}")
