"""Marks in a body: where they stand, and that everything else stays as it is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prompt_cache.blocks import prompt_of
from gateway.prompt_cache.breakpoints import DIALECT, least_tokens, longer, marked, may_mark
from gateway.prompt_cache.economics import Life

MINUTES, HOUR = {"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}


def body_of(**members):
    return json.dumps({"model": "m", "max_tokens": 9} | members).encode()


def text(words, mark=None):
    return {"type": "text", "text": words} | ({"cache_control": mark} if mark else {})


def said(role, *blocks):
    return {"role": role, "content": [*blocks]}


def made(body, head=Life.NONE, turns=Life.NONE):
    return json.loads(marked(body, head, turns))


def test_nothing_is_marked_where_nothing_pays():
    body = body_of(system="s", messages=[said("user", text("u"))])
    assert marked(body, Life.NONE, Life.NONE) == body


def test_a_system_prompt_of_one_text_becomes_a_block():
    assert made(body_of(system="s", messages=[]), Life.HOUR)["system"] == [text("s", HOUR)]


def test_the_last_block_of_a_system_prompt_is_marked():
    body = b' {"system" : [ {"type":"text","text":"a"} , {"text":"b","type":"text" } ] ,"messages":[]}\n'
    assert marked(body, Life.MINUTES, Life.NONE) == body.replace(
        b'"type":"text" }', b'"type":"text" ,"cache_control":{"type":"ephemeral"}}'
    )


@pytest.mark.parametrize("system", [None, "", []])
def test_tools_are_marked_where_there_is_no_system_prompt(system):
    body = body_of(tools=[{"name": "a"}, {"name": "b"}], system=system, messages=[])
    assert made(body, Life.MINUTES)["tools"] == [{"name": "a"}, {"name": "b", "cache_control": MINUTES}]


def test_without_either_there_is_no_head():
    body = body_of(messages=[said("user", text("u"))], tools=[])
    assert marked(body, Life.HOUR, Life.NONE) == body


def test_the_end_is_marked_and_where_the_last_call_ended():
    turns = [said("user", text("1")), said("assistant", text("2")), said("user", text("3"), text("4"))]
    got = made(body_of(messages=turns), turns=Life.MINUTES)["messages"]
    assert got == [said("user", text("1", MINUTES)), turns[1], said("user", text("3"), text("4", MINUTES))]


def test_what_was_said_since_the_last_answer_is_one_end():
    turns = [
        said("user", text("0")),
        said("assistant", text("1")),
        said("user", text("2")),
        said("assistant", text("3")),
    ]
    turns += [said("user", text("4")), {"role": "system", "content": "5"}]
    got = made(body_of(messages=turns), turns=Life.HOUR)["messages"]
    assert got[:2] == turns[:2]
    assert got[2] == said("user", text("2", HOUR))
    assert got[3:5] == turns[3:5]
    assert got[5] == {"role": "system", "content": [text("5", HOUR)]}


@pytest.mark.parametrize(
    "content", ["", [], [{"type": "thinking", "thinking": "hm", "signature": "s"}], [text("")], None]
)
def test_what_cannot_be_marked_is_left(content):
    body = body_of(messages=[{"role": "user", "content": content}])
    assert marked(body, Life.NONE, Life.MINUTES) == body


def test_a_message_without_content_is_the_providers_to_refuse():
    body = body_of(messages=[{"role": "user"}])
    assert marked(body, Life.NONE, Life.MINUTES) == body
    assert marked(body_of(), Life.NONE, Life.MINUTES) == body_of()


WORDS = st.text(max_size=5)
BLOCKS = st.lists(
    st.one_of(
        st.builds(text, WORDS),
        st.builds(lambda words: {"type": "tool_result", "tool_use_id": "t", "content": words}, WORDS),
        st.builds(lambda words: {"type": "thinking", "thinking": words, "signature": words}, WORDS),
    ),
    max_size=3,
)
TURNS = st.lists(
    st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "assistant"]),
        st.one_of(WORDS, BLOCKS),
    ),
    max_size=6,
)
LIVES = st.sampled_from(Life)


@given(TURNS, st.one_of(st.none(), WORDS, BLOCKS), LIVES, LIVES, st.sampled_from([None, 1]))
def test_only_marks_are_added(turns, system, head, lasting, indent):
    """At most three, what is kept longer first; and without them it says what it said."""
    head = longer(head, lasting)
    given_ = {"tools": [{"name": "t", "input_schema": {}}], "system": system, "messages": turns}
    body = marked(json.dumps(given_, indent=indent).encode(), head, lasting)
    marks = json.dumps(json.loads(body)).split('"cache_control": ')[1:]
    hours = ['"1h"' in mark.partition("}")[0] for mark in marks]
    assert len(marks) <= 3
    assert hours == sorted(hours, reverse=True)
    assert plain(json.loads(body)) == plain(given_)


def plain(value):
    """Without marks, and with a text alone as the block that it stands for."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        kept = {name: plain(each) for name, each in value.items() if name != "cache_control"}
        for name in ("content", "system"):
            if isinstance(kept.get(name), str) and kept.get("type") is None:
                kept[name] = [text(kept[name])] if kept[name] else ""
        return kept
    return value


def test_marks_do_not_change_the_prompt():
    turns = [said("user", text("1")), said("assistant", text("2")), said("user", text("3"))]
    body = body_of(system=[text("s")], messages=turns)
    assert prompt_of(DIALECT, marked(body, Life.HOUR, Life.HOUR)).text == prompt_of(DIALECT, body).text


@pytest.mark.parametrize(
    ("model", "tokens"),
    [("claude-opus-4-5-20251101", 4096), ("claude-haiku-4-5", 4096), ("claude-3-5-haiku-latest", 2048),
     ("claude-sonnet-4-5", 1024), ("claude-opus-5", 512), ("claude-opus-4-7", 2048), ("somebody-elses", 1024)],
)  # fmt: skip
def test_short_prompts_are_not_marked(model, tokens):
    assert least_tokens(model) == tokens
    assert not may_mark(b"x" * (3 * tokens - 1), model)
    assert may_mark(b"x" * 3 * tokens, model)
    assert not may_mark(b'"cache_control"' + b"x" * 3 * tokens, model)


def test_keys_that_stand_elsewhere_too_are_told_apart():
    body = (
        b'{"metadata":{"system":"s"},"system":"s","messages":[{"content":"\\"content\\"","role":"user","content2":1}]}'
    )
    got = json.loads(marked(body, Life.HOUR, Life.HOUR))
    assert got["metadata"] == {"system": "s"}
    assert got["system"] == [text("s", HOUR)]
    assert got["messages"][0]["content"] == [text('"content"', HOUR)]


def test_a_key_that_hides_its_letters_is_found():
    body = b'{"a":{"system":"t"},"s\\u0079stem":"s","messages":[]}'
    assert json.loads(marked(body, Life.HOUR, Life.NONE)) == {
        "a": {"system": "t"},
        "system": [text("s", HOUR)],
        "messages": [],
    }
