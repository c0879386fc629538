"""Checks of answers: what each one sees, and that none of them trips over what models write."""

import sys
from types import SimpleNamespace

import pytest
from candidates import asked
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.reply import Choice, End, Reply, ToolCall, Verdict
from policies.checks import agreement, complete, named
from policies.checks.agreement import final_answer, similarity

PLAIN = asked()
STRUCTURED = asked(needs=frozenset({"json"}))


def reply(*texts, name="a", end=End.STOP, calls=()):
    return Reply(name, tuple([Choice(text, end, calls) for text in texts]))


def call(arguments, name="look"):
    return (ToolCall(name, arguments),)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (reply("Yes."), None),
        (reply("Yes.", end=End.OTHER), None),
        (reply("Yes.", "No."), None),
        (Reply("a"), "it said nothing"),
        (reply(" \n"), "it said nothing"),
        (reply("Yes.", ""), "it said nothing"),
        (reply("Yes", end=End.LENGTH), "it was cut off by its length"),
        (reply("I cannot", end=End.REFUSED), "it was refused"),
        (reply("Ye", end=End.NONE), "it did not come to an end"),
        (reply("", end=End.TOOLS, calls=call('{"at": 1}')), None),
        (reply("", end=End.TOOLS, calls=call("")), None),
        (reply("", end=End.TOOLS, calls=call('{"at": ')), "the arguments for look are no JSON"),
        (reply("", end=End.TOOLS, calls=call("[" * 100_000)), "the arguments for look are no JSON"),
    ],
)
def test_complete(found, why):
    assert complete.check(PLAIN, (reply("old"), found), {}) == Verdict(why is None, why or "complete")


@pytest.mark.parametrize(
    ("text", "why"), [('{"a": 1}', None), ("null", None), ("Sure: {}", "JSON was asked for, and it is none")]
)
def test_complete_where_json_was_asked_for(text, why):
    assert complete.check(STRUCTURED, (reply(text),), {}).why == (why or "complete")


def agreed(*replies, request=PLAIN, **params):
    return agreement.check(request, replies, params)


def test_one_alone_cannot_agree():
    assert agreed(reply("4")) == Verdict(False, "a second opinion is asked for")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 + 4 is 7, and the double is 14.\n#### 14", "Let me see: 14"),
        ("The answer is $1,000.50.", "\\boxed{1000.5}"),
        ("**Answer: B**\nbecause of the heat", "(b) is right? The answer is b."),
        ("C", "The answer is (C)"),
        ("-0.50", "answer: -0.5"),
        ("The answer is 007", "7"),
        ("The answer is 3. No: the answer is 4", "4"),
        ("It rains in Spain, mostly.", "Mostly it rains in Spain!"),
    ],
)
def test_the_same_said_otherwise(one, other):
    first, second = reply(one, name="a"), reply(other, name="b")
    assert agreed(first, second) == Verdict(True, "a says the same")
    assert agreed(second, first).passes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("#### 14", "#### 15"),
        ("The answer is A", "The answer is B"),
        ("14", "Fourteen, I should think."),
        ("It rains in Spain.", "The sun shines over Norway tonight."),
        ("yes", "no"),
        ("...", "!!!"),
    ],
)
def test_not_the_same(one, other):
    assert agreed(reply(one), reply(other)) == Verdict(False, "nobody says the same")


def test_what_is_not_complete_agrees_with_nobody():
    cut = reply("14", end=End.LENGTH)
    assert agreed(cut) == Verdict(False, "it was cut off by its length")
    assert agreed(reply("14"), cut) == Verdict(False, "it was cut off by its length")
    assert agreed(cut, reply("14")) == Verdict(False, "nobody says the same")


def test_one_that_says_the_same_is_enough():
    assert agreed(reply("1", name="b"), reply("2", name="c"), reply("2")) == Verdict(True, "c says the same")


def test_every_choice_must_agree():
    assert agreed(reply("1", "2"), reply("1", "2")).passes
    assert not agreed(reply("1", "2"), reply("1", "3")).passes
    assert not agreed(reply("1"), reply("1", "2")).passes


def test_tools_agree_by_name_and_arguments():
    same = reply("", calls=call('{"a":1,"b":2}')), reply("Let me look.", calls=call('{ "b": 2, "a": 1 }'))
    assert agreed(*same).passes
    assert not agreed(same[0], reply("", calls=call('{"a":1}'))).passes
    assert not agreed(same[0], reply("", calls=call('{"a":1,"b":2}', name="other"))).passes
    assert not agreed(same[0], reply("I need no tool.")).passes


def test_json_agrees_by_value():
    assert agreed(reply('{"a":1.0}'), reply('{ "a" : 1 }'), request=STRUCTURED).passes
    assert not agreed(reply('{"a":1}'), reply('{"a":2}'), request=STRUCTURED).passes


def test_how_much_must_be_the_same_can_be_said():
    pair = reply("a quick brown fox"), reply("a quick red fox")
    assert not agreed(*pair).passes
    assert agreed(*pair, threshold=0.7).passes


def test_a_number_in_the_middle_of_prose_is_no_answer():
    assert final_answer("In 1990 it was. " * 10) is None
    assert final_answer("In 1990 it was.\nSo, about 12 of them") == "12"


@given(st.text(), st.text())
def test_whatever_is_written_two_texts_are_compared(one, other):
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, other) == similarity(other, one)
    final_answer(one)
    assert agreed(reply(one), reply(other)).passes == agreed(reply(other), reply(one)).passes


def test_a_text_made_to_be_slow_is_not():
    import time

    began = time.process_time()
    for text in ("answer is " * 100_000, "1," * 500_000, "a " * 500_000, "(" * 1_000_000, "answer" + " " * 1_000_000):
        agreed(reply(text), reply(text))
    assert time.process_time() - began < 5


def test_a_check_is_found_by_its_name(monkeypatch):
    assert named("complete") is complete.check
    assert named("policies.checks.agreement") is agreement.check
    monkeypatch.setitem(sys.modules, "acme.polite", SimpleNamespace(check=complete.check))
    assert named("acme.polite") is complete.check
    monkeypatch.setitem(sys.modules, "acme.rude", SimpleNamespace())
    for wrong in ("nothing", "acme.rude", "no.such", 5, None, ".x", ""):
        with pytest.raises(ValueError, match="must be a check by its name, such as complete"):
            named(wrong)
