"""What is told of a call's prompt, and when it is marked."""

import json

import pytest

from gateway.core.prompt_note import PromptNote
from gateway.core.usage import Usage
from gateway.prices.bundled import price_book
from gateway.prompt_cache import prompts as module
from gateway.prompt_cache.prompts import Leaving, Prompts

PRICE = price_book().price("anthropic", "claude-sonnet-4-5", 1_790_000_000.0, "")
RATES = PRICE.standard.base
SYSTEM = "Today is Monday. " + "Be brief and kind. " * 600


def turn(number):
    return {"role": "user" if number % 2 == 0 else "assistant", "content": f"{number}: " + "word " * 900}


def leaving(turns, *, system=SYSTEM, session="s", dialect="anthropic-messages", price=PRICE, **more):
    body = {"model": "m", "max_tokens": 9, "system": system, "messages": [turn(n) for n in range(turns)]} | more
    written = json.dumps(body).encode()
    return Leaving("key", session, "anthropic/m", dialect, written, "claude-sonnet-4-5", price, "anthropic")


def sent(prompts, call, at, usage):
    body, watched = prompts.leaving(call, at)
    return body, watched.told(usage, None)


WRITTEN = Usage(cache_write=8000, output=9)


def test_a_first_call_has_nothing_to_tell():
    prompts = Prompts(improve=False)
    call = leaving(3)
    assert sent(prompts, call, 0.0, WRITTEN) == (call.body, PromptNote())


def test_a_conversation_that_goes_on_is_expected_to_be_read():
    prompts = Prompts(improve=False)
    sent(prompts, leaving(3), 0.0, WRITTEN)
    _, note = sent(prompts, leaving(5), 60.0, Usage(cache_read=8000, cache_write=3000))
    assert note == PromptNote(expected=8000)


def test_what_was_not_read_is_told_and_priced():
    prompts = Prompts(improve=False)
    sent(prompts, leaving(3), 0.0, WRITTEN)
    _, note = sent(prompts, leaving(5), 400.0, Usage(cache_write=11000))
    lost = round(8000 * (RATES.input - RATES.cache_read) / 1000)
    assert note == PromptNote(expected=8000, unread=8000, lost_nanos=lost)


def test_where_a_prompt_broke_is_told():
    prompts = Prompts(improve=False)
    sent(prompts, leaving(3), 0.0, WRITTEN)
    _, note = sent(prompts, leaving(5, system=SYSTEM.replace("Monday", "Friday")), 60.0, Usage(cache_write=11000))
    assert note.broken == "system, bytes 0 to 2,047"
    assert (note.expected, note.unread, note.dropped) == (0, 0, 8000)
    assert note.lost_nanos == round(8000 * (RATES.input - RATES.cache_read) / 1000)


def test_a_break_in_a_message_is_named_by_its_path():
    prompts = Prompts(improve=False)
    call = leaving(4)
    sent(prompts, call, 0.0, WRITTEN)
    changed = call._replace(body=call.body.replace(b"2: word", b"2: WORD"))
    _, note = sent(prompts, changed, 60.0, Usage(cache_read=4000, cache_write=4000))
    assert note.broken.startswith("messages[1].content, byte 4,")
    assert ", to messages[2].content, byte 2," in note.broken
    assert note.dropped > 0
    assert 0 < note.expected < 8000


def test_a_prompt_that_ends_earlier_is_another():
    prompts = Prompts(improve=False)
    sent(prompts, leaving(5), 0.0, WRITTEN)
    _, note = sent(prompts, leaving(1), 60.0, Usage(cache_read=4000))
    assert note.broken == "the prompt ends earlier"


def test_after_an_hour_nothing_is_expected():
    prompts = Prompts(improve=False)
    sent(prompts, leaving(3), 0.0, WRITTEN)
    _, note = sent(prompts, leaving(5), 3601.0, WRITTEN)
    assert note == PromptNote()


def test_nothing_is_expected_where_nothing_was_kept():
    prompts = Prompts(improve=False)
    sent(prompts, leaving(3), 0.0, Usage(input=8000))
    assert sent(prompts, leaving(5), 60.0, Usage(input=9000))[1] == PromptNote()


@pytest.mark.parametrize(("given", "expected"), [(8000, 8000), (1000, 0)])
def test_others_keep_prompts_unasked(given, expected):
    prompts = Prompts(improve=False)
    sent(prompts, leaving(3, dialect="openai-chat"), 0.0, Usage(input=given))
    _, note = sent(prompts, leaving(5, dialect="openai-chat", price=None), 60.0, Usage(input=9000))
    assert note == PromptNote(expected=expected, unread=expected)


def test_unfinished_answers_and_calls_without_a_name_teach_nothing():
    prompts = Prompts(improve=False)
    sent(prompts, leaving(3), 0.0, Usage(cache_write=8000, final=False))
    assert sent(prompts, leaving(5), 60.0, WRITTEN)[1] == PromptNote()
    sent(prompts, leaving(3, session=""), 0.0, WRITTEN)
    assert sent(prompts, leaving(5, session=""), 60.0, WRITTEN)[1] == PromptNote()


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "BLOCKS_KEPT", 40)
    prompts = Prompts(improve=False)
    for number in range(30):
        sent(prompts, leaving(3, session=f"s{number}"), float(number), WRITTEN)
    assert prompts._blocks == sum(len(last.links) for last in prompts._talks.values()) <= 40


def test_marks_come_once_prompts_have_come_again():
    prompts = Prompts(improve=True)
    call = leaving(1)
    assert sent(prompts, call, 0.0, WRITTEN) == (call.body, PromptNote())
    for turns in range(3, 31, 2):
        body, note = sent(prompts, leaving(turns), turns * 20.0, Usage(cache_read=900, cache_write=100))
    assert note.marks == "head 5m, turns 5m"
    assert note.saved_nanos == round((900 * (RATES.input - 300_000) - 100 * (3_750_000 - RATES.input)) / 1000)
    assert body.count(b'"cache_control"') == 3


def test_long_pauses_are_bridged_by_an_hour():
    prompts = Prompts(improve=True)
    for turns in range(3, 31, 2):
        body, note = sent(prompts, leaving(turns), turns * 300.0, WRITTEN)
    assert note.marks == "head 1h, turns 1h"
    assert body.count(b'"ttl":"1h"') == 3


@pytest.mark.parametrize(
    "more",
    [
        {"cache_control": {"type": "ephemeral"}},
        {"dialect": "openai-chat"},
        {"price": None},
    ],
)
def test_what_the_caller_marks_itself_and_what_nobody_can_price_is_let_alone(more):
    prompts = Prompts(improve=True)
    for turns in range(3, 31, 2):
        call = leaving(turns, **more)
        assert prompts.leaving(call, turns * 20.0)[0] == call.body


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses"])
def test_openai_is_told_which_conversation_it_is(dialect):
    prompts = Prompts(improve=True)
    call = leaving(3, dialect=dialect)._replace(maker="openai")
    first, again = (json.loads(prompts.leaving(call, at)[0]) for at in (0.0, 1.0))
    assert first == again == json.loads(call.body) | {"prompt_cache_key": first["prompt_cache_key"]}
    other = json.loads(prompts.leaving(call._replace(session="t"), 0.0)[0])
    assert other["prompt_cache_key"] != first["prompt_cache_key"]


@pytest.mark.parametrize("kept", [{"maker": "groq"}, {"session": ""}, {"dialect": "openai-completions"}])
def test_nobody_else_is_told(kept):
    call = leaving(3, dialect="openai-chat")._replace(**({"maker": "openai"} | kept))
    assert Prompts(improve=True).leaving(call, 0.0)[0] == call.body


def test_the_callers_own_name_stays():
    call = leaving(3, dialect="openai-chat", prompt_cache_key="mine")._replace(maker="openai")
    assert Prompts(improve=True).leaving(call, 0.0)[0] == call.body


def test_a_call_that_is_tried_again_is_one_call():
    """Nothing is learned from what was not answered."""
    prompts = Prompts(improve=True)
    sent(prompts, leaving(3), 0.0, WRITTEN)
    tries = [prompts.leaving(leaving(5), 60.0)[0] for _ in range(20)]
    body, note = sent(prompts, leaving(5), 60.0, Usage(cache_read=8000, cache_write=3000))
    assert set(tries) == {body}
    assert (note.expected, note.unread) == (8000, 0)
