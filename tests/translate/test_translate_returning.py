"""Thoughts that an edge wrote into a conversation, on the way to a provider that speaks the caller's own dialect."""

import json

import pytest
from msgspec import Raw
from msgspec.json import decode

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


def sent(dialect, body, model="claude-haiku-4-5"):
    """The body as it leaves, and what was left out of it."""
    losses = Losses(allowed=False)
    return returned(dialect, Asked(body.encode(), betas="b"), model, losses), losses.dropped


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


CALL, RESULT = '{"type": "tool_use", "id": "a"}', '{"role": "user", "content": [{"type": "tool_result"}]}'
HIDDEN = '{"type": "redacted_thinking", "data": "c2ln"}'
BUDGET = '{"type": "enabled", "budget_tokens": 1024}'
CLEARS, OTHER = '{"type": "clear_thinking_20251015", "keep": "all"}', '{"type":"clear_tool_uses_20250919","keep":1.50}'


def members(messages, model="claude-haiku-4-5", **others):
    """What else is left of a call, and what was left out beside thoughts."""
    said = {"messages": f"[{', '.join(messages)}]"} | others
    body = "{" + ", ".join(f'"{name}": {value}' for name, value in said.items()) + "}"
    made, dropped = sent("anthropic-messages", body, model)
    left = {name: bytes(value).decode() for name, value in decode(made.body, type=dict[str, Raw]).items()}
    assert (THOUGHTS in dropped) == ("fareway-1." in body)
    return {name: value for name, value in left.items() if name != "messages"}, [n for n in dropped if n != THOUGHTS]


@pytest.mark.parametrize(
    "turn",
    [
        [answered(FOREIGN, CALL), RESULT],
        [answered(FOREIGN, TEXT, CALL), RESULT],
        [answered(FOREIGN, CALL), RESULT, answered(CALL), RESULT],
        [answered(FOREIGN, CALL), RESULT, answered(FOREIGN), answered(FOREIGN, CALL), RESULT],
        [answered(FOREIGN, CALL), RESULT, ASKS],
        [answered(FOREIGN, CALL), RESULT, answered(FOREIGN), ASKS],
        [answered(CALL), RESULT],
        [answered(TEXT, CALL), RESULT, answered(SIGNED, CALL), RESULT],
    ],
)
def test_a_turn_of_tools_that_begins_with_no_thoughts_goes_on_without_a_budget_to_think(turn):
    """Claude refuses it there; also in the next turns of the same tools. Not every model shows thoughts."""
    for earlier in ([], [ASKS, answered(SIGNED, TEXT), ASKS]):
        assert members([*earlier, *turn], thinking=BUDGET, top_p="0.10") == ({"top_p": "0.10"}, ["thinking"])


@pytest.mark.parametrize(
    ("turn", "thinking"),
    [
        ([answered(FOREIGN, TEXT), ASKS], BUDGET),
        ([answered(FOREIGN), ASKS, ASKS], BUDGET),
        ([answered(FOREIGN, CALL), RESULT, answered(TEXT), ASKS, answered(SIGNED, CALL), RESULT], BUDGET),
        ([answered(SIGNED, CALL), RESULT, answered(FOREIGN, CALL), RESULT], BUDGET),
        ([answered(FOREIGN, HIDDEN, CALL), RESULT], BUDGET),
        ([answered(FOREIGN, TEXT), ASKS, answered(SIGNED, CALL), RESULT], BUDGET),
        ([answered(CALL), RESULT, '{"role": "assistant", "content": "So"}'], BUDGET),
        ([answered(CALL), ASKS, answered(TEXT)], BUDGET),
        ([answered(SIGNED, CALL), RESULT], BUDGET),
        ([answered(FOREIGN, CALL), RESULT], '{"type": "adaptive"}'),
        ([answered(FOREIGN, CALL), RESULT], "7"),
    ],
)
def test_else_a_budget_to_think_stays(turn, thinking):
    """Where a turn begins with Claude's own thoughts, or has ended, nobody asks for more of them."""
    assert members([ASKS, *turn], thinking=thinking) == ({"thinking": thinking}, [])


@pytest.mark.parametrize("thought", [(), (FOREIGN,)])
def test_other_makers_who_speak_anthropics_dialect_keep_their_budget(thought):
    """They demand no thoughts."""
    turn = [ASKS, answered(*thought, CALL), RESULT]
    assert members(turn, "kimi-k2", thinking=BUDGET) == ({"thinking": BUDGET}, [])


@pytest.mark.parametrize(
    ("edits", "kept", "dropped"),
    [
        (f"[{CLEARS}, {OTHER}]", {"context_management": f'{{"a":1.0,"edits":[{OTHER}]}}'}, ("context_management",)),
        (f"[{CLEARS}]", {}, ("context_management",)),
        (f"[{OTHER}]", {"context_management": f'{{"a": 1.0, "edits": [{OTHER}]}}'}, ()),
        ("null", {"context_management": '{"a": 1.0, "edits": null}'}, ()),
    ],
)
def test_no_thoughts_are_cleared_where_there_is_no_budget_for_them(edits, kept, dropped):
    """Claude refuses that edit where it does not think. Others stay, byte for byte."""
    context = f'{{"a": 1.0, "edits": {edits}}}'
    found = members([ASKS, answered(FOREIGN, CALL), RESULT], thinking=BUDGET, context_management=context)
    assert found == (kept, ["thinking", *dropped])


def test_what_nobody_can_read_is_refused():
    with pytest.raises(BadRequest, match="not valid JSON"):
        sent("anthropic-messages", '{"messages": "fareway-1."')
