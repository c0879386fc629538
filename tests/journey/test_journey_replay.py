"""`fareway replay` over the ledger of a real gateway, and over entries that say one thing each."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import count

import pytest
from charges import entry
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from road import eventually, road, said

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.core.caller import Caller
from gateway.core.entry import Outcome, Shape
from gateway.core.limit import HoldMode, Limit, Mode, OnReached, Span, Then, Unit
from gateway.core.money import Money
from gateway.core.price import Price, Rates, Schedule
from gateway.core.rating import Rating
from gateway.core.request import Facts, Request
from gateway.core.usage import Usage
from gateway.journey.replay.budgets import Budgets
from gateway.journey.replay.deciding import CALLS_KEPT_MAX, Counted, Deciding, Unseen
from gateway.journey.replay.recalled import Recalled, heard
from gateway.journey.replay.standing import Standing
from gateway.journey.replay.timeline import Timeline
from gateway.journey.replay.warm import prefix_of
from gateway.journey.routing import Router
from gateway.journey.shape import request_of, shape_of
from gateway.journey.signals import Signals
from gateway.planning.elsewhere import Estimates
from gateway.planning.fates import Fate
from gateway.planning.replay import Tally
from gateway.plugins import load_policy
from gateway.prompt_cache.warmth import NOTHING, Warmth
from gateway.tokens.size import Size
from gateway.upstream.health import Health

pytestmark = pytest.mark.xdist_group("replay")

CONFIG = """
providers: {sim: {base_url: SIM_URL/v1}}
models:
  mixed: {deployments: [sim/sim-small, sim/sim-medium, sim/sim-large]}
routing: {policy: policies.cheapest}
"""
LIMITED = """
models:
  mixed: {deployments: [sim/sim-large, sim/sim-medium]}
  cheap: {deployments: [sim/sim-small]}
tiers: {economy: [cheap]}
limits:
  - {node: team:red, amount: 0.000001 usd, window: lifetime}
  - {node: team:blue, amount: 0.00007 usd, window: lifetime, on_reached: downgrade economy}
"""


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    """A ledger of two teams' conversations, with some calls that go straight to a dear model."""
    with road(tmp_path_factory.mktemp("replay"), CONFIG) as found:
        for team in ("red", "blue"):
            with found.client(found.key(f"--team={team}")) as client:
                for number in range(12):
                    session = {"x-fareway-session": f"{team}-{number % 5}"}
                    for model in ("mixed", "sim-large"):
                        answer = client.chat.completions.create(
                            model=model, messages=said(f"{team} {number}"), max_tokens=30, extra_headers=session
                        )
                        assert answer.usage
        found.rest()
        eventually(lambda: len(found.entries()) == 48)
        yield found


DEAR = ("--policy=policies.tiered", "--params=standard=0", "--params=premium=0")
"""The most expensive tier for every call."""


def replayed(way, *options):
    return json.loads(way.command("replay", *options, "--json"))


def test_the_same_configuration_changes_nothing(way):
    """Each decision is the same, and so is each cost: to the pico-dollar."""
    told = replayed(way)
    assert (told["calls"], told["decided_again"], told["moved"]) == (48, 48, 0)
    assert told["before_usd"] == told["after_usd"]
    assert told["change_usd"] == told["change_low_usd"] == told["change_high_usd"] == "0.00"
    spent = sum(Decimal(line["cost_picos"]) for line in way.entries()) / 10**12
    assert Decimal(told["before_usd"]) == spent


def test_another_policy_moves_calls(way):
    told = replayed(way, *DEAR)
    assert told["moved"] == 24
    assert {row["from"] for row in told["rows"]} == {"sim/sim-small"}
    assert Decimal(told["change_usd"]) > 0
    assert Decimal(told["before_usd"]) + Decimal(told["change_usd"]) == Decimal(told["after_usd"])
    assert {row["to"] for row in told["rows"]} == {"sim/sim-large"}
    assert any("as many tokens" in note for note in told["notes"])


def test_the_fastest_instead_of_the_cheapest(way):
    """Whoever that is: what was measured tells, and the sums hold."""
    told = replayed(way, "--policy=policies.fastest")
    assert told["decided_again"] == 48
    moved = sum(Decimal(row["change_usd"]) for row in told["rows"])
    assert moved == Decimal(told["change_usd"]) == Decimal(told["after_usd"]) - Decimal(told["before_usd"])
    assert sum(row["calls_after"] for row in told["deployments"]) == 48


def test_one_team_alone(way):
    told = replayed(way, *DEAR, "--team=red")
    assert (told["decided_again"], told["moved"]) == (24, 12)
    assert [row["team"] for row in told["teams"]] == ["red"]
    assert any("24 calls left as they were: of another team" in note for note in told["notes"])


def test_another_configuration(way, tmp_path):
    """Its limits are walked through: one refuses, one knows another way."""
    sim = "providers: {sim: {base_url: http://127.0.0.1:1/v1}}\n"
    (tmp_path / "new.yaml").write_text(sim + LIMITED)
    told = replayed(way, "--policy", str(tmp_path / "new.yaml"))
    limits = {(row["limit"], row["what"]): row["calls"] for row in told["limits"]}
    assert limits["team:red: usd/lifetime", "refused"] == 24
    assert limits["team:blue: usd/lifetime", "downgraded"] >= 1
    assert sum(limits.values()) == 48
    assert told["refused"] == 48 - told["decided_again"]
    assert [row["to"] for row in told["rows"]] == ["sim/sim-small"]
    text = way.command("replay", "--policy", str(tmp_path / "new.yaml"))
    assert "What is assumed, and not known:" in text
    assert "downgraded" in text


def test_what_cannot_be_replayed_is_told(way, tmp_path):
    assert "no calls in that time" in way.command("replay", "--since=2020-01-01", "--until=2020-02-01", status=3)
    assert "cannot be read" in way.command("replay", "--policy", str(tmp_path / "none.yaml"), status=1)
    (tmp_path / "wrong.yaml").write_text("limitz: []\n")
    assert "wrong.yaml:1" in way.command("replay", "--policy", str(tmp_path / "wrong.yaml"), status=1)
    assert "policies.cheapest" in way.command("replay", "--policy=policies.cheapst", status=2)
    for params in (
        ["--params=a=1"],
        ["--policy=policies.fastest", "--params=a"],
        ["--policy=policies.sla", "--params=first_token=9"],
    ):
        assert "--params" in way.command("replay", *params, status=2)
    assert "--params" in way.command("replay", "--policy=policies.weighted", "--params=a=[", status=2)
    (tmp_path / "new.yaml").write_text(LIMITED)
    whole = ["--policy", str(tmp_path / "new.yaml"), "--params=a=1"]
    assert "--params" in way.command("replay", *whole, status=2)


# Entries that say one thing each.

PROVIDER = Provider("p", "http://x", bills_after_abort=False)
RATES = {"dear": 1000, "cheap": 10}
_numbers = count(1)


class Book:
    """Two models have a price, the same for every class."""

    def price(self, provider, model, at, region=""):
        return Price(f"{model}@1", Schedule(Rates(*[RATES[model]] * 14))) if model in RATES else None

    def models(self, provider):
        return ()

    def output_max(self, provider, model):
        return None

    def context_window(self, provider, model):
        return None


def deciding(*limits, policy="policies.cheapest", params=None, fallback=2, provider=PROVIDER):
    timeline, book = Timeline(), Book()
    both = (Deployment(provider, "dear"), Deployment(provider, "cheap"))
    models = {"m": both, "unpriced": (Deployment(provider, "nameless"),)}
    names = Catalog({"p": provider}, lambda: book, timeline.clock, models, {}, {"economy": ("p/cheap",)})
    health = Health(failures_max=1, open_s=1000)
    plain = (load_policy(policy), params or {})
    router = Router(
        names,
        health,
        timeline.clock,
        policy=plain,
        auto=plain,
        fallback=fallback,
        calibration=Counted(),
        signals=Signals(warmth=Warmth()),
    )
    standing, budgets = Standing(timeline, health, router.outputs), Budgets(limits, timeline)
    return Deciding(router, standing, budgets, timeline, refuse_unpriced=True)


def made(model="dear", at=0.0, asked="m", **more):
    number = next(_numbers)
    usage = more.pop("usage", Usage(input=100, output=10))
    price = Book().price("p", model, 0.0)
    plain = {"usage": usage, "shape": Shape("openai-chat", 120, 10), "caller": Caller("k", team="t")}
    plain |= {"cost": price.of(usage)} if price else {}
    return entry(id=f"r{number}.1", request_id=f"r{number}", at=at, model=model, asked_model=asked, **plain | more)


def decided(entries, *limits, **more):
    return [again for again, _ in deciding(*limits, **more).replayed(entries, Estimates())]


def usd(nanos, node="team:t", **more):
    return Limit(node, Unit.USD, nanos, **{"span": Span.LIFETIME} | more)


def test_a_request_comes_back_but_for_its_words():
    facts = Facts(
        "m", stream=True, output_tokens_max=9, choices=2, needs=frozenset({"tools", "json"}), reasons=True, images=1,
        files=2, turns=3, service_tier="flex", session="s", provider="p", prompt="the words",
    )  # fmt: skip
    request = Request("r", "k", "gemini", facts, 77)
    one = entry(request_id="r", caller=Caller("k"), stream=True, session="s", shape=shape_of(request))
    assert request_of(one) == replace(request, facts=replace(facts, prompt=""), input_exact=True)
    assert "the words" not in str(one)


def test_a_call_goes_where_the_policy_sends_it():
    moved, stayed = decided([made(), made("cheap")])
    assert (moved.fate, moved.name, moved.price.id) == (Fate.MOVED, "p/cheap", "cheap@1")
    assert (stayed.fate, stayed.place) == (Fate.STAYED, None)


def test_what_was_tried_first_counts_as_where_it_went():
    """A fallback served it: had it been decided so again, the same would have happened."""
    (again,) = decided([made(attempts=("p/cheap: status 500",))])
    assert (again.fate, again.name, again.price) == (Fate.STAYED, "p/dear", None)


def test_a_deployment_that_failed_is_left_alone():
    """As the entries tell: its breaker is open for the calls after."""
    first, second = decided([made(attempts=("p/cheap: status 503",)), made(at=1.0)])
    assert (first.fate, second.fate) == (Fate.STAYED, Fate.STAYED)
    first, second = decided([made("cheap", outcome=Outcome.FAILED), made(at=1.0)])
    assert (first.fate, second.fate) == (Fate.STAYED, Fate.STAYED)
    first, second = decided([made(attempts=("p/cheap: status 400", "p/cheap: not sent")), made(at=1.0)])
    assert (first.fate, second.fate) == (Fate.STAYED, Fate.MOVED)


def test_further_attempts_follow_the_first():
    failed = made(outcome=Outcome.FAILED, usage=Usage(final=False))
    later = replace(made(at=2.0, attempts=("p/dear: lost",)), id=f"{failed.request_id}.2", request_id=failed.request_id)
    first, second = decided([failed, later])
    assert (first.fate, second.fate, second.goes_on) == (Fate.MOVED, Fate.MOVED, True)
    less = replace(failed, id=f"{failed.id}~1", outcome=Outcome.ADJUSTED, adjusts=failed.id)
    _, adjusted, third = decided([failed, less, later])
    assert (adjusted.fate, third.fate, third.goes_on) == (Fate.LEFT, Fate.MOVED, True)
    stayed = replace(failed, model="cheap")
    first, second = decided([stayed, replace(later, model="dear")])
    assert (first.fate, second.fate, second.price) == (Fate.STAYED, Fate.STAYED, None)


def test_attempts_that_nothing_follows_are_forgotten():
    one = deciding()
    list(one.replayed((made() for _ in range(CALLS_KEPT_MAX + 5)), Estimates()))
    assert len(one._lately) == CALLS_KEPT_MAX


def test_of_a_cascade_or_a_hedge_one_answer_is_enough_elsewhere():
    """The first that was an answer is what is counted there."""
    checked = made()
    better = replace(made(at=1.0, usage=Usage(input=100, output=50)), id=f"{checked.request_id}.2")
    better = replace(better, request_id=checked.request_id)
    estimates = Estimates()
    (_, first), (again, second) = deciding().replayed([checked, better], estimates)
    assert first.after == Money(110 * 10)
    assert (again.answered, second.before, second.after) == (True, Money(150 * 1000), Money(0))
    outrun = replace(checked, outcome=Outcome.OUTRUN)
    (_, first), (again, second) = deciding().replayed([outrun, better], estimates)
    assert (first.after, again.answered, second.after) == (Money(0), False, Money(150 * 10))
    stayed = replace(checked, model="cheap")
    (_, first), (again, second) = deciding().replayed([stayed, better], estimates)
    assert (again.answered, second.after) == (False, second.before)


@pytest.mark.parametrize(
    ("policy", "params", "more"),
    [("policies.cascade", {"to": "economy"}, "cascade"), ("policies.hedged", {"after": 800.0}, "hedge")],
)
def test_a_decision_for_more_than_one_answer_says_so(policy, params, more):
    (again,) = decided([made("cheap")], policy=policy, params=params)
    assert again.more == more


def test_what_is_no_call_of_ours_is_left():
    entries = [
        made(outcome=Outcome.CACHED), made(outcome=Outcome.PENDING), made(shape=Shape()), made(outcome=Outcome.ADJUSTED)
    ]  # fmt: skip
    assert [again.fate for again in decided(entries)] == [Fate.LEFT] * 4


def test_a_budget_is_spent_as_calls_would_have_cost():
    """Ten calls at the dear one would be too much; at the cheap one, of which each holds 1.3 nano-dollars, they fit."""
    limit = usd(20)
    assert {again.fate for again in decided([made(at=float(n)) for n in range(9)], limit)} == {Fate.MOVED}
    dear = decided([made(at=float(n), asked="p/dear") for n in range(9)], usd(150))
    assert Fate.REFUSED in {again.fate for again in dear}


def test_a_refusal_names_its_limit_and_spends_nothing():
    first, *others = decided([made(at=float(n)) for n in range(3)], usd(1))
    assert {again.fate for again in (first, *others)} == {Fate.REFUSED}
    assert (first.why, first.way) == ("team:t: usd/lifetime", "refuse")


def test_windows_begin_anew():
    limit = Limit("all", Unit.REQUESTS, 1, Span.MINUTE)
    fates = [again.fate for again in decided([made(at=at) for at in (0.0, 1.0, 60.0, 61.0, 120.0)], limit)]
    assert fates == [Fate.MOVED, Fate.REFUSED, Fate.MOVED, Fate.REFUSED, Fate.MOVED]


def test_windows_roll():
    limit = Limit("all", Unit.REQUESTS, 1, Span.ROLLING, rolling_s=60)
    fates = [again.fate for again in decided([made(at=at) for at in (0.0, 30.0, 62.0, 63.0)], limit)]
    assert fates == [Fate.MOVED, Fate.REFUSED, Fate.MOVED, Fate.REFUSED]


def test_what_runs_holds_its_place():
    limit = Limit("all", Unit.CONCURRENT, 1, Span.RUNNING)
    entries = [made(at=at, duration_ms=1500) for at in (0.0, 1.0, 2.0)]
    assert [again.fate for again in decided(entries, limit)] == [Fate.MOVED, Fate.REFUSED, Fate.MOVED]


def test_a_limit_on_a_place_sends_calls_to_the_next():
    (again,) = decided([made("cheap")], usd(1, node="model:cheap"))
    assert (again.fate, again.name) == (Fate.MOVED, "p/dear")
    (again,) = decided([made("cheap")], usd(1, node="model:cheap"), fallback=0)
    assert again.fate is Fate.REFUSED


def test_a_place_where_a_call_could_cost_too_much_is_passed_over(monkeypatch):
    """Where there is no other, that is why it is not served; a limit that kept it out elsewhere tells more."""
    monkeypatch.setitem(RATES, "dear", 10**18)
    (again,) = decided([made("cheap")], usd(1, node="model:cheap"))
    assert (again.fate, again.way) == (Fate.REFUSED, Then.REFUSE)
    monkeypatch.setitem(RATES, "cheap", 10**18)
    (again,) = decided([made("cheap")])
    assert (again.fate, "more than any call may" in again.why) == (Fate.UNSERVED, True)


@pytest.mark.parametrize("then", [Then.QUEUE, Then.FIT])
def test_what_would_wait_or_be_cut_is_made_all_the_same(then):
    (again,) = decided([made()], usd(1, on_reached=OnReached(then, wait_s=1.0)))
    assert (again.fate, again.way) == (Fate.MOVED, then)


def test_what_would_be_downgraded_goes_there():
    down = OnReached(Then.DOWNGRADE, tier="economy")
    dear = made(asked="p/dear")
    (again,) = decided([dear], usd(50, on_reached=down))
    assert (again.fate, again.name, again.way) == (Fate.MOVED, "p/cheap", "downgrade")
    assert [again.fate for again in decided([dear], usd(1, on_reached=down))] == [Fate.REFUSED]
    nobody = made(asked="p/dear", shape=Shape("gemini-embeddings", 10))
    assert [again.fate for again in decided([nobody], usd(1, on_reached=down))] == [Fate.UNSERVED]


def test_a_downgrade_needs_somebody_who_takes_the_call():
    """The tier speaks another dialect."""
    other = OnReached(Then.DOWNGRADE, tier="premium")
    (again,) = decided([made(asked="p/dear")], usd(1, on_reached=other))
    assert again.fate is Fate.UNSERVED


def test_lenient_limits_let_pass():
    assert decided([made()], usd(1, mode=Mode.SOFT))[0].fate is Fate.MOVED


def test_what_has_no_price_is_not_served_under_a_budget():
    one = made("nameless", asked="unpriced", cost=Money and made().cost)
    assert decided([one])[0].fate is Fate.STAYED
    (again,) = decided([one], usd(10**9))
    assert (again.fate, "price" in again.why) == (Fate.UNSERVED, True)


def test_a_strict_limit_holds_streams_in_full():
    long = made(stream=True, shape=Shape("openai-chat", 120, 5000))
    assert decided([long], usd(8000))[0].fate is Fate.MOVED
    strict = decided([long], usd(40, hold=HoldMode.STRICT))
    assert strict[0].fate is Fate.REFUSED


def test_what_callers_said_counts_from_then_on():
    """A policy that reads success is told it, by the kind of prompt that stands in the entry."""
    timeline, recalled = Timeline(), Recalled()
    ratings = [Rating(f"r{n}", 100.0, float(n % 2), "p", ("cheap", "dear")[n % 2], 7) for n in range(400)]
    learning = heard(recalled, ratings, timeline)
    one = made()
    both = [o.candidate for o in deciding()._router.options(request_of(one), Size(9), Unseen())]
    assert learning.predict(request_of(one), both) == {}
    timeline.go_to(100.0)
    recalled.see(replace(one, cluster=7))
    chances = learning.predict(request_of(one), both)
    assert chances["p/cheap"] < 0.1
    assert chances["p/dear"] > 0.9


def test_a_sticky_policy_knows_where_conversations_were():
    """By what stands in the entries alone: the conversation's name, and how long its prompts were."""
    usage = Usage(input=9000, output=10)
    entries = [made(at=float(n), session="s", usage=usage, duration_ms=100) for n in range(4)]
    router = deciding(policy="policies.sticky")
    fates = [(again.fate, again.name) for again, _ in router.replayed(entries, Estimates())]
    assert fates == [(Fate.MOVED, "p/cheap")] * 4
    warmth = router._router._signals.warmth
    assert warmth.stays("k", "s") == "p/cheap"
    assert warmth.outlook("p/cheap", prefix_of(entries[0]), 9000, 10.0).warm_tokens > 8000
    assert prefix_of(made()) == NOTHING


def test_other_dialects_are_carried():
    """Whether the body can be is not known: it is taken to be."""
    (again,) = decided([made(shape=Shape("anthropic-messages", 120, 10))])
    assert again.fate is Fate.MOVED


CALLS = st.lists(
    st.tuples(
        st.floats(0, 400),  # Seconds since the call before.
        st.sampled_from(["", "s1", "s2"]),
        st.builds(Usage, input=st.integers(0, 5000), cache_read=st.integers(0, 5000), output=st.integers(0, 500)),
        st.sampled_from([Outcome.OK, Outcome.HUNG_UP, Outcome.STOPPED]),
    ),
    max_size=30,
)


@given(CALLS, st.sampled_from(["policies.cheapest", "policies.weighted", "policies.tiered"]))
def test_what_the_same_configuration_decides_costs_the_same(calls, policy):
    """Whatever conversations read from caches, and however they are mixed."""
    at, plain = 0.0, []
    for wait_s, session, usage, outcome in calls:
        at += wait_s
        plain.append(made(at=at, session=session, usage=usage, outcome=outcome))
    went = [again.name.partition("/")[2] for again in decided(plain, policy=policy)]
    true = [
        replace(one, model=model, cost=Book().price("p", model, 0.0).of(one.usage))
        for one, model in zip(plain, went, strict=True)
    ]
    tally = Tally()
    for again, worth in deciding(policy=policy).replayed(true, Estimates()):
        assert again.fate is Fate.STAYED
        tally.add(again, worth)
    assert (tally.total.change, tally.lost, tally.won) == (Money(0), Money(0), Money(0))
