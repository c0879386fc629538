"""How much Claude is to think: one rule, whichever dialect the caller asks in."""

import json

import pytest

from gateway.core.request import Asked
from gateway.translate.claude import claude_of
from gateway.translate.claude_effort import Frame, Thinking, thinking_for
from gateway.translate.edge import Losses, Target
from gateway.translate.edges import EDGES

ADAPTIVE = {"type": "adaptive"}
SHOWN = ADAPTIVE | {"display": "summarized"}
HI = [{"role": "user", "content": "Hi"}]


def sent(edge, body, lossy=False, cap=10_000, provider=""):
    """The body that goes up, and what was left out."""
    losses = Losses(allowed=lossy)
    made = edge.request(Asked(json.dumps(body).encode()), Target(provider + body["model"], cap), losses)
    return json.loads(made.body), losses.dropped


def of_messages(edge, body, **how):
    made, dropped = sent(edge, body, **how)
    return {"thinking": made.get("thinking"), **made.get("output_config", {})}, dropped


def by_chat(model, effort, **how):
    body = {"model": model, "messages": HI, "reasoning_effort": effort}
    return of_messages(edge_of("openai-chat", "anthropic-messages"), body, **how)


def by_responses(model, effort, **how):
    reasoning = {"effort": effort, "summary": "auto"}
    body = {"model": model, "input": "Hi", "store": False, "reasoning": reasoning}
    return of_messages(edge_of("openai-responses", "anthropic-messages"), body, **how)


def by_converse(model, effort, **how):
    body = {"model": model, "messages": HI, "reasoning_effort": effort}
    edge = edge_of("openai-chat", "bedrock-converse")
    made, dropped = sent(edge, body, provider="anthropic.", **how)
    own = made.get("additionalModelRequestFields", {})
    return {"thinking": own.get("thinking"), **own.get("output_config", {})}, dropped


def edge_of(inbound, outbound):
    return next(edge for edge in EDGES if (edge.inbound, edge.outbound) == (inbound, outbound))


@pytest.mark.parametrize("asked", [by_chat, by_responses, by_converse])
@pytest.mark.parametrize(
    ("model", "effort", "expected", "exact"),
    [
        ("claude-opus-5-5", "none", {"thinking": None, "effort": "low"}, False),
        ("claude-opus-5-5", "high", {"thinking": SHOWN, "effort": "high"}, True),
        ("claude-opus-5", "none", {"thinking": {"type": "disabled"}}, True),
        ("claude-opus-5", "minimal", {"thinking": SHOWN, "effort": "low"}, True),
        ("claude-opus-5", "xhigh", {"thinking": SHOWN, "effort": "xhigh"}, True),
        ("claude-opus-4-6", "xhigh", {"thinking": SHOWN, "effort": "high"}, False),
        ("claude-opus-4-6", "none", {"thinking": None}, True),
        ("claude-sonnet-4-5", "none", {"thinking": None}, True),
        ("claude-sonnet-4-5", "low", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, True),
        ("claude-sonnet-4-5", "minimal", {"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
        ("claude-sonnet-4-5", "max", {"thinking": {"type": "enabled", "budget_tokens": 9500}}, True),
        ("claude-3-5-haiku-20241022", "high", {"thinking": None}, False),
        ("claude-opus-5", "extreme", {"thinking": None}, False),
    ],
)
def test_every_edge_asks_a_model_to_think_as_much(asked, model, effort, expected, exact):
    """And names the effort where it cannot be had as it was asked for."""
    found, dropped = asked(model, effort, lossy=True)
    assert found == expected
    assert [name for name in dropped if "effort" in name] == (
        [] if exact else ["reasoning.effort" if asked is by_responses else "reasoning_effort"]
    )


@pytest.mark.parametrize("asked", [by_chat, by_responses, by_converse])
def test_on_every_edge_a_budget_leaves_room_for_the_answer(asked):
    assert asked("claude-sonnet-4-5", "low", lossy=True, cap=1024)[0] == {"thinking": None}


def thinking(model, effort, summary=False, max_tokens=10_000, forced=False):
    return thinking_for(claude_of(model), effort, Frame(max_tokens, forced), summary=summary)


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("claude-opus-5", "high", Thinking(ADAPTIVE, "high")),
        ("claude-opus-5", "xhigh", Thinking(ADAPTIVE, "xhigh")),
        ("claude-opus-5", "minimal", Thinking(ADAPTIVE, "low")),
        ("claude-opus-4-6", "xhigh", Thinking(ADAPTIVE, "high", exact=False)),
        ("claude-opus-5", 2000, Thinking(ADAPTIVE, exact=False)),
        ("claude-sonnet-4-5", 2000, Thinking({"type": "enabled", "budget_tokens": 2000})),
        ("claude-sonnet-4-5", 0, Thinking({"type": "enabled", "budget_tokens": 1024})),
        ("claude-sonnet-4-5", 99_999, Thinking({"type": "enabled", "budget_tokens": 9999})),
        ("claude-opus-5", "none", Thinking({"type": "disabled"})),
        ("claude-opus-5-5", "none", Thinking(effort="low", exact=False)),
        ("claude-opus-4-8", "none", Thinking()),
        ("claude-sonnet-4-5", "low", Thinking({"type": "enabled", "budget_tokens": 2000})),
        ("claude-sonnet-4-5", "minimal", Thinking({"type": "enabled", "budget_tokens": 1024})),
    ],
)
def test_efforts_are_said_as_each_generation_understands_them(model, effort, expected):
    assert thinking(model, effort) == expected


def test_thoughts_are_shown_where_they_are_asked_for():
    assert thinking("claude-opus-5", None, summary=True) == Thinking({"type": "adaptive", "display": "summarized"})
    assert thinking("claude-sonnet-4-5", None, summary=True) == Thinking(exact=False)


def test_a_budget_leaves_room_for_the_answer():
    none = thinking("claude-sonnet-4-5", "low", max_tokens=1024)
    assert (none.thinking, none.exact, none.why_not) == (
        *(None, False),
        "Thinking takes 1024 tokens and more of max_tokens.",
    )
    assert thinking("claude-sonnet-4-5", "low", max_tokens=1025).thinking == {"type": "enabled", "budget_tokens": 1024}


def test_who_must_call_a_tool_does_not_think_first():
    off = thinking("claude-opus-5", "high", forced=True)
    assert (off.thinking, off.exact) == ({"type": "disabled"}, False)
    assert off.why_not == "It does not think before a call that tool_choice demands."
    assert thinking("claude-opus-5", None, forced=True) == Thinking({"type": "disabled"})
