"""Two bodies: where the second departs from the first."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prompt_cache.compared import Break, compared

TURNS = [
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": [{"type": "text", "text": "two"}]},
    {"role": "user", "content": "three"},
]


def body(system, messages):
    return json.dumps({"model": "m", "system": system, "messages": messages}).encode()


def test_what_goes_on_is_whole():
    told = compared("anthropic-messages", body("s", TURNS[:1]), body("s", TURNS))
    assert told.place == ""
    assert told.lost == 0


def test_the_very_byte_is_named():
    told = compared("anthropic-messages", body("Today is Monday.", TURNS), body("Today is Friday.", TURNS))
    assert (told.place, told.offset) == ("system", 9)
    assert "Monday" in told.before
    assert "Friday" in told.after
    assert told.lost > 100


def test_a_changed_answer_is_found_in_its_block():
    changed = [TURNS[0], {"role": "assistant", "content": [{"type": "text", "text": "twO"}]}, TURNS[2]]
    told = compared("anthropic-messages", body("s", TURNS), body("s", changed))
    assert (told.place, told.offset) == ("messages[1].content[0].text", 2)


def test_a_shorter_one_breaks_where_it_ends():
    told = compared("anthropic-messages", body("s", TURNS), body("s", TURNS[:2]))
    assert told.place.startswith("messages")
    assert told.lost > 0


@pytest.mark.parametrize(
    ("dialect", "one"), [("openai-speech", body("s", TURNS)), ("openai-chat", b"{"), ("gemini", b"{}")]
)
def test_what_has_no_prompt_is_not_compared(dialect, one):
    assert compared(dialect, one, one) is None


@given(st.binary(min_size=1, max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_the_difference_is_the_first(shared, one, other):
    before, after = (body("x" + (shared + more).hex(), TURNS) for more in (one, other))
    told = compared("anthropic-messages", before, after)
    if before == after:
        assert told == Break(told.kept, 0)
    else:
        assert told.place == "system"
        assert told.offset >= 1 + 2 * len(shared)
