"""How large a prompt is, where a decision hangs on it: counted, unless that would keep all other calls waiting."""

import json
from types import SimpleNamespace

import pytest

from gateway.core.request import Asked
from gateway.dialects.spoken import DIALECTS
from gateway.journey.counting import input_tokens
from gateway.tokens import Tokens, bound, measure

CHAT = DIALECTS["openai-chat"]
MODELS = ("gpt-4o-mini", "claude-haiku-4-5")


@pytest.fixture
def tokens():
    found = Tokens(timeout_s=60)
    yield found
    found.close()


def question(*messages):
    asked = Asked(json.dumps({"model": "m", "messages": messages}).encode())
    facts = CHAT.read(asked)
    return SimpleNamespace(
        asked=asked, dialect=CHAT, request=SimpleNamespace(facts=facts), size=measure(asked.body, facts)
    )


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
