"""Thoughts that an edge wrote into a conversation, on the way to a provider that speaks the caller's own dialect."""

import json

import pytest

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.translate.edge import Losses
from gateway.translate.returning import returned
from gateway.translate.sealed import UNSIGNED, seal

SIGNED = '{"type": "thinking", "thinking": "Hm.",  "signature": "c2ln"}'
FOREIGN = json.dumps({"type": "thinking", "thinking": "Hm.", "signature": UNSIGNED})
OF_GEMINI = '{"type": "thinking", "thinking": "", "signature": "fareway-1.gemini.c2ln"}'
TEXT = '{"type": "text", "text": "\\u00e9", "new": 1.50}'
ASKS, SEALED = '{"role": "user",  "content": "\\u00e9"}', '{"type": "reasoning", "encrypted_content": "gAAA"}'
OURS = json.dumps({"type": "reasoning", "summary": [], "encrypted_content": seal("openai-chat", {"reasoning": "Hm."})})
THOUGHTS = "messages.content.thinking"


def answered(*blocks):
    return f'{{"role": "assistant", "content": [{", ".join(blocks)}]}}'


def sent(dialect, body):
    """The body as it leaves, and what was left out of it."""
    losses = Losses(allowed=False)
    return returned(dialect, Asked(body.encode(), betas="b"), losses), losses.dropped


@pytest.mark.parametrize("dialect", ["anthropic-messages", "anthropic-count-tokens"])
def test_claude_gets_its_own_thoughts_and_no_others(dialect):
    """All else as it was, escapes and digits included. A message of nothing else is not there any more."""
    messages = [ASKS, answered(FOREIGN, TEXT), answered(SIGNED, TEXT), ASKS, answered(OF_GEMINI), answered(TEXT)]
    made, dropped = sent(dialect, f'{{"model": "m", "messages": [{", ".join(messages)}], "top_p": 0.10}}')
    own = [ASKS, f'{{"role":"assistant","content":[{TEXT}]}}', messages[2], ASKS, messages[5]]
    assert made.body.decode() == f'{{"model":"m","messages":[{",".join(own)}],"top_p":0.10}}'
    assert made.betas == "b"
    assert dropped == (THOUGHTS,)


@pytest.mark.parametrize("dialect", ["openai-responses", "openai-count-tokens"])
def test_openai_gets_its_own_reasoning_and_no_other(dialect):
    made, dropped = sent(dialect, f'{{"input": [{ASKS}, {OURS}, {SEALED}], "model": "m"}}')
    assert made.body.decode() == f'{{"input":[{ASKS},{SEALED}],"model":"m"}}'
    assert dropped == ("input.reasoning",)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic-messages", f'{{"messages": [{answered(SIGNED, TEXT)}] }}'),
        ("anthropic-messages", '{"messages": [{"role": "user", "content": "fareway-1. what is it?"}] }'),
        ("anthropic-messages", '{"messages": [{"content": [{"type": "text", "text": "fareway-1."}]}, {}] }'),
        ("anthropic-messages", '{"messages": [], "system": "fareway-1." }'),
        ("openai-responses", '{"input": "fareway-1. what is it?" }'),
        ("openai-responses", '{"instructions": "fareway-1." }'),
        ("openai-responses", '{"input": [{"type": "reasoning", "encrypted_content": ["fareway-1."]}] }'),
        ("openai-chat", f'{{"messages": [{answered(FOREIGN)}] }}'),
    ],
)
def test_what_holds_none_is_not_touched(dialect, body):
    made, dropped = sent(dialect, body)
    assert made.body == body.encode()
    assert dropped == ()


def test_what_nobody_can_read_is_refused():
    with pytest.raises(BadRequest, match="not valid JSON"):
        sent("anthropic-messages", '{"messages": "fareway-1."')
