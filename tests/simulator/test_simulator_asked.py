"""What a call asks for is the user's own word, also where a system speaks in the user's turn."""

import json

import pytest

from gateway.simulator import anthropic_request, bedrock_request, gemini_request

REMINDER = "<system>\nA tool may be used.\n</system>"
MINE = "Talk! [[sim: tokens=3]]"
GEMINI = {"contents": [{"role": "user", "parts": [{"text": MINE}, {"text": REMINDER}]}]}
ANTHROPIC = {
    "model": "sim-small",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": [{"type": "text", "text": text} for text in (MINE, REMINDER)]}],
}
CONVERSE = {"messages": [{"role": "user", "content": [{"text": MINE}, {"text": REMINDER}]}]}
ASKED = {
    "gemini": lambda: gemini_request.asked(json.dumps(GEMINI).encode(), {"model": "m", "verb": "generateContent"}),
    "anthropic": lambda: anthropic_request.asked(json.dumps(ANTHROPIC).encode(), {}),
    "converse": lambda: bedrock_request.asked(json.dumps(CONVERSE).encode(), {"model": "m", "verb": "converse"}),
}


@pytest.mark.parametrize("dialect", ASKED)
def test_what_a_system_says_in_the_users_turn_is_no_order(dialect):
    asked = ASKED[dialect]()
    assert (asked.orders, asked.cue) == (MINE, MINE)
