"""Cohere's two dialects: billed units are charged, and nothing else."""

import gzip
import json
from itertools import pairwise

import harness
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import BadRequest, Unavailable
from gateway.core.money import Money
from gateway.core.request import Asked
from gateway.core.usage import Extras, Usage
from gateway.dialects.cohere_chat import CohereChat
from gateway.dialects.cohere_rerank import CohereRerank
from gateway.dialects.cohere_usage import read_units
from gateway.dialects.openai_chat import OUTPUT_TOKENS_CREDIBLE_MAX
from gateway.dialects.openai_usage import TOKENS_CREDIBLE_MAX
from gateway.dialects.watch import StreamWatch
from gateway.prices import bundled

CHAT, RERANK = CohereChat(), CohereRerank()
HI = [{"role": "user", "content": "hi"}]
USED = {"billed_units": {"input_tokens": 5, "output_tokens": 7}, "tokens": {"input_tokens": 500, "output_tokens": 9}}


def asked(**body):
    return Asked(json.dumps({"model": "command-a-03-2025", "messages": HI, **body}).encode())


def ranked(**body):
    return Asked(json.dumps({"model": "rerank-v3.5", "query": "q", "documents": ["a"], **body}).encode())


def test_plain_request():
    facts = CHAT.read(asked(max_tokens=9))
    assert (facts.model, facts.stream, facts.output_tokens_max) == ("command-a-03-2025", False, 9)
    assert (facts.wants_usage, facts.prompt, facts.turns, facts.needs) == (True, "hi", 1, frozenset())
    assert CHAT.read(asked(stream=True)).stream
    assert CHAT.read(asked()).output_tokens_max is None
    assert CHAT.read(asked(max_tokens=10**12)).output_tokens_max == OUTPUT_TOKENS_CREDIBLE_MAX


def test_what_a_request_needs():
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:"}}]
    facts = CHAT.read(
        asked(
            messages=[*HI, {"role": "user", "content": parts}],
            tools=[{"type": "function"}],
            response_format={"type": "json_object"},
            thinking={"type": "enabled"},
        )
    )
    assert facts.needs == {"tools", "vision", "json"}
    assert (facts.images, facts.turns, facts.reasons, facts.prompt) == (1, 2, True, "see")
    plain = CHAT.read(asked(tools=[], response_format={"type": "text"}, thinking={"type": "disabled"}))
    assert (plain.needs, plain.reasons) == (frozenset(), False)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{}", "model"),
        (b'{"model": "m", "messages": []}', "messages"),
        (b'{"model": "m", "messages": [{}], "max_tokens": -1}', "max_tokens"),
        (b'{"model": "m", "messages": [{}], "max_tokens": 1, "max_tokens": 2}', "max_tokens"),
        (b'{"model": "", "messages": [{}]}', "model"),
    ],
)
def test_what_is_wrong_is_named(body, param):
    with pytest.raises(BadRequest) as refused:
        CHAT.read(Asked(body))
    assert refused.value.param == param


def test_only_the_model_changes():
    request = asked()
    facts = CHAT.read(request)
    assert CHAT.aim(request, "command-a-03-2025", facts) == ("/chat", request.body)
    assert json.loads(CHAT.aim(request, "other", facts).body) == {"model": "other", "messages": HI}
    path, body = RERANK.aim(ranked(), "other", RERANK.read(ranked()))
    assert (path, json.loads(body)["model"]) == ("/rerank", "other")


def test_the_parts_that_become_tokens():
    parts = [
        {"type": "text", "text": "see"},
        {"type": "thinking", "thinking": "hm"},
        {"type": "document", "document": {"data": "d"}},
        {"type": "image_url"},
    ]
    calls = [{"id": "1"}]
    messages = [*HI, {"role": "assistant", "content": parts, "tool_plan": "plan", "tool_calls": calls}, {"role": "x"}]
    counted = CHAT.countable(asked(messages=messages, tools=[1], documents=["doc"]))
    assert counted.texts == ("hi", "see", "hm", '{"data": "d"}', "plan", '[{"id": "1"}]', '["doc"]')
    assert (counted.messages, counted.images, counted.tools) == (3, 1, "[1]")
    assert CHAT.countable(asked()).texts == ("hi",)


@pytest.mark.parametrize(
    ("units", "usage", "clamped"),
    [
        ({"input_tokens": 5, "output_tokens": 7}, Usage(input=5, output=7), False),
        ({"input_tokens": 5.0, "output_tokens": 6.5}, Usage(input=5, output=7), False),
        ({"input_tokens": 5}, Usage(input=5), False),
        ({"output_tokens": 0}, Usage(), False),
        ({"search_units": 2}, Usage(extras=Extras(search_units=2)), False),
        ({"search_units": 0}, Usage(), False),
        ({"input_tokens": 5, "classifications": 1}, Usage(input=5), True),
        ({"input_tokens": 5, "images": "x"}, Usage(input=5), True),
        ({"input_tokens": -1}, None, True),
        ({"input_tokens": 1, "output_tokens": "x"}, None, True),
        ({"search_units": True}, None, True),
        ({"input_tokens": TOKENS_CREDIBLE_MAX + 1}, None, True),
        ({}, None, True),
        (None, None, False),
        (5, None, True),
    ],
)
def test_billed_units(units, usage, clamped):
    assert read_units(units) == (usage, clamped)


def test_whole_answer():
    report = CHAT.report(json.dumps({"id": "x", "finish_reason": "COMPLETE", "usage": USED}).encode(), frozenset())
    assert (report.usage, report.model, report.failed, report.last) == (Usage(input=5, output=7), None, False, False)
    assert json.loads(report.raw) == USED
    assert CHAT.report(b'{"finish_reason": "TIMEOUT"}', frozenset()).failed
    after = CHAT.report(b'{"usage": {"billed_units": {}}}', frozenset(), report)
    assert (after.usage, after.clamped) == (report.usage, True)


# Streams.


def event(kind, delta):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, 'delta': delta})}\n\n".encode()


TALK = [
    event("message-start", {"message": {"role": "assistant"}}),
    event("tool-plan-delta", {"message": {"tool_plan": "I will "}}),
    event("tool-call-delta", {"message": {"tool_calls": {"function": {"arguments": "{}"}}}}),
    event("content-delta", {"message": {"content": {"thinking": "hm "}}}),
    event("content-delta", {"message": {"content": {"text": "Hello"}}}),
    event("message-end", {"finish_reason": "COMPLETE", "usage": USED}),
]


def watched(stream, places=()):
    watch = StreamWatch(CHAT, frozenset(), wants_usage=True, price=lambda _: Money(1))
    edges = [0, *sorted(p % (len(stream) + 1) for p in places), len(stream)]
    out = b"".join(watch.feed(stream[a:b]) for a, b in pairwise(edges)) + watch.finish()
    return out, watch.report, watch.text, watch.complete, watch.done, watch.error, watch.shows_reasoning


def test_a_stream_tells_its_usage_at_the_end_and_passes_as_it_came():
    out, report, text, complete, done, error, reasoning = watched(b"".join(TALK))
    assert out == b"".join(TALK)
    assert (report.usage, report.last) == (Usage(input=5, output=7), True)
    assert (text, complete, done, error, reasoning) == ("I will {}hm Hello", True, True, None, True)
    assert watched(b"".join(TALK[:-1]))[3] is False


def test_a_document_that_a_citation_repeats_ends_nothing():
    document = {"type": "document", "document": {"type": "message-end", "finish_reason": "COMPLETE", "snippet": "hi"}}
    cited = event("citation-start", {"message": {"citations": {"text": "Hello", "sources": [document]}}})
    _, report, _, complete, done, *_ = watched(b"".join([*TALK[:-1], cited]))
    assert (report.usage, complete, done) == (None, False, False)
    _, report, _, complete, done, *_ = watched(b"".join([*TALK[:-1], cited, TALK[-1]]))
    assert (report.usage, complete, done) == (Usage(input=5, output=7), True, True)


def test_a_stream_that_ends_in_an_error():
    end = event("message-end", {"finish_reason": "ERROR", "error": "boom"})
    *_, error, _ = watched(b"".join(TALK[:-1]) + end)
    assert json.loads(error)["delta"]["error"] == "boom"
    usage = event("message-end", {"finish_reason": "TIMEOUT", "usage": USED})
    _, report, *_, error, _ = watched(usage)
    assert (report.usage, json.loads(error)["type"]) == (Usage(input=5, output=7), "message-end")


@settings(max_examples=50)
@given(st.integers(0, len(b"".join(TALK))), st.lists(st.integers(0, 2000), max_size=8))
def test_wherever_a_stream_is_cut_the_outcome_is_the_same(much, places):
    stream = b"".join(TALK)[:much]
    assert watched(stream, places) == watched(stream)
    assert watched(stream, range(len(stream))) == watched(stream)


# Rerank.


@pytest.mark.parametrize(
    ("documents", "units"),
    [
        (["a"], 1),
        (["a"] * 100, 1),
        (["a"] * 101, 2),
        (["a" * 499] * 100, 1),
        (["a" * 500] * 100, 2),
        ([{"text": "a"}] * 100, 1),
    ],
)
def test_units_are_bounded_by_the_request(documents, units):
    facts = RERANK.read(ranked(documents=documents))
    assert (facts.extras_max, facts.output_tokens_max) == (Extras(search_units=units), 0)


def test_ranking_is_charged_by_search_units():
    answer = {"results": [], "meta": {"api_version": {}, "billed_units": {"search_units": 2}}}
    assert RERANK.report(json.dumps(answer).encode(), frozenset()).usage == Usage(extras=Extras(search_units=2))
    for nothing in ({"meta": None}, {"meta": {"billed_units": 5}}, {}):
        assert RERANK.report(json.dumps(nothing).encode(), frozenset()).usage is None
    assert RERANK.countable(ranked(documents=["a", {"b": 1}])).texts == ("q", "a", '{"b":1}')
    with pytest.raises(BadRequest):
        RERANK.read(ranked(documents=[]))


# Refusals.


def test_refusals_have_coheres_shape():
    error = Unavailable("down")
    for dialect in (CHAT, RERANK):
        assert json.loads(dialect.error(error, "req-1")) == {"id": "req-1", "message": "down"}
        _, report, *_, told, _ = watched(dialect.stream_error(error, "req-1"))
        assert json.loads(told)["delta"] == {"finish_reason": "ERROR", "error": "down"}
        assert report.usage is None


# Recorded.


def test_the_recorded_answer_costs_what_it_cost():
    shared = harness.shared()
    if shared is None:
        pytest.skip("there are no shared recordings; set FAREWAY_SHARED")
    folder = shared / "data" / "recorded"
    (entry,) = (e for e in json.loads((folder / "index.json").read_text()) if e["file"] == "cohere_chat.json")
    report = CHAT.report((folder / "cohere_chat.json").read_bytes(), frozenset())
    cost = bundled.price_book().price("cohere", entry["model"], 1795219200.0).of(report.usage)
    assert cost.total == Money.usd(entry["expected_cost_usd"])


def test_recorded_usage_is_what_was_billed_and_not_what_was_counted():
    shared = harness.shared()
    if shared is None:
        pytest.skip("there are no shared recordings; set FAREWAY_SHARED")
    checked = 0
    with gzip.open(shared / "data" / "usage_corpus.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            found = row["usage_final"]
            if (
                not isinstance(found, dict)
                or "billed_units" not in found
                or "input_tokens" not in found["billed_units"]
            ):
                continue
            report = CHAT.report(json.dumps({"usage": found}).encode(), frozenset())
            units = found["billed_units"]
            assert (report.usage.input, report.usage.output) == (units["input_tokens"], units["output_tokens"])
            assert report.usage.input < found["tokens"]["input_tokens"]
            checked += 1
    assert checked >= 36
    print(checked, "usage blocks of Cohere")
