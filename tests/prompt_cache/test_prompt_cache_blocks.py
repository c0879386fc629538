"""Blocks of a prompt: what is shared, what is not, and in which order."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects.spoken import DIALECTS
from gateway.prompt_cache import blocks
from gateway.prompt_cache.blocks import BLOCK_BYTES, Prompt, chain, prompt_of, shared

LONG = "All that was said before, and more than a block of it. " * 100


def body(**said):
    return json.dumps({"model": "m", **said}).encode()


def blocks_of(dialect, given):
    return chain(prompt_of(dialect, given))


def turn(text, **more):
    return {"role": "user", "content": [{"type": "text", "text": text, **more}]}


def talk(dialect, turns, **more):
    """A conversation of so many turns, as this dialect writes it."""
    said = [LONG + str(number) for number in range(turns)]
    return {
        "openai-chat": lambda: body(**more, messages=[turn(text) for text in said]),
        "anthropic-messages": lambda: body(**more, system=LONG, messages=[turn(text) for text in said]),
        "bedrock-invoke": lambda: body(**more, system=LONG, messages=[turn(text) for text in said]),
        "bedrock-converse": lambda: body(**more, system=[{"text": LONG}], messages=[turn(text) for text in said]),
        "openai-responses": lambda: body(**more, instructions=LONG, input=[turn(text) for text in said]),
        "openai-completions": lambda: body(**more, prompt=" ".join(said)),
        "gemini": lambda: body(**more, contents=[{"role": "user", "parts": [{"text": text}]} for text in said]),
        "cohere-chat": lambda: body(**more, messages=[turn(text) for text in said]),
    }[dialect]()


CACHED = [
    "openai-chat",
    "openai-completions",
    "openai-responses",
    "anthropic-messages",
    "bedrock-invoke",
    "bedrock-converse",
    "gemini",
    "cohere-chat",
]


def test_every_dialect_that_is_cached_is_spoken():
    assert set(CACHED) == set(blocks._ORDER)
    assert set(CACHED) <= set(DIALECTS)


@pytest.mark.parametrize("dialect", CACHED)
def test_a_turn_more_keeps_all_full_blocks_whatever_else_is_asked(dialect):
    before = blocks_of(dialect, talk(dialect, 4, temperature=0.1))
    after = blocks_of(dialect, talk(dialect, 5, stream=True, max_tokens=7))
    assert len(before) > 8
    assert shared(before, after) == len(before) < len(after)


@pytest.mark.parametrize("dialect", [d for d in CACHED if d != "openai-completions"])
def test_other_tools_break_everything_behind_them(dialect):
    key = {"bedrock-converse": "toolConfig"}.get(dialect, "tools")
    one = blocks_of(dialect, talk(dialect, 4, **{key: [{"name": "look"}]}))
    other = blocks_of(dialect, talk(dialect, 4, **{key: [{"name": "seek"}]}))
    assert shared(one, other) == 0 if dialect != "gemini" else shared(one, other) < len(one)


def test_the_order_of_keys_is_the_provider_s_and_not_the_body_s():
    one = b'{"messages":[%b],"tools":[1],"model":"m"}'
    other = b'{"model":"m","tools":[1],"messages":[%b]}'
    said = json.dumps(LONG).encode()
    assert prompt_of("openai-chat", one % said) == prompt_of("openai-chat", other % said)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("first", [False, True])
def test_a_breakpoint_that_moves_changes_nothing(separators, first):
    """Claude Code marks the last message of each turn, so the mark is gone from there in the next."""
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}

    def written(marked, *, among):
        text = {"type": "text", "text": LONG}
        block = {**mark, **text, **among} if first and marked else {**text, **(mark if marked else {}), **among}
        said = {"tools": [block], "messages": [{"role": "user", "content": [block, block]}]}
        return prompt_of("anthropic-messages", json.dumps(said, separators=separators).encode())

    for among in ({}, {"citations": None}):
        assert written(True, among=among).text == written(False, among=among).text


def test_a_mark_may_be_null_and_indented():
    marked = b'{"system": [{\n  "text": "a",\n  "cache_control": null\n }]}'
    assert prompt_of("anthropic-messages", marked).text == b'[{\n  "text": "a"\n }]'


def test_what_looks_like_a_mark_and_is_none_stays():
    odd = b'[{"text":"\\"cache_control\\":{}"},{"cache_control":[1]},{"cache_control":{"a":{}}}]'
    assert prompt_of("openai-chat", b'{"messages":%b}' % odd).text == odd


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_cache_point_that_moves_changes_nothing(separators):
    point, text = {"cachePoint": {"type": "default"}}, {"text": LONG}

    def written(*content):
        said = {"messages": [{"role": "user", "content": content}]}
        return prompt_of("bedrock-converse", json.dumps(said, separators=separators).encode())

    plain = written(text, text)
    assert written(text, text, point).text == plain.text
    assert written(text, point, text).text == plain.text
    assert written(point, text, point, text, point).text == plain.text


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - set(CACHED)))
def test_what_nobody_caches_has_no_blocks(dialect):
    assert blocks_of(dialect, body(input=LONG, messages=[turn(LONG)], prompt=LONG)) == ()


@pytest.mark.parametrize("given", [b"", b"[]", b"{", b'{"messages":"\xff"}', b"[" * 5000])
def test_what_is_no_prompt_has_no_blocks(given):
    assert blocks_of("openai-chat", given) == ()


def test_a_short_prompt_has_no_block():
    prompt = prompt_of("openai-chat", body(messages=[turn("Hello")]))
    assert prompt.text
    assert chain(prompt) == ()


def test_the_work_is_bounded(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCKS_MAX", 3)
    assert len(chain(Prompt(bytes(BLOCK_BYTES * 10)))) == 3


def test_salted_prompts_are_strangers():
    one, other = (blocks_of("openai-chat", talk("openai-chat", 3, cache_salt=salt)) for salt in ("a", "b"))
    assert shared(one, other) == 0


def test_a_byte_is_found_in_its_part():
    prompt = prompt_of("anthropic-messages", b'{"messages":[7],"system":"abc","tools":[]}')
    assert prompt.text == b'[]"abc"[7]'
    assert [prompt.part_at(at) for at in (0, 2, 4, 7)] == [("tools", 0), ("system", 0), ("system", 2), ("messages", 0)]


@given(st.binary(max_size=5 * BLOCK_BYTES), st.binary(max_size=BLOCK_BYTES), st.integers(0, 5 * BLOCK_BYTES))
def test_chains_share_what_texts_share(text, behind, at):
    """A block is shared exactly where all bytes before its end are."""
    other = text[:at] + behind
    same = next((n for n, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    assert shared(chain(Prompt(text)), chain(Prompt(other))) == same // BLOCK_BYTES
