"""What a gateway learns while it runs: at once from what it is told, and from the ledger of what others were told."""

import asyncio
import logging

import pytest
from msgspec.structs import replace

from gateway.core.errors import Unavailable
from gateway.core.money import Money
from gateway.core.rating import NO_CLUSTER, Arm, Rating
from gateway.core.request import Facts, Request
from gateway.core.route import Candidate, Decision
from gateway.difficulty.comparison import EACH_MIN
from gateway.difficulty.guard import Terms
from gateway.difficulty.posterior import STRENGTH
from gateway.journey import learning as module
from gateway.journey.learning import Learning

NOW = 1_800_000_000.0
SMALL = Candidate("a/small", "a", "small", "economy", False, Money(1), Money(1))
LARGE = Candidate("a/large", "a", "large", "premium", False, Money(9), Money(9))
REQUEST = Request("r", "k", "openai-chat", Facts("auto", prompt="Why?"), input_tokens=9)


class Predicted:
    """Knows the small model, and one kind of prompt."""

    def cluster(self, request):
        return len(request.facts.prompt)

    def chances(self, request, candidates):
        return {candidate.name: 0.6 for candidate in candidates if candidate.model == "small"}


def made(terms=None, predicting=None):
    return Learning(predicting, terms, lambda: NOW)


def said(name, score=1.0, model="small", cluster=4, arm=Arm.NONE):
    return Rating(name, NOW, score, "a", model, cluster, arm, Money(0))


def told(ratings):
    async def ask(_since):
        return list(ratings)

    return ask


def test_before_any_feedback_what_was_predicted_stands():
    learning = made(predicting=Predicted())
    assert learning.predict(REQUEST, (SMALL, LARGE)) == {"a/small": 0.6}
    assert learning.cluster(REQUEST) == 4
    assert made().predict(REQUEST, (SMALL, LARGE)) == {}
    assert made().cluster(REQUEST) == NO_CLUSTER


def test_what_is_told_counts_at_once_and_once_only():
    learning = made(predicting=Predicted())
    for _ in range(3):
        learning.hear(said("r1"))
    expected = (STRENGTH * 0.6 + 1) / (STRENGTH + 1)
    assert learning.predict(REQUEST, (SMALL,))["a/small"] == pytest.approx(expected)


async def test_what_others_were_told_counts_with_the_next_look_and_the_last_word_replaces_the_first():
    one, other = made(predicting=Predicted()), made(predicting=Predicted())
    one.hear(said("r1", 0.0))
    ledger = [said("r1", 0.0), said("r2")]
    for learning in (one, other):
        await learning.catch_up(told(ledger))
    assert one.predict(REQUEST, (SMALL,)) == other.predict(REQUEST, (SMALL,))
    better = [said("r2"), replace(said("r1", 1.0), at=NOW + 1)]
    await one.catch_up(told(better))
    assert one.predict(REQUEST, (SMALL,))["a/small"] > other.predict(REQUEST, (SMALL,))["a/small"]


async def test_where_nothing_is_new_nothing_is_worked_out():
    learning = made(Terms())
    await learning.catch_up(told([said("r1")]))
    before = learning.guard
    await learning.catch_up(told([said("r1")]))
    assert learning.guard is before
    await learning.catch_up(told([said("r1"), said("r2")]))
    assert learning.guard is not before


def bad_router():
    for number in range(EACH_MIN + 1):
        yield said(f"a{number}", 0.0, "small", arm=Arm.ROUTED)
        yield said(f"b{number}", 1.0, "large", arm=Arm.HELD_BACK)


async def test_a_router_that_does_not_pay_is_switched_off_here_and_by_who_reads_the_ledger(caplog):
    one, other = made(Terms(baseline="large")), made(Terms(baseline="large"))
    with caplog.at_level(logging.WARNING, "fareway.routing"):
        for rating in bad_router():
            one.hear(rating)
        assert caplog.text.count("The router is switched off: router on, $-") == 1
        await other.catch_up(told(bad_router()))
        assert caplog.text.count("The router is switched off") == 2
    assert not one.guard.on
    assert not other.guard.on
    decision, arm = other.ruled(REQUEST, (SMALL, LARGE), Decision((SMALL,), "small"), None)
    assert (decision.plan[0], arm) == (LARGE, Arm.HELD_BACK)


def test_without_a_guard_the_policy_has_the_last_word():
    decision = Decision((SMALL,), "small")
    assert made().ruled(REQUEST, (SMALL, LARGE), decision, None) == (decision, Arm.NONE)


async def test_a_ledger_that_is_away_is_asked_again(monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 0)
    learning, asked, again = made(), [], asyncio.Event()

    async def ask(since):
        asked.append(since)
        if len(asked) == 1:
            raise Unavailable("away")
        if len(asked) == 3:
            again.set()
        return [said(f"r{number}") for number in range(30)]

    running = asyncio.create_task(learning.run(ask))
    async with asyncio.timeout(20):
        await again.wait()
    running.cancel()
    assert learning.predict(REQUEST, (SMALL,)) == {"a/small": 1.0}
    assert asked[0] == NOW - module.REMEMBERED_S
