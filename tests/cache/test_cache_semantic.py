"""From a similar question to an answer: asked anyway until it is proven, checked on from then on, ended by what is
wrong."""

import pytest

from gateway.cache.asking import Question
from gateway.cache.semantic import Semantic


@pytest.fixture
def semantic():
    return Semantic(allowed=0.05, verify=0.1, questions_max=100)


def ask(semantic, text, request_id="r", tenant="t", around=b"a"):
    question = Question(text, around)
    return semantic.find(tenant, question, semantic.asked(question), request_id)


def add(semantic, name, text, around=b"a"):
    question = Question(text, around)
    semantic.add(name, question, semantic.asked(question))


def prove(semantic, times=100, tenant="t", answer="yes"):
    for number in range(times):
        found = ask(semantic, "Is snow white?", f"prove-{number}", tenant)
        if not found.given:
            semantic.compare(tenant, found, "yes", answer)


def chosen(semantic, *, given):
    """The id of a request that is answered, or asked anyway, once it is proven."""
    return next(f"r{n}" for n in range(1000) if ask(semantic, "Is snow white?", f"r{n}").given is given)


def test_nothing_is_given_until_it_is_proven(semantic):
    add(semantic, b"1", "is the snow white")
    found = ask(semantic, "Is snow white?")
    assert found.near.name == b"1"
    assert not found.given
    prove(semantic)
    assert ask(semantic, "Is snow white?", chosen(semantic, given=True)).given
    assert semantic.states == {("serving",): 1.0, ("withheld",): 0.0}


def test_a_share_is_asked_anyway_for_ever(semantic):
    add(semantic, b"1", "is the snow white")
    prove(semantic)
    anyway = sum(not ask(semantic, "Is snow white?", f"req_{n:x}").given for n in range(2000))
    assert 130 < anyway < 270
    again = [ask(semantic, "Is snow white?", "the same").given for _ in range(3)]
    assert len(set(again)) == 1, "it is by the request alone"


def test_where_answers_differ_nothing_is_ever_given_and_it_says_so(semantic, caplog):
    add(semantic, b"1", "is the snow white")
    prove(semantic, answer="no")
    assert not any(ask(semantic, "Is snow white?", f"r{n}").given for n in range(50))
    assert semantic.states == {("serving",): 0.0, ("withheld",): 1.0}


def test_it_ends_when_answers_begin_to_differ(semantic, caplog):
    add(semantic, b"1", "is the snow white")
    prove(semantic)
    anyway = ask(semantic, "Is snow white?", chosen(semantic, given=False))
    for _ in range(10):
        semantic.compare("t", anyway, "yes", "no")
    assert not any(ask(semantic, "Is snow white?", f"r{n}").given for n in range(50))
    assert "get no kept answers any more" in caplog.text
    assert "snow" not in caplog.text


def test_evidence_of_one_tenant_is_none_for_another(semantic):
    add(semantic, b"1", "is the snow white")
    prove(semantic)
    assert not any(ask(semantic, "Is snow white?", f"r{n}", tenant="u").given for n in range(50))


def test_what_is_around_a_question_must_be_the_same(semantic):
    add(semantic, b"1", "is the snow white", around=b"a")
    assert ask(semantic, "is the snow white", around=b"b") is None


def test_a_complaint_counts_against_it_and_praise_does_not_count(semantic):
    add(semantic, b"1", "is the snow white")
    prove(semantic)
    for number in range(12):
        add(semantic, b"1", "is the snow white")
        found = ask(semantic, "Is snow white?", name := chosen(semantic, given=True))
        semantic.give("t", found.near, f"{name}-{number}")
        semantic.judge(f"{name}-{number}", good=True)
    served = semantic.states[("serving",)]
    assert served == 1
    for number in range(12):
        add(semantic, b"1", "is the snow white")
        semantic.give("t", found.near, f"x-{number}")
        semantic.judge(f"x-{number}", good=False)
        assert ask(semantic, "Is snow white?") is None, "that answer is not given again"
    assert semantic.states[("serving",)] == 0
    semantic.judge("never heard of", good=False)


def test_the_oldest_questions_go_first():
    semantic = Semantic(allowed=0.05, verify=0.1, questions_max=2)
    for name, text in ((b"1", "one red cat"), (b"2", "two green dogs"), (b"3", "three blue birds")):
        add(semantic, name, text, around=name)
    assert ask(semantic, "one red cat", around=b"1") is None
    assert ask(semantic, "three blue birds", around=b"3").near.name == b"3"
    assert len(semantic._indexes) == 2
    semantic.drop(b"3")
    semantic.drop(b"3")
    assert ask(semantic, "three blue birds", around=b"3") is None
    assert len(semantic._indexes) == 1
