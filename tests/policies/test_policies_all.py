"""What holds for every policy, driven with random candidates; and what each one promises of its own."""

from collections import Counter
from pathlib import Path

import pytest
from candidates import asked, decided, made, order
from hypothesis import given, settings
from hypothesis import strategies as st

import policies
from gateway.core.errors import Unavailable
from gateway.core.money import Money
from gateway.core.request import Facts, Request
from gateway.core.route import TIERS, Candidate, Context
from gateway.plugins import load_policy
from policies.parts import coin, usable
from policies.tiered import points

PARTS = {"__init__", "params", "parts"}
NAMES = sorted(p.stem for p in Path(policies.__file__).parent.glob("*.py") if p.stem not in PARTS)
POLICIES = {name: load_policy(f"policies.{name}").choose for name in NAMES}

costs = st.none() | st.integers(0, 1000).map(Money)


@st.composite
def fields(draw):
    return tuple(
        Candidate(
            name=f"p/{i}",
            provider="p",
            model=str(i),
            tier=draw(st.sampled_from(TIERS)),
            selfhosted=draw(st.booleans()),
            cost_likely=(likely := draw(costs)),
            cost_worst=None if likely is None else likely + Money(draw(st.integers(0, 1000))),
            weight=draw(st.integers(0, 5)),
            error_rate=draw(st.floats(0, 1)),
            first_token_ms=draw(st.none() | st.floats(0, 5000)),
            in_flight=draw(st.integers(0, 9)),
            working=draw(st.booleans()),
            success=draw(st.none() | st.floats(0, 1)),
            warm_tokens=draw(st.integers(0, 100_000)),
            wait_ms=draw(st.floats(0, 60_000)),
            first_token_p95_ms=draw(st.none() | st.floats(0, 60_000)),
            cost_warm=draw(costs),
            cost_loaded=draw(costs),
            prefill_ms=draw(st.none() | st.floats(0, 60_000)),
            waiting=draw(st.integers(0, 99)),
            cache_used=draw(st.none() | st.floats(0, 1)),
        )
        for i in range(draw(st.integers(1, 6)))
    )


@st.composite
def requests(draw):
    prompt = draw(st.sampled_from(["hi", "prove it", "```x```", "def f(", "SELECT a FROM b", ""]))
    needs = draw(st.frozensets(st.sampled_from(["tools", "vision", "json"])))
    session = draw(st.none() | st.text("abc123", min_size=1))
    facts = Facts(model="auto", prompt=prompt, needs=needs, turns=draw(st.integers(1, 60)), session=session)
    return Request(draw(st.text("abc123", min_size=1)), "k", "openai-chat", facts, draw(st.integers(0, 100_000)))


contexts = st.builds(
    Context,
    remaining=st.none() | st.integers(0, 2000).map(Money),
    stays=st.sampled_from(["", "p/0", "p/1", "elsewhere"]),
    burn=st.none() | st.floats(0, 20),
)


def affordable(candidate, context):
    return context.remaining is None or (candidate.cost_worst or Money(0)) <= context.remaining


def test_every_policy_of_the_folder_is_driven():
    assert {"cheapest", "fastest", "weighted", "tiered"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=200)
@given(request=requests(), candidates=fields(), context=contexts)
def test_a_plan_is_some_of_the_working_candidates_once_each_with_a_reason(name, request, candidates, context):
    """And where any can be paid for, none that cannot stands before it; if none works, it says so."""
    policy = POLICIES[name]
    if not any(c.working for c in candidates):
        with pytest.raises(Unavailable):
            policy(request, candidates, context)
        return
    decision = policy(request, candidates, context)
    assert decision.plan
    assert set(map(id, decision.plan)) <= set(map(id, candidates))
    assert len({c.name for c in decision.plan}) == len(decision.plan)
    assert all(c.working for c in decision.plan)
    ranks = [affordable(c, context) for c in decision.plan]
    assert ranks == sorted(ranks, reverse=True)
    if any(affordable(c, context) for c in candidates if c.working):
        assert ranks[0]
    assert decision.plan[0].name in decision.reason


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=100)
@given(request=requests(), candidates=fields(), context=contexts, data=st.data())
def test_a_decision_depends_on_nothing_but_its_arguments(name, request, candidates, context, data):
    """Twice the same, and the same in whatever order the candidates come."""
    if not any(c.working for c in candidates):
        return
    policy = POLICIES[name]
    decision = policy(request, candidates, context)
    assert policy(request, candidates, context) == decision
    shuffled = tuple(data.draw(st.permutations(candidates)))
    assert policy(request, shuffled, context).plan == decision.plan


def test_the_cheapest_goes_first_and_an_unknown_price_last():
    field = [made("dear", cost_likely=Money(9)), made("unknown", cost_likely=None), made("free", cost_likely=Money(0))]
    assert order("cheapest", field) == ["free", "dear", "unknown"]


def test_among_equally_cheap_the_quicker_goes_first():
    assert order("cheapest", [made("slow", first_token_ms=90.0), made("quick", first_token_ms=10.0)]) == [
        "quick",
        "slow",
    ]


def test_a_conversation_stays_where_it_is_among_the_equally_cheap():
    """Whatever the order and the figures of the moment; and if its place goes, only it moves."""
    field = [made(name, first_token_ms=float(i)) for i, name in enumerate("abcd")]
    later = [made(name, first_token_ms=9.0 - i) for i, name in enumerate("dcba")]
    firsts = {}
    for number in range(40):
        talk = Request(f"r{number}", "k", "openai-chat", Facts("auto", session=f"talk {number}"), 1)
        again = Request(f"another{number}", "k", "openai-chat", Facts("auto", session=f"talk {number}"), 1)
        firsts[number], *others = order("cheapest", field, talk)
        assert [firsts[number], *others] == order("cheapest", later, again)
        assert order("cheapest", [c for c in field if c.name != firsts[number]], again) == others
    assert set(firsts.values()) == set("abcd")


def test_a_conversation_draws_the_same_every_time():
    field = [made("a"), made("b")]
    talks = [Facts("auto", session=f"talk {number}") for number in range(40)]
    drawn = [
        {tuple(order("weighted", field, Request(f"r{i}", "k", "d", facts, 1))) for i in range(3)} for facts in talks
    ]
    assert all(len(plans) == 1 for plans in drawn)
    assert len(set().union(*drawn)) == 2


def test_an_unknown_price_is_said_and_not_shown_as_a_number():
    assert "an unknown price" in decided("cheapest", [made("a", cost_likely=None)]).reason
    assert "$0.000000000001" in decided("cheapest", [made("a")]).reason


def test_weights_are_followed_over_many_requests():
    """3 : 1 within three percent of 8,000 draws, and the second place of three follows the weights left."""
    field = [made("a", weight=3), made("b", weight=1), made("c", weight=0)]
    plans = [order("weighted", field, asked(f"r{i}")) for i in range(8000)]
    first = Counter(plan[0] for plan in plans)
    assert abs(first["a"] / 8000 - 0.75) < 0.03
    assert first["c"] == 0
    assert all(plan[-1] == "c" for plan in plans)


def test_three_weights_are_drawn_without_replacement():
    field = [made("a", weight=2), made("b", weight=1), made("c", weight=1)]
    plans = [order("weighted", field, asked(f"r{i}")) for i in range(8000)]
    first = Counter(plan[0] for plan in plans)
    assert abs(first["a"] / 8000 - 0.5) < 0.03
    assert abs(first["b"] / 8000 - 0.25) < 0.03
    after_a = Counter(plan[1] for plan in plans if plan[0] == "a")
    assert abs(after_a["b"] / first["a"] - 0.5) < 0.03


def test_with_weights_of_zero_only_there_is_still_a_plan():
    assert sorted(order("weighted", [made("a", weight=0), made("b", weight=0)])) == ["a", "b"]


@given(st.text())
def test_a_coin_is_a_number_from_zero_to_one_and_always_the_same(text):
    assert 0 <= coin(text) < 1
    assert coin(text) == coin(text)


def test_coins_are_spread_evenly():
    tenths = Counter(int(coin(f"r{i}") * 10) for i in range(10_000))
    assert all(abs(n - 1000) < 150 for n in tenths.values())
    assert len(tenths) == 10


LADDER = [made("top", tier="premium"), made("mid", tier="standard"), made("low", tier="economy")]


@pytest.mark.parametrize(
    ("prompt", "plan"),
    [
        ("hello", ["low", "mid", "top"]),
        ("please prove this", ["mid", "top", "low"]),
        ("prove this: def f(x)", ["top", "mid", "low"]),
    ],
)
def test_a_harder_prompt_starts_higher_then_goes_up_and_down_only_last(prompt, plan):
    assert order("tiered", LADDER, asked(prompt=prompt)) == plan


@pytest.mark.parametrize(
    ("score", "standard", "premium", "first"),
    [(2, 2, 4, "mid"), (2, 3, 4, "low"), (2, 1, 2, "top"), (2, 2, 3, "mid"), (2, 0, 9, "mid")],
)
def test_a_threshold_is_reached_at_its_value(score, standard, premium, first):
    request = asked(prompt="prove it")
    assert points(request)[0] == score
    assert order("tiered", LADDER, request, params={"standard": standard, "premium": premium})[0] == first


def test_in_one_tier_the_cheapest_goes_first():
    field = [made("b", cost_likely=Money(5)), made("a", cost_likely=Money(7)), made("c", cost_likely=None)]
    assert order("tiered", field, asked(prompt="prove it")) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ({"tokens": 8_000}, ()),
        ({"tokens": 8_001}, ("long",)),
        ({"tokens": 40_001}, ("long", "very long")),
        ({"turns": 8}, ()),
        ({"turns": 9}, ("many turns",)),
        ({"needs": frozenset({"tools", "json", "vision"})}, ("tools", "structured output", "images")),
        ({"prompt": "proved and improved"}, ()),
        ({"prompt": "Optimise the trade-off"}, ("hard words",)),
        ({"prompt": "x = 1;\ny"}, ("code",)),
    ],
)
def test_each_sign_of_difficulty_counts_once_and_is_named(more, seen):
    score, found = points(asked(**more))
    assert found == seen
    assert score == sum(2 if sign in ("code", "hard words") else 1 for sign in seen)


def test_a_prompt_made_to_be_slow_is_not():
    """The head of a prompt is 2,000 characters; no rule may take long over any of them."""
    import time

    began = time.process_time()
    for prompt in ("SELECT " * 285, "{" + " " * 1999, "class " * 333, "step " * 400, "; \n" * 666):
        points(asked(prompt=prompt))
    assert time.process_time() - began < 0.5


def test_if_nothing_can_be_paid_for_all_that_work_are_usable():
    """The limit's own refusal then has the figures."""
    field = (made("a", cost_worst=Money(50)), made("b", cost_worst=Money(60), working=False))
    assert usable(field, Money(10)) == (field[0],)
    assert usable(field, None) == (field[0],)


def test_a_tier_that_is_not_to_be_had_is_said():
    assert decided("tiered", LADDER).reason == "economy, for a prompt with 0 points (no sign of difficulty): low"
    assert decided("tiered", LADDER[:1]).reason.startswith("premium for want of economy, for a prompt with 0 points")
