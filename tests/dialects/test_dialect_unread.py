"""What a count does not know counts by its bytes: nothing that a model may read counts as nothing."""

import base64
import json

import pytest

from gateway.core.request import Asked
from gateway.dialects.spoken import DIALECTS
from gateway.dialects.unread import ALL, PIECES_MAX, SETTINGS, in_many_pieces, unread
from gateway.tokens.bounds import JSON_TOKENS, ceiling
from gateway.tokens.count import count_now
from gateway.tokens.families import GPT

WORDS = "It is all quite new to me, she said. " * 300
BASE64 = base64.b64encode(WORDS.encode()).decode()
SCHEMA = {"type": "object", "properties": {f"field_{n}": {"type": "string", "description": "New."} for n in range(300)}}
TOKENS = 3000  # The words have as many as this; the schema, and anything by its bytes, more.
HI = [{"role": "user", "content": "hi"}]
PICTURE = "data:image/png;base64," + BASE64


def counted(dialect, body, **more):
    body = {"model": "m", **({"max_tokens": 9} if dialect == "anthropic-messages" else {}), **body}
    return DIALECTS[dialect].countable(Asked(json.dumps(body).encode(), **more))


def chat(**message):
    return {"messages": [{"role": "assistant", **message}]}


def parts(*content):
    return {"messages": [{"role": "user", "content": content}]}


def gemini(part, **config):
    return {"contents": [{"parts": [part]}], "generationConfig": config}


def responses(*content):
    return {"input": [{"role": "user", "content": content}]}


def blob(mime):
    return {"mimeType": mime, "data": BASE64}


JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
MIME = {"responseMimeType": "application/json"}
LEFT_OUT = [
    ("openai-chat", parts({"type": "input_audio", "input_audio": {"data": BASE64, "format": "mp3"}})),
    ("openai-chat", parts({"type": "image_url", "image_url": {"url": "data:text/plain;base64," + BASE64}})),
    ("openai-chat", parts({"type": "image_url", "image_url": "data:image/svg," + WORDS})),
    ("openai-chat", parts({"type": "image_url", "image_url": 7, "text": WORDS})),
    ("openai-chat", parts({"type": "text", "text": "hi", "image_url": WORDS})),
    ("openai-chat", parts({"type": "refusal", "refusal": WORDS})),
    ("openai-chat", {"messages": HI, "response_format": JSON_SCHEMA}),
    ("openai-chat", {"messages": HI, "response_format": JSON_SCHEMA | {"type": "text"}}),
    ("openai-chat", {"messages": HI, "guided_json": SCHEMA}),
    ("openai-chat", {"messages": HI, "prediction": WORDS}),
    *[(named, {"messages": [{"role": WORDS, "content": "hi"}]}) for named in ("openai-chat", "anthropic-messages")],
    ("bedrock-converse", {"messages": [{"role": WORDS, "content": [{"text": "hi"}]}]}),
    ("cohere-chat", {"messages": [{"role": WORDS, "content": "hi"}]}),
    ("gemini", {"contents": [{"role": WORDS, "parts": [{"text": "hi"}]}]}),
    ("openai-chat", chat(reasoning_content=WORDS)),
    ("openai-chat", chat(refusal=WORDS)),
    ("openai-chat", chat(function_call={"name": "f", "arguments": WORDS})),
    ("openai-chat", chat(content="hi", thoughts=[WORDS])),
    ("openai-completions", {"prompt": "hi", "guided_json": SCHEMA}),
    ("openai-embeddings", {"input": ["hi"], "instruction": WORDS}),
    ("anthropic-messages", {"messages": HI, "output_config": {"format": {"schema": SCHEMA}}}),
    ("anthropic-messages", {"messages": HI, "output_format": {"schema": SCHEMA}}),
    ("anthropic-messages", {"messages": HI, "output_config": {"more": WORDS}}),
    ("anthropic-messages", {"messages": HI, "mcp_servers": [WORDS]}),
    ("anthropic-messages", parts({"type": "tool_result", "content": [{"type": "text", "text": "", "more": WORDS}]})),
    ("gemini", gemini({"text": "hi"}, **MIME, responseJsonSchema=SCHEMA)),
    ("gemini", gemini({"text": "hi"}, **MIME, responseSchema=SCHEMA)),
    ("gemini", gemini({"text": "hi"}, responseJsonSchema=SCHEMA)),
    ("gemini", gemini({"inlineData": blob("text/plain")})),
    ("gemini", gemini({"inline_data": {"mime_type": "audio/mp3", "data": BASE64}})),
    ("gemini", gemini({"text": "hi", "thoughtSignature": WORDS})),
    ("gemini-embeddings", {"content": {"parts": [{"inlineData": blob("text/plain")}]}, "model": "models/m"}),
    ("openai-responses", {"input": "data: " + WORDS}),
    ("openai-responses", {"input": "hi", "instructions": "data:image/png;base64," + BASE64}),
    ("openai-responses", {"input": "hi", "text": {"format": {"type": "json_schema", "schema": SCHEMA}}}),
    ("openai-responses", {"input": "hi", "text": {"more": WORDS}}),
    ("openai-responses", responses({"type": "input_text", "text": "hi", "image_url": PICTURE})),
    ("cohere-chat", {"messages": HI, "response_format": {"type": "json_object", "schema": SCHEMA}}),
    ("cohere-chat", {"messages": HI, "response_format": {"type": "text", "schema": SCHEMA}}),
    ("cohere-chat", parts({"type": "sound", "sound": WORDS})),
    ("bedrock-converse", {"messages": [{"content": [{"sound": WORDS}]}]}),
    ("openai-images", {"prompt": "hi", "negative_prompt": WORDS}),
    ("openai-speech", {"input": "hi", "context": WORDS}),
    ("cohere-rerank", {"query": "hi", "documents": ["a"], "instruction": WORDS}),
]
PDF = base64.b64encode(b"%PDF-1.7" + WORDS.encode()).decode()


def file(data, **more):
    return parts({"type": "file", "file": {"file_data": data, **more}})


FILES = [
    ("openai-chat", file("data:text/plain;base64," + BASE64, filename="a.txt")),
    ("openai-chat", file(BASE64)),
    ("openai-chat", file("data:text/plain," + WORDS)),
    ("openai-chat", file(PDF, text=WORDS)),
    ("openai-chat", file(PDF, filename=WORDS)),
    ("openai-chat", parts({"type": "file", "file": WORDS})),
    ("openai-chat", parts({"type": "file", "file": {"file_id": "f"}, "video_url": WORDS})),
    ("openai-chat", parts({"type": "sound", "sound": WORDS})),
    ("anthropic-messages", parts({"type": "document", "source": {"type": "content", "content": WORDS}})),
    ("anthropic-messages", parts({"type": "new", "new": WORDS})),
    ("gemini", gemini({"inlineData": blob("application/json")})),
    ("gemini", gemini({"inlineData": blob("application/pdf")})),
    ("openai-chat", parts({"type": "file", "file": {"file_data": "data:application/pdf;base64," + BASE64}})),
    ("anthropic-messages", parts({"type": "document", "source": {"type": "base64", "data": BASE64}})),
    ("bedrock-converse", {"messages": [{"content": [{"document": {"format": "pdf", "source": {"bytes": BASE64}}}]}]}),
    ("bedrock-converse", {"messages": [{"content": [{"document": {"format": "txt", "source": {"bytes": BASE64}}}]}]}),
]


@pytest.mark.parametrize(("dialect", "body"), LEFT_OUT)
def test_nothing_that_a_model_may_read_counts_as_nothing(dialect, body):
    found = counted(dialect, body, model="m")
    assert ceiling(found, GPT) >= count_now(found, GPT) >= TOKENS


@pytest.mark.parametrize(("dialect", "body"), FILES)
def test_what_is_no_picture_counts_by_its_bytes_beside(dialect, body):
    """A PDF may have more pages than the table says."""
    found = counted(dialect, body, model="m")
    assert found.files == 1
    assert found.unread > len(WORDS)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai-chat", parts({"type": "image_url", "image_url": {"url": PICTURE}})),
        ("openai-chat", parts({"type": "image_url", "image_url": "https://x.test/a.png"})),
        ("openai-chat", parts({"type": "image_url", "image_url": {"url": PICTURE.replace("image/", "img/")}})),
        ("anthropic-messages", parts({"type": "image", "source": {"type": "base64", "data": BASE64}})),
        ("gemini", gemini({"inlineData": blob("image/png")}, temperature=1)),
        ("openai-responses", responses({"type": "input_image", "image_url": PICTURE})),
        ("cohere-chat", parts({"type": "image_url", "image_url": {"url": PICTURE}})),
        ("bedrock-converse", {"messages": [{"content": [{"image": {"source": {"bytes": BASE64}}}]}]}),
    ],
)
def test_pictures_count_by_their_own_rules(dialect, body):
    found = counted(dialect, body, model="m")
    assert found.images == 1
    assert sum(map(len, found.texts)) + found.unread < 200


def test_a_plain_chat_is_counted_to_the_token():
    """Whatever its settings are."""
    settings = {
        "temperature": 0.5,
        "stop": ["x"],
        "stream": True,
        "stream_options": {},
        "user": "u",
        "metadata": {"a": "b"},
    }
    assert counted("openai-chat", {"messages": HI, **settings}) == counted("openai-chat", {"messages": HI})
    assert counted("openai-chat", {"messages": HI}).unread == 0
    assert count_now(counted("openai-chat", {"messages": HI}), GPT) == 8


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai-images", {"prompt": "hi", "n": 2, "size": "1024x1024", "images": [{"image_url": PICTURE}]}),
        ("openai-speech", {"input": "hi", "voice": {"id": "v"}, "response_format": "mp3", "speed": 1.5}),
        ("cohere-rerank", {"query": "hi", "documents": [{"text": "a"}], "top_n": 3, "return_documents": True}),
    ],
)
def test_what_is_counted_in_its_own_way_counts_once(dialect, body):
    assert counted(dialect, body).unread == 0


def test_a_shape_brings_instructions_of_its_own():
    plain, shaped = (
        counted("openai-chat", {"messages": HI, "response_format": {"type": kind}}) for kind in ("text", "json_object")
    )
    assert count_now(shaped, GPT) > count_now(plain, GPT) + JSON_TOKENS


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"a": "x",\n "model": "m"}', 0),
        (b'{"a": {"b": "x", "n": 1, "t": true}}', 0),
        (b'{"a": {"b": "x", "c": "y"}}', len('"c":"y",')),
        (b'{"a": [{"c": "y"}, {"c": "y"}, "z"]}', 2 * len('{"c":"y"}')),
        (b'{"a": [[[{"b": "x"}], []]]}', len('[[{"b":"x"}],[]]')),
        (b'{"n": 1' + b"0" * 50 + b"}", 50 + len('"n":1,')),
        (b'{"a": {"b": "first", "b": "last"}}', len('"b":"first",')),
        (b"{}", 0),
        (b"[]", 0),
    ],
)
def test_what_is_known_is_left_out_and_all_else_is_not(body, left):
    assert abs(unread(body, {**SETTINGS, "a": {"b": ALL}}) - left) <= 2


@pytest.mark.parametrize("body", [b"{", b'{"\xff": 1}', b"[" * 100_000 + b"]" * 100_000])
def test_what_cannot_be_taken_apart_counts_as_a_whole(body):
    assert unread(body, {}) == len(body)


TALK = '\n"{,[" \\ ' * 100


@pytest.mark.parametrize(
    ("body", "many"),
    [
        (chat(content=[{"type": "text", "text": TALK}]), False),
        ({"messages": 5000 * parts({"type": "text", "text": TALK}, {"type": "text", "text": "a"})["messages"]}, False),
        ({"input": TALK * 10_000}, False),
        ({"messages": [{} for _ in range(PIECES_MAX)]}, True),
        ({"messages": [[[]] for _ in range(PIECES_MAX)]}, True),
        ({"input": ["a"] * PIECES_MAX}, True),
        ({"input": [1] * PIECES_MAX}, True),
    ],
)
def test_what_is_in_more_pieces_than_any_talk_is_not_to_be_taken_apart(body, many):
    """Commas, brackets and quotes in texts are no pieces."""
    assert in_many_pieces(b" " + json.dumps(body).encode()) == many


def test_only_json_has_pieces():
    assert not in_many_pieces(b"--form," + b'"",' * PIECES_MAX)
