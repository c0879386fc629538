"""What is left out of a call on its way, and how one gets to a provider."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from edge_cases import told_of

from gateway.core.errors import BadRequest
from gateway.translate import edges
from gateway.translate.edge import Edge, Losses


def test_what_would_change_the_answer_is_refused_by_name():
    losses = Losses(allowed=False)
    with pytest.raises(BadRequest, match="seed cannot be carried to the provider of this model: It has none") as told:
        losses.drop("seed", "It has none.")
    assert told.value.param == "seed"
    assert "x-fareway-lossy: allow" in str(told.value)


def test_with_leave_it_is_left_out_and_named_once():
    losses = Losses(allowed=True)
    losses.drop("seed", "It has none.")
    losses.note("user")
    losses.drop("seed", "It has none.")
    assert losses.dropped == ("seed", "user")


def test_a_hint_is_left_out_without_leave():
    losses = Losses(allowed=False)
    losses.note("user")
    assert losses.dropped == ("user",)


def test_the_first_edge_that_ends_in_a_dialect_of_the_provider_is_taken(monkeypatch):
    first, second = (
        Edge("openai-chat", "gemini", None, None, None, serves=lambda model: model != "not-this") for _ in range(2)
    )
    monkeypatch.setattr(edges, "EDGES", (first, second))
    assert edges.edge_to({"gemini", "cohere-chat"}, "openai-chat", "a-model") is first
    assert edges.edge_to({"cohere-chat"}, "openai-chat", "a-model") is None
    assert edges.edge_to({"gemini"}, "openai-responses", "a-model") is None
    assert edges.edge_to({"gemini"}, "openai-chat", "not-this") is None


def test_how_a_model_can_be_asked_is_known(monkeypatch):
    edge = Edge("openai-chat", "gemini", None, None, None, serves=lambda model: model != "not-this")
    monkeypatch.setattr(edges, "EDGES", (edge,))
    assert edges.inbound_to({"gemini", "cohere-chat"}, "a-model") == {"gemini", "cohere-chat", "openai-chat"}
    assert edges.inbound_to({"gemini"}, "not-this") == {"gemini"}
    assert edges.inbound_to({"cohere-chat"}, "a-model") == {"cohere-chat"}


EVERY = pytest.mark.parametrize("edge", edges.EDGES, ids=lambda edge: f"{edge.inbound}-{edge.outbound}")


@EVERY
def test_an_answer_that_is_nested_too_deeply_is_none(edge):
    body = b'{"type":"message","content":[],"choices":%b' % (b"[" * 200_000)
    with pytest.raises(ValueError, match=r".+"):
        edge.answer(body, told_of(edge))


@EVERY
def test_arguments_that_can_just_be_read_are_told_or_make_the_answer_none(edge):
    """In an answer of the caller's they may stand deeper."""
    for levels in range(900, 1000):
        arguments = '{"a":' * levels + "1" + "}" * levels
        call = {"id": "c", "function": {"name": "now", "arguments": arguments}}
        body = json.dumps({"choices": [{"message": {"tool_calls": [call]}}]}).encode()
        with suppress(ValueError):
            assert edge.answer(body, told_of(edge))
