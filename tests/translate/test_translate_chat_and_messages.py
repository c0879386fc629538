"""What is true of both ways between OpenAI's chat and Anthropic's messages, whatever is said."""

import contextlib
import json
from copy import deepcopy

import pytest
from edge_cases import CREATED, REQUEST_ID, carried, cases, edge_of, folder, payloads, reported, streamed, told_of
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.dialects.spoken import DIALECTS
from gateway.translate.edge import Told

TO_MESSAGES = edge_of("openai-chat", "anthropic-messages")
TO_CHAT = edge_of("anthropic-messages", "openai-chat")
EDGES = (TO_MESSAGES, TO_CHAT)
STREAMS = [(edge, case) for edge in EDGES for case in cases(edge, "stream")]
ANSWERS = [(edge, case) for edge in EDGES for case in cases(edge, "answer")]
REQUESTS = [(edge, case) for edge in EDGES for case in cases(edge, "request")]
NO_QUIRKS = frozenset()
TOLD = Told(Asked(b"{}"), REQUEST_ID, CREATED)

texts = st.text(min_size=1).filter(lambda text: text.strip() and text == text.rstrip())
scalars = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    scalars | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.data())
@settings(deadline=None)
def test_a_stream_cut_anywhere_says_the_same(data):
    edge, case = data.draw(st.sampled_from(STREAMS))
    whole = (folder(edge) / f"{case}.in.sse").read_bytes()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=40)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    recorded = (folder(edge) / f"{case}.out.sse").read_bytes()
    assert streamed(edge, pieces, told_of(edge, case)) == recorded


@pytest.mark.parametrize(
    ("edge", "case"), STREAMS, ids=lambda value: value if isinstance(value, str) else value.inbound
)
def test_byte_by_byte_it_says_the_same(edge, case):
    whole = (folder(edge) / f"{case}.in.sse").read_bytes()
    pieces = [whole[at : at + 1] for at in range(len(whole))]
    assert streamed(edge, pieces, told_of(edge, case)) == (folder(edge) / f"{case}.out.sse").read_bytes()


def same_usage(sent, told):
    """All that the two conventions have in common."""
    assert not told.clamped
    if sent.usage is None:  # Anthropic's clients insist on numbers.
        assert told.usage is None or told.usage.tokens == 0
        return
    for name in ("input_total", "output_total", "cache_read", "output_reasoning"):
        assert getattr(sent.usage, name) == getattr(told.usage, name), name
    written = [usage.cache_write + usage.cache_write_1h for usage in (sent.usage, told.usage)]
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("edge", "case"), STREAMS, ids=lambda value: value if isinstance(value, str) else value.inbound
)
def test_a_stream_keeps_its_usage(edge, case):
    sent = reported(edge.outbound, (folder(edge) / f"{case}.in.sse").read_bytes())
    told = reported(edge.inbound, (folder(edge) / f"{case}.out.sse").read_bytes())
    same_usage(sent, told)


@pytest.mark.parametrize(
    ("edge", "case"), ANSWERS, ids=lambda value: value if isinstance(value, str) else value.inbound
)
def test_an_answer_keeps_its_usage(edge, case):
    sent, told = (folder(edge) / f"{case}.{way}.json" for way in ("in", "out"))
    same_usage(
        DIALECTS[edge.outbound].report(sent.read_bytes(), NO_QUIRKS),
        DIALECTS[edge.inbound].report(told.read_bytes(), NO_QUIRKS),
    )


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.sampled_from(["max_tokens", "max_completion_tokens"]))
@settings(deadline=None)
def test_a_cap_arrives_as_it_was_within_what_the_model_can_do(cap, able, name):
    hello = [{"role": "user", "content": "Hi"}]
    to = {"to": "claude-sonnet-4-5", "output_tokens_max": able, "body": {"model": "m", "messages": hello, name: cap}}
    assert carried(TO_MESSAGES, to)[0]["max_tokens"] == min(cap, able)
    body = {"model": "m", "messages": hello, "max_tokens": cap}
    back = {"to": "m", "output_tokens_max": able, "body": body}
    quirks = ["caps_completion_tokens"] if name == "max_completion_tokens" else []
    assert carried(TO_CHAT, back | {"quirks": quirks})[0][name] == min(cap, able)


calls = st.builds(
    lambda name, given: {"name": name, "arguments": json.dumps(given)},
    st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True),
    st.dictionaries(st.text(max_size=5), scalars, max_size=3),
)
turns = st.tuples(texts, st.one_of(texts, st.lists(calls, min_size=1, max_size=3)))


@given(st.lists(turns, min_size=1, max_size=4), texts, texts)
@settings(deadline=None)
def test_a_conversation_goes_there_and_comes_back(said, system, last):
    messages, number = [{"role": "system", "content": system}], 0
    for question, answer in said:
        messages.append({"role": "user", "content": question})
        if isinstance(answer, str):
            messages.append({"role": "assistant", "content": answer})
            continue
        made = [
            {"id": f"call_{number + at}", "type": "function", "function": function}
            for at, function in enumerate(answer)
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": made})
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": question} for call in made]
        number += len(made)
        messages.append({"role": "assistant", "content": last})
    messages.append({"role": "user", "content": last})
    there, _ = carried(TO_MESSAGES, {"to": "claude-sonnet-4-5", "body": {"model": "m", "messages": messages}})
    back, _ = carried(TO_CHAT, {"to": "gpt-4o", "body": there})
    assert read_out(back["messages"]) == read_out(messages)


def read_out(messages):
    """With arguments as what they mean."""
    read = deepcopy(messages)
    for message in read:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return read


@given(st.lists(texts, min_size=1, max_size=9))
@settings(deadline=None)
def test_a_streams_text_goes_there_and_comes_back(said):
    chunks = [{"model": "m", "choices": [{"delta": {"content": text}}]} for text in said]
    given = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"
    there = streamed(TO_CHAT, [given], TOLD)
    deltas = [json.loads(data).get("delta", {}) for data in payloads(there)]
    assert [delta["text"] for delta in deltas if "text" in delta] == said
    back = payloads(streamed(TO_MESSAGES, [there], TOLD))[:-1]
    deltas = [choice["delta"].get("content") for data in back for choice in json.loads(data)["choices"]]
    assert [text for text in deltas if text] == said


def places(value, path=()):
    """Where something stands in some JSON."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (*path, key)
        yield from places(inner, (*path, key))


@given(st.data())
@settings(deadline=None)
def test_a_request_may_hold_anything_and_is_carried_or_refused(data):
    edge, case = data.draw(st.sampled_from(REQUESTS))
    known = json.loads((folder(edge) / f"{case}.in.json").read_text())
    place = data.draw(st.sampled_from(sorted(places(known["body"]), key=str)))
    inner = known["body"]
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = data.draw(anything)
    with contextlib.suppress(BadRequest):
        carried(edge, known | {"lossy": data.draw(st.booleans())})


@given(st.data())
@settings(deadline=None)
def test_a_provider_may_say_anything(data):
    edge, case = data.draw(st.sampled_from(STREAMS))
    stream = edge.stream(told_of(edge, case))
    for payload in payloads((folder(edge) / f"{case}.in.sse").read_bytes()):
        given = payload
        if payload != b"[DONE]" and data.draw(st.booleans()):
            event = json.loads(payload)
            place = data.draw(st.sampled_from(sorted(places(event), key=str)))
            inner = event
            for key in place[:-1]:
                inner = inner[key]
            inner[place[-1]] = data.draw(anything)
            given = json.dumps(event).encode()
        for out in payloads(stream.feed(given)):
            assert out == b"[DONE]" or json.loads(out)
    stream.finish()


@given(st.data())
@settings(deadline=None)
def test_an_answer_may_hold_anything_and_is_carried_or_none(data):
    edge, case = data.draw(st.sampled_from(ANSWERS))
    known = json.loads((folder(edge) / f"{case}.in.json").read_text())
    place = data.draw(st.sampled_from(sorted(places(known), key=str)))
    inner = known
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = data.draw(anything)
    with contextlib.suppress(ValueError):
        json.loads(edge.answer(json.dumps(known).encode(), told_of(edge, case)))
