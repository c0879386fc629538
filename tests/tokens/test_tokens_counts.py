"""Counts: exact where a formula is known, never a crash or a stall, never above the bound."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.request import Countable, Facts
from gateway.tokens import Tokens, bound, bpe
from gateway.tokens.bounds import FILE_TOKENS
from gateway.tokens.count import count_now
from gateway.tokens.families import CLAUDE, CLAUDE_LATER, GEMINI, GPT, GPT_5, OTHER, family_of
from gateway.tokens.tools import rendered

MILLION = 1_000_000


@pytest.fixture
def tokens():
    counter = Tokens(timeout_s=20)
    yield counter
    counter.close()


@pytest.mark.parametrize(
    ("countable", "model", "expected"),
    [
        # OpenAI's cookbook: "hello" is one token; 3 + 1 + 1 + 3.
        (Countable(texts=("hello",), messages=1), "gpt-4o", 8),
        (Countable(texts=("hello",), messages=1), "openai/gpt-4o-mini", 8),
        (Countable(texts=("hello",), messages=1), "gpt-5-mini", 7),
        (Countable(texts=("hello", "bob"), messages=1, names=1), "gpt-4o", 10),
        # The same text, two vocabularies.
        (Countable(texts=("Grüezi mitenand, wie gaht's?",), messages=1), "gpt-4o", 18),
        (Countable(texts=("Grüezi mitenand, wie gaht's?",), messages=1), "gpt-4", 20),
        (Countable(texts=("hello world",)), "text-embedding-3-small", 2),
        (Countable(texts=("hello",), messages=1, images=2), "gpt-4o", 8 + 2 * 1445),
        # 1.85 × 1, rounded up, + role, frame, opening, template.
        (Countable(texts=("hello",), messages=1), "claude-opus-4-8", 2 + 4 + 3 + 15),
    ],
)
async def test_known_counts(tokens, countable, model, expected):
    assert await tokens.count(countable, model) == expected


async def test_conversation_of_the_openai_cookbook(tokens):
    """The published example of "how to count tokens": 124 prompt tokens at gpt-4o, billed as such."""
    said = [
        "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
        "New synergies will help drive top-line growth.",
        "Things working well together will increase revenue.",
        "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
        "Let's talk later when we're less busy about how to do better.",
        "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    ]
    names = ["example_user", "example_assistant", "example_user", "example_assistant"]
    countable = Countable(texts=(*said, *names), messages=6, names=4)
    assert await tokens.count(countable, "gpt-4o") == 124


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("us.anthropic.claude-haiku-4-5-20251001-v1:0", CLAUDE),
        ("claude-3-5-sonnet-20241022", CLAUDE),
        ("claude-sonnet-4-20250514", CLAUDE),
        ("anthropic/claude-opus-4.6", CLAUDE),
        ("claude-opus-4-7", CLAUDE_LATER),
        ("claude-sonnet-5", CLAUDE_LATER),
        ("claude-opus", CLAUDE_LATER),
        ("google/gemini-2.5-pro", GEMINI),
        ("gpt-oss-120b", OTHER),
        ("llama-3.3-70b", OTHER),
        ("gpt-4o-2024-08-06", GPT),
        ("ft:gpt-4o-2024-08-06:acme", GPT),
        ("gpt-5-2025-08-07", GPT_5),
        ("gpt-5.1", GPT_5),
    ],
)
def test_families_by_name(model, family):
    assert family_of(model) is family


def test_later_models_see_larger_images():
    assert family_of("gpt-5.6-sol").image == family_of("gpt-6-sol").image == 12_000


@pytest.mark.parametrize("character", [" ", "\t", "a", "\n", "=", "\ud800", "é", "🎉"])
async def test_a_million_of_one_character_costs_a_bound_and_no_worker(tokens, character):
    text = character * MILLION
    started = time.monotonic()
    counted = await tokens.count(Countable(texts=(text,), messages=1), "gpt-4o")
    assert 100 < counted <= len(text.encode("utf-8", "surrogatepass")) + 7
    assert time.monotonic() - started < 10
    assert await tokens.count_text("still here", "gpt-4o") == 2


async def test_markers_in_a_text_are_text(tokens):
    assert await tokens.count_text("<|endoftext|>", "gpt-4o") == 7


async def test_a_lone_surrogate_is_counted(tokens):
    assert 0 < await tokens.count_text("a\ud800b", "gpt-4") <= 5


async def test_a_timeout_yields_the_bound():
    slow = Tokens(timeout_s=0.001)
    text = "word " * 100_000
    assert await slow.count_text(text, "gpt-4o") == len(text)
    slow.close()


async def test_a_missing_vocabulary_yields_the_bound(tokens, monkeypatch, caplog):
    def unreadable(name):
        raise FileNotFoundError(name)

    monkeypatch.setattr(bpe, "encoding", unreadable)
    assert await tokens.count_text("hello", "gpt-4o") == 5
    assert "bound of bytes" in caplog.text


async def test_the_loop_stays_free_while_counting(tokens):
    await tokens.count_text("load", "gpt-4o")
    counting = asyncio.ensure_future(tokens.count_text("lorem ipsum " * 80_000, "gpt-4o"))
    ticks = 0
    while not counting.done():
        await asyncio.sleep(0.001)
        ticks += 1
    assert ticks > 5


def test_a_panic_costs_the_bytes_of_one_chunk():
    panic = type("PanicException", (BaseException,), {})

    class Panics:
        def encode_ordinary(self, text):
            raise panic

    class Stops:
        def encode_ordinary(self, text):
            raise KeyboardInterrupt

    assert bpe.count(("é" * 10,), Panics()) == 20
    with pytest.raises(KeyboardInterrupt):
        bpe.count(("a",), Stops())


def test_text_beyond_the_cap_counts_as_bytes(monkeypatch):
    monkeypatch.setattr(bpe, "EXACT_CHARS_MAX", 10)
    assert bpe.count(("hello", "hello", "hello"), bpe.encoding("o200k_base")) == 1 + 1 + 5


def test_chunks_lose_nothing_and_end_at_words(monkeypatch):
    monkeypatch.setattr(bpe, "CHUNK_CHARS", 5_000)
    text = "the quick brown fox " * 2_000
    parts = list(bpe.chunks(text))
    assert "".join(parts) == text
    assert max(map(len, parts)) <= 5_000
    vocabulary = bpe.encoding("o200k_base")
    assert bpe.count((text,), vocabulary) == len(vocabulary.encode_ordinary(text))
    assert bpe.ids(text, vocabulary) == vocabulary.encode_ordinary(text)


def test_tools_are_rendered_as_typescript():
    tools = [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Look outside.",
                "parameters": {
                    "type": "object",
                    "required": ["city"],
                    "properties": {
                        "city": {"type": "string", "description": "Where."},
                        "unit": {"enum": ["C", "F"]},
                        "days": {"type": "array", "items": {"type": "integer"}},
                        "at": {"type": "object", "properties": {"hour": {"type": "number"}}},
                        "odd": {"anyOf": [{"type": "null"}]},
                    },
                },
            },
        },
        {"type": "function", "function": {"name": "now"}},
    ]
    assert rendered(json.dumps(tools)).splitlines() == [
        "namespace functions {",
        "",
        "// Look outside.",
        "type weather = (_: {",
        "// Where.",
        "city: string,",
        'unit?: "C" | "F",',
        "days?: number[],",
        "at?: {",
        "  hour?: number,",
        "},",
        'odd?: {"anyOf": [{"type": "null"}]},',
        "}) => any;",
        "",
        "type now = () => any;",
        "",
        "} // namespace functions",
    ]


@pytest.mark.parametrize(
    "tools", ["not json", "7", "[7]", '[{"type": "x"}]', "[" * 100_000, '[{"name": 1, "parameters": 2}]']
)
def test_odd_tools_are_counted_as_they_are(tools):
    assert rendered(tools) == tools


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "custom", "name": "x", "format": {"definition": "LONG"}},
        {"type": "namespace", "name": "x", "tools": [{"type": "function", "description": "LONG"}]},
        {"type": "function", "function": {"name": "f"}, "more": "LONG"},
        {"type": "function", "function": {"name": "f", "more": "LONG"}},
        {"name": "f", "parameters": {"$defs": {"a": "LONG"}}},
        {"name": "f", "parameters": {"description": "LONG", "properties": {"a": {"type": "string"}}}},
        {"name": "f", "parameters": {"properties": {"a": {"type": "string", "pattern": "LONG"}}}},
        {"name": "f", "parameters": {"properties": {"a": {"enum": [1], "properties": {"b": "LONG"}}}}},
        {"name": "f", "parameters": {"properties": {"a": {"type": "array", "items": {"description": "LONG"}}}}},
        {"name": "f", "parameters": {"properties": {"a": {"type": "array", "items": {"type": "null", "x": "LONG"}}}}},
        {
            "name": "f",
            "parameters": {
                "properties": {
                    "a": {"type": "array", "items": {"type": "array", "items": {"type": "null", "title": "LONG"}}}
                }
            },
        },
    ],
)
def test_what_the_form_does_not_show_of_a_tool_is_counted(tool):
    assert "LONG" in rendered(json.dumps([tool]))


TEXT = st.text(max_size=60) | st.text(alphabet="aé 🎉\n\t<|>", max_size=200)
MODELS = st.sampled_from(
    ["gpt-4o", "gpt-4", "gpt-5", "gpt-4o-mini", "claude-opus-4-8", "claude-3-haiku", "llama-3", "gemini-2.5-pro"]
)
SCHEMA = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer", "null"])}, optional={"description": TEXT, "enum": st.lists(TEXT)}
    ),
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(TEXT, inner, max_size=3)}
    ),
    max_leaves=6,
)
TOOLS = st.lists(
    st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": TEXT, "parameters": SCHEMA})}), max_size=3
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(TEXT, max_size=6), TOOLS, st.integers(0, 3), st.integers(0, 2), MODELS)
def test_the_bound_is_never_below_the_count(said, tools, images, files, model):
    body = {"model": model, "messages": [{"role": "user", "content": text} for text in said]}
    listed = json.dumps(tools, ensure_ascii=False) if tools else ""
    facts = Facts(model=model, images=images, files=files, needs=frozenset({"tools"} if tools else ()))
    size = len(json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")) + len(listed.encode())
    countable = Countable(texts=tuple(said), messages=len(said), tools=listed, images=images, files=files)

    counter = Tokens(timeout_s=20)
    counted, most = asyncio.run(counter.count(countable, model)), asyncio.run(counter.most(countable, model))
    counter.close()
    assert counted <= most <= bound(size, facts, model)
    assert counted >= images * family_of(model).image + files * FILE_TOKENS


def test_a_factor_keeps_the_count_above_the_text_alone():
    countable = Countable(texts=("A plain sentence of some length, twice. " * 40,), messages=1)
    assert count_now(countable, OTHER) > count_now(countable, GPT)


DIGITS = "3.14159265358979323846 26433 83279,50288\n" * 50
"""As Mistral's Tekken, Llama 2, Qwen and Gemini read it: each digit is a token, and so is each sign."""


@pytest.mark.parametrize("family", [OTHER, CLAUDE, GEMINI, family_of("mistral-large-latest")])
@pytest.mark.parametrize("proof", [False, True])
def test_each_digit_is_a_token_where_the_vocabulary_is_not_openais(family, proof):
    countable = Countable(texts=(DIGITS,))
    assert count_now(countable, family, proof=proof) >= len(DIGITS.replace(" ", ""))
    assert count_now(countable, GPT, proof=proof) < len(DIGITS) / 2


@pytest.mark.parametrize(
    ("text", "least"),
    [
        # Tokens by Mistral's SentencePiece of 32,000 (v3), of repetitions of a plain sentence.
        ("ఇది ఒక పరీక్ష వాక్యం మరియు ఇది పొడవుగా ఉంది. " * 100, 7_901),
        ("هذه جملة اختبار طويلة وهي تتكرر عدة مرات. " * 100, 4_101),
        ("นี่คือประโยคทดสอบที่ยาวและซ้ำหลายครั้ง " * 100, 3_901),
        (" " * 20_000, 1_250),
        ("\n" * 5_000, 5_000),
        ("=" * 20_000, 1_252),
        ("\r\n" * 5_000, 10_000),  # Tekken.
    ],
)
async def test_what_takes_the_place_of_a_bound_holds_for_other_vocabularies(tokens, text, least):
    most = await tokens.most(Countable(texts=(text,)), "open-mixtral-8x7b")
    assert least <= most <= len(text.encode())


async def test_an_estimate_beyond_ascii_is_as_recorded(tokens):
    """A stream that broke off is not booked at its bytes: in most vocabularies a word is a token or two."""
    text = "Привет, как дела? " * 100
    assert await tokens.count_text(text, "deepseek-chat") < len(text) / 2


def test_prose_and_code_are_not_held_for_by_their_bytes():
    """Where all is letters and a few signs the proof is near the count."""
    text = "def total(self) -> int:\n    return sum(line.amount for line in self.lines)\n" * 50
    counted, most = (count_now(Countable(texts=(text,)), OTHER, proof=proof) for proof in (False, True))
    assert counted <= most < 1.3 * counted < len(text) / 2


OFFLINE = """
import os, socket
def refuse(*a): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
from gateway.tokens import bpe
for name in ("o200k_base", "cl100k_base"):
    print(len(bpe.encoding(name).encode_ordinary("hello world")))
print(os.environ.get("TIKTOKEN_CACHE_DIR"))
"""


@pytest.mark.parametrize("before", [None, "/nowhere"])
def test_vocabularies_load_offline_and_leave_the_environment_alone(before):
    env = {name: value for name, value in os.environ.items() if name != "TIKTOKEN_CACHE_DIR"}
    env |= {"TIKTOKEN_CACHE_DIR": before} if before else {}
    done = subprocess.run([sys.executable, "-c", OFFLINE], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["2", "2", str(before)], done.stderr


def test_this_process_counts_without_sockets(monkeypatch):
    def refuse(*_):
        raise AssertionError("network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    bpe._load.cache_clear()
    assert len(bpe.encoding("o200k_base").encode_ordinary("hello world")) == 2
