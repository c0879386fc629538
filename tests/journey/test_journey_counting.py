"""How large a prompt is, where a decision hangs on it: counted, unless that would keep all other calls waiting."""

import base64
import json
from types import SimpleNamespace

import pytest

from gateway.core.request import Asked
from gateway.dialects.spoken import DIALECTS
from gateway.journey.counting import input_tokens
from gateway.tokens import Tokens, bound, measure
from gateway.tokens.bounds import FILE_TOKENS

CHAT = DIALECTS["openai-chat"]
MODELS = ("gpt-4o-mini", "claude-haiku-4-5")


@pytest.fixture
def tokens():
    found = Tokens(timeout_s=60)
    yield found
    found.close()


def question(*messages):
    return question_of(CHAT, {"model": "m", "messages": messages})


def question_of(dialect, body):
    asked = Asked(json.dumps(body).encode(), model="m")
    facts = dialect.read(asked)
    return SimpleNamespace(
        asked=asked, dialect=dialect, request=SimpleNamespace(facts=facts), size=measure(asked.body, facts)
    )


BYTES = 600_000
MIME = "application/pdf"
PDF = base64.b64encode(b"%PDF-1.7" + b"x" * BYTES).decode()
TEXT = base64.b64encode(b"text\n" * (BYTES // 5)).decode()


def user(*content):
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": content}]}


def carrying(data, mime):
    url = f"data:{mime};base64,{data}"
    return {
        "openai-chat": user({"type": "file", "file": {"file_data": url, "filename": "a"}}),
        "openai-responses": {
            "model": "m",
            "input": [{"role": "user", "content": [{"type": "input_file", "file_data": url, "filename": "a"}]}],
        },
        "anthropic-messages": user(
            {"type": "document", "source": {"type": "base64", "media_type": mime, "data": data}}
        ),
        "gemini": {"contents": [{"parts": [{"inlineData": {"mimeType": mime, "data": data}}]}]},
        "bedrock-converse": {
            "messages": [
                {"role": "user", "content": [{"document": {"format": "pdf", "name": "a", "source": {"bytes": data}}}]}
            ]
        },
    }


async def test_a_long_talk_is_counted(tokens):
    part = {"type": "text", "text": "It is all quite new to me."}
    asked = question(*[{"role": "user", "content": [part, part]}] * 5000)
    assert await input_tokens(asked, tokens, MODELS[:1]) == 5000 * (4 + 2 * 8) + 3


async def test_the_model_that_takes_the_most_tells(tokens):
    asked = question({"role": "user", "content": "It is all quite new to me."})
    each = [await input_tokens(asked, tokens, [model]) for model in MODELS]
    assert each[0] < each[1] == await input_tokens(asked, tokens, MODELS)


@pytest.mark.parametrize(
    "messages",
    [[{"content": [{}] * 100_000}], [{"content": ""}] * 100_000, [{"content": [{"type": "image_url"}] * 40_000}]],
)
async def test_what_is_in_too_many_pieces_is_bounded_by_its_bytes(monkeypatch, tokens, messages):
    """A few megabytes of empty parts took seconds, in which no other call moved."""
    asked = question(*messages)
    monkeypatch.delattr(type(CHAT), "countable")
    expected = [bound(len(asked.asked.body), asked.request.facts, model) for model in MODELS]
    assert await input_tokens(asked, tokens, MODELS) == max(expected)


@pytest.mark.parametrize("dialect", carrying("", ""))
async def test_a_pdf_counts_as_its_pages_and_as_a_proof_by_its_bytes_too(tokens, dialect):
    """Most have a tenth of the tokens that their bytes could be; a text of which nobody knows has what it has."""
    asked = question_of(DIALECTS[dialect], carrying(PDF, "application/pdf")[dialect])
    assert FILE_TOKENS <= await input_tokens(asked, tokens, MODELS[:1]) < FILE_TOKENS + 1000
    assert await input_tokens(asked, tokens, MODELS[:1], proof=True) > 2 * FILE_TOKENS
    text = question_of(DIALECTS[dialect], carrying(TEXT, "text/plain")[dialect])
    assert await input_tokens(text, tokens, MODELS[:1]) > 2 * FILE_TOKENS


QUOTED = json.dumps({"file_data": f"data:application/pdf;base64,{PDF}"})
LATER = {"type": "document", "source": {"type": "file", "file_id": "file-x"}}


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("openai-chat", user({"type": "text", "text": PDF}, {"type": "file", "file": {"file_id": "file-x"}})),
        ("openai-chat", user({"type": "text", "text": QUOTED}, {"type": "file", "file": {"file_id": "file-x"}})),
        (
            "openai-responses",
            {
                "model": "m",
                "input": [
                    {"role": "user", "content": QUOTED},
                    {"role": "user", "content": [{"type": "input_file", "file_id": "file-x"}]},
                ],
            },
        ),
        (
            "anthropic-messages",
            user({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": PDF}}, LATER),
        ),
        ("anthropic-messages", user({"type": "text", "text": PDF}, LATER)),
        ("gemini", carrying(PDF, "application/x-text")["gemini"]),
    ],
)
async def test_a_text_that_looks_like_a_pdf_counts_as_text(tokens, dialect, body):
    """It was left out of the count as soon as there was a file, whose hundred thousand tokens were all that was booked
    of a call that broke off."""
    found = await input_tokens(question_of(DIALECTS[dialect], body), tokens, MODELS[:1])
    assert found > FILE_TOKENS + BYTES // 8


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic-messages", user({"type": "document", "source": {"data": PDF, "media_type": "application/pdf"}})),
        ("gemini", {"contents": [{"parts": [{"inline_data": {"data": PDF, "mime_type": "application/pdf"}}]}]}),
        ("bedrock-invoke", carrying(PDF, "application/pdf")["anthropic-messages"]),
        ("bedrock-invoke", carrying(PDF, "application/pdf")["bedrock-converse"]),
        ("openai-chat", user({"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}})),
        ("bedrock-converse", user({"document": {"source": {"bytes": PDF}, "format": "pdf", "name": "a"}})),
        ("bedrock-converse", user({"document": {"format": "pdf", "context": "b", "source": {"bytes": PDF}}})),
        ("gemini", {"contents": [{"parts": [{"inlineData": {"data": PDF, "displayName": "a", "mimeType": MIME}}]}]}),
        (
            "anthropic-messages",
            user({"type": "document", "source": {"media_type": MIME, "type": "base64", "data": PDF}}),
        ),
        (
            "anthropic-messages",
            user({"type": "document", "source": {"data": PDF, "type": "base64", "media_type": MIME}}),
        ),
        ("openai-chat", user({"type": "file", "file": {"file_data": f"data:{MIME};name=a.pdf;base64,{PDF}"}})),
        ("openai-chat", user({"type": "document_url", "document_url": f"data:application/pdf;base64,{PDF}"})),
    ],
)
async def test_a_pdf_counts_as_its_pages_however_it_is_written(tokens, dialect, body):
    found = await input_tokens(question_of(DIALECTS[dialect], body), tokens, MODELS[:1])
    assert FILE_TOKENS <= found < FILE_TOKENS + 1000
