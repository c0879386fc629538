"""Over every edge a conversation's prompt only grows at its end: whatever the provider has in its cache stays good."""

from itertools import pairwise

import pytest
from translate import long_talk

from gateway.core.request import Asked
from gateway.dialects.spoken import DIALECTS
from gateway.prompt_cache.blocks import prompt_of
from gateway.translate.edge import Losses, Target, Told
from gateway.translate.edges import EDGES

TURNS = 40
MODELS = {
    "anthropic-messages": ("claude-sonnet-4-5", "claude-opus-4-8"),
    "bedrock-invoke": ("us.anthropic.claude-sonnet-4-5-20250929-v1:0",),
    "bedrock-converse": ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.amazon.nova-pro-v1:0"),
    "gemini": ("gemini-2.5-flash", "gemini-3-pro"),
    "openai-chat": ("gpt-5.4-mini", "deepseek-reasoner"),
}
WAYS = [pytest.param(edge, model, id=f"{edge.inbound}-{model}") for edge in EDGES for model in MODELS[edge.outbound]]


def prompts(edge, model):
    """The prompt of each turn as the provider gets it, in the order in which it caches, without marks."""
    talk = long_talk.TALKS[edge.inbound]()
    for _ in range(TURNS):
        talk.say()
        asked = talk.asked()
        sent = edge.request(asked, Target(model, 8192), Losses(allowed=False))
        dialect = DIALECTS[edge.outbound]
        aimed = dialect.aim(sent, model, dialect.read(sent))
        yield prompt_of(edge.outbound, aimed.body).text
        talk.heard(edge.answer(long_talk.answer(edge.outbound), Told(asked, f"req_{talk.turn:016}", talk.turn)))


@pytest.mark.parametrize(("edge", "model"), WAYS)
def test_a_prompt_begins_with_the_one_before(edge, model):
    sent = list(prompts(edge, model))
    assert len(sent[-1]) > 20 * len(Asked(b"").body) + 2048
    for turn, (before, after) in enumerate(pairwise(sent), 2):
        kept = before.rstrip(b"]}")
        assert after.startswith(kept), (turn, first_difference(kept, after))


def first_difference(before, after):
    at = next(n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
    return at, before[max(0, at - 80) : at + 80], after[max(0, at - 80) : at + 80]
