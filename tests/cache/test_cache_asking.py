"""A question is its last words; all else must be the same."""

import json

import pytest

from gateway.cache.asking import question
from gateway.core.request import Asked, Facts
from gateway.core.usage import Extras
from gateway.dialects.spoken import DIALECTS

CHAT = {"model": "m", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]}


def of(body, tenant="t", dialect="openai-chat", facts=None, **more):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return question(tenant, dialect, facts or Facts("m"), Asked(data, **more))


SHAPES = [
    ("openai-chat", lambda text: {"messages": [{"role": "user", "content": text}]}),
    ("openai-chat", lambda text: {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
    ("cohere-chat", lambda text: {"messages": [{"role": "user", "content": text}]}),
    ("anthropic-messages", lambda text: {"system": "s", "messages": [{"role": "user", "content": text}]}),
    ("bedrock-converse", lambda text: {"messages": [{"role": "user", "content": [{"text": text}]}]}),
    ("bedrock-invoke", lambda text: {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
    ("gemini", lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]}),
    ("gemini", lambda text: {"contents": [{"parts": [{"text": text}]}]}),
    ("openai-responses", lambda text: {"input": text}),
    ("openai-responses", lambda text: {"input": [{"role": "user", "content": text}]}),
    (
        "openai-responses",
        lambda text: {"input": [{"role": "user", "content": [{"type": "input_text", "text": text}]}]},
    ),
]


@pytest.mark.parametrize(("dialect", "shape"), SHAPES)
def test_every_dialect_s_last_words(dialect, shape):
    assert dialect in DIALECTS
    one, other = of(shape("Why?"), dialect=dialect), of(shape("Why not?"), dialect=dialect)
    assert (one.text, other.text) == ("Why?", "Why not?")
    assert one.around == other.around


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "other"},
        {"temperature": 0.5},
        {"stream": True},
        {"seed": 1},
        {"messages": [{"role": "system", "content": "Be long."}, {"role": "user", "content": "Why?"}]},
        {"messages": [*CHAT["messages"][:1], {"role": "assistant", "content": "x"}, *CHAT["messages"][1:]]},
        {"messages": [*CHAT["messages"][:1], {"role": "user", "content": "Why?", "name": "ada"}]},
    ],
)
def test_all_else_must_be_the_same(changed):
    assert of(CHAT).around != of(CHAT | changed).around


def test_whose_it_is_and_how_it_came_counts_too():
    names = {of(CHAT).around, of(CHAT, tenant="u").around, of(CHAT, dialect="cohere-chat").around}
    names |= {of(CHAT, **{field: "x"}).around for field in ("model", "verb", "query", "betas", "tier", "provider")}
    assert len(names) == 9


def test_the_order_of_fields_and_spaces_do_not():
    assert of(CHAT).around == of(json.dumps(dict(reversed(CHAT.items())), indent=2).encode()).around


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b"{}",
        b'{"messages":[]}',
        b'{"messages":["x"]}',
        b'{"messages":[{"role":"assistant","content":"x"}]}',
        b'{"messages":[{"role":"user","content":null}]}',
        b'{"messages":[{"role":"user","content":"  "}]}',
        b'{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}',
        b'{"messages":[{"role":"user","content":[{"type":"image_url","text":"a"}]}]}',
        b'{"messages":[{"role":"user","content":["x"]}]}',
        b'{"messages":5}',
        b'{"messages":"x"}'[:-1],
        json.dumps({"messages": [{"role": "user", "content": "x" * 2001}]}).encode(),
        b'{"messages":"x","y":' + b"[" * 3000 + b"]" * 3000 + b"}",
    ],
)
def test_what_is_not_compared(body):
    assert of(body) is None


@pytest.mark.parametrize(
    "facts",
    [
        Facts("m", needs=frozenset({"tools"})),
        Facts("m", needs=frozenset({"vision"})),
        Facts("m", hides_output=True),
        Facts("m", images=1),
        Facts("m", files=1),
        Facts("m", unseen=True),
        Facts("m", extras=Extras(images=1)),
    ],
)
def test_nor_is_what_brings_more_than_words(facts):
    assert of(CHAT, facts=facts) is None
    assert of(CHAT, facts=Facts("m", needs=frozenset({"json"})))


def test_numbers_of_any_length_are_told_apart():
    said = b'{"seed":%d,"messages":[{"role":"user","content":"Why?"}]}'
    long = [of(said % (10**30 + more)) for more in (0, 0, 1)]
    assert long[0].around == long[1].around != long[2].around


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {dialect for dialect, _ in SHAPES}))
def test_what_is_answered_with_something_else_than_text_is_not_compared(dialect):
    """An embedding of a similar text is another one."""
    for said in ({"input": "Why?"}, {"prompt": "Why?"}, {"messages": CHAT["messages"]}):
        assert of(said, dialect=dialect) is None
