"""The judge of the conformance suite sees what it is there to see: each fault, in evidence made up for it."""

from dataclasses import replace
from decimal import Decimal

import pytest
from features import FEATURES
from playing import Cell, Played
from road import PICOS
from roster import CLIENTS, DEPLOYMENTS
from stage import Evidence
from tap import Seen
from verdict import faults

FEATURE = {feature.name: feature for feature in FEATURES}
OWN, OTHER = DEPLOYMENTS[:2]
CLIENT = next(client for client in CLIENTS if client.dialect == OWN.dialect)
WORD_USD = Decimal("0.000002")
WORDS = {"text": "one two three", "pieces": 3, "output_tokens": 3}


def cell(name, **more):
    return Cell(replace(CLIENT, **more), OWN, FEATURE[name])


def line(words=3, ended="complete"):
    return {"completion_tokens": words, "ended": ended, "cost_usd": f"{words * WORD_USD}"}


def entry(words=3, outcome="ok", status="exact"):
    cost = {"status": status}
    return {
        "outcome": outcome,
        "cost_picos": int(words * WORD_USD * PICOS),
        "entry": {"cost": cost, "usage": {"output": words}},
    }


def seen(bill=(), entries=(), requests=(200,), held="0"):
    return Evidence([Seen("POST", "/v1/chat/completions", status) for status in requests], [*entries], [*bill], held)


GOOD = seen([line()], [entry()])


def test_a_good_answer_has_no_fault():
    assert faults(cell("stream"), Played(WORDS, GOOD)) == []


@pytest.mark.parametrize(
    ("said", "evidence"),
    [
        (WORDS | {"text": "one two"}, GOOD),
        (WORDS | {"output_tokens": 4}, GOOD),
        (WORDS | {"pieces": 1}, GOOD),
        ({"error": "APIError"}, GOOD),
        (WORDS, seen([line()], [entry(4)])),
        (WORDS, seen([line()], [entry(status="estimated")])),
        (WORDS, seen([line()], [entry()], held="0.1")),
        (WORDS, seen([line()])),
        (WORDS, seen([line(), line()], [entry(), entry()])),
        (WORDS, seen([line(ended="aborted")], [entry(outcome="hung_up")])),
    ],
)
def test_what_is_not_so_is_seen(said, evidence):
    assert len(faults(cell("stream"), Played(said, evidence))) == 1


def test_a_refusal_is_one_request_by_the_right_class_and_costs_nothing():
    refused = {"error": "RateLimitError"}
    assert faults(cell("budget refusal"), Played(refused, seen(requests=[429]))) == []
    assert faults(cell("budget refusal", insists=2), Played(refused, seen(requests=[429] * 3))) == []
    assert faults(cell("budget refusal"), Played({"error": "APIError"}, seen(requests=[429])))
    assert faults(cell("budget refusal"), Played(refused, seen(requests=[429, 429])))
    assert faults(cell("budget refusal"), Played(refused, seen([line()], [entry()], [429])))
    assert faults(cell("bad key"), Played({"error": "AuthenticationError"}, seen(requests=[429])))


@pytest.mark.parametrize(("booked", "right"), [(40, True), (56, True), (85, False), (31, False)])
def test_what_ended_early_is_booked_a_little_above_what_came(booked, right):
    evidence = seen([line(40, "aborted")], [entry(booked, "hung_up", "estimated")])
    assert (faults(cell("cancel"), Played({"pieces": 5}, evidence)) == []) is right


def test_a_broken_stream_must_not_pass_for_a_whole_one():
    evidence = seen([line(8, "error")], [entry(24, "cut", "estimated")])
    assert faults(cell("error in a stream"), Played({"error": "APIError"}, evidence)) == []
    assert faults(cell("error in a stream"), Played({"text": "a b c d e f g h"}, evidence))


def test_a_tools_result_must_come_back():
    evidence = seen([line(), line()], [entry(), entry()])
    used = {"tool": {"city": "Rome"}, "text": "It says: Sunny."}
    assert faults(cell("tools"), Played(used, evidence)) == []
    assert faults(cell("tools"), Played(used | {"text": "It says: "}, evidence))
    assert faults(cell("tools"), Played(used | {"tool": {}}, evidence))
    assert faults(cell("tools"), Played(used, GOOD))


def test_over_a_translation_a_client_may_fail_by_another_class():
    client = next(client for client in CLIENTS if client.translated_errors)
    (name,) = client.translated_errors
    own = next(one for one in DEPLOYMENTS if one.dialect == client.dialect)
    assert client.failure(name, own) != client.failure(name, OTHER)
