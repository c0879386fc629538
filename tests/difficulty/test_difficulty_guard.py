"""A router that is worth nothing is switched off, one that is worth something stays, and calls are dealt fairly."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.money import Money
from gateway.core.rating import Arm, Rating
from gateway.core.request import Facts, Request
from gateway.core.route import Candidate, Decision
from gateway.difficulty import guard as module
from gateway.difficulty.comparison import EACH_MIN, Sample, difference
from gateway.difficulty.guard import ALPHA, Guard, Terms, judged

WORTH = 0.02
SEEDS = 60


def candidate(name, tier="standard", likely=10, **more):
    provider, _, model = name.partition("/")
    cost = None if likely is None else Money(likely)
    return Candidate(name, provider, model, tier, False, cost, cost, **more)


LARGE, SMALL = candidate("a/large", "premium", 100), candidate("a/small", "economy", 5)
BOTH = (SMALL, LARGE)
ROUTED = Decision((SMALL, LARGE), "small will do")


def asked(name):
    return Request(name, "k", "openai-chat", Facts("auto"), input_tokens=9)


def rated(score, model, arm=Arm.NONE, dollars="0.001", cluster=0):
    return Rating("r", 1.0, score, "a", model, cluster, arm, None if dollars is None else Money.usd(dollars))


class World:
    """Prompts are easy or hard. The large model answers all; the small one the easy ones."""

    def __init__(self, seed, route):
        self.random = random.Random(seed)
        self.route = route  # The model for a prompt that is hard or not.
        self.guard = Guard(Terms(0.2, WORTH, "large"))

    def live(self, calls):
        """So many calls, each of them rated. What was on after each."""
        on = []
        for number in range(calls):
            hard = self.random.random() < 0.5
            model = self.route(hard, self.random)
            _, arm = self.guard.ruled(asked(f"{self.random.random()}-{number}"), BOTH, ROUTED, None)
            if arm is Arm.HELD_BACK:
                model = "small" if self.guard.fixed == "small" else "large"
            good = self.random.random() < (0.9 if model == "large" or not hard else 0.2)
            cost = "0.0040" if model == "large" else "0.0002"
            self.guard.hear(rated(float(good), model, arm, cost, cluster=int(hard)))
            on.append(self.guard.on)
        return on


def good_router(hard, _):
    return "large" if hard else "small"


def useless_router(_, dice):
    return "large" if dice.random() < 0.5 else "small"  # The same mix, for no reason.


def backward_router(hard, _):
    return "small" if hard else "large"


def test_a_good_router_stays_on():
    stayed = [all(World(seed, good_router).live(4000)) for seed in range(SEEDS)]
    assert sum(stayed) >= 0.95 * SEEDS


@pytest.mark.parametrize("router", [useless_router, backward_router])
def test_a_useless_router_is_switched_off(router):
    off = [not World(seed, router).live(4000)[-1] for seed in range(SEEDS)]
    assert sum(off) >= 0.95 * SEEDS


def test_a_router_that_has_become_good_is_switched_on_again():
    back = []
    for seed in range(20):
        world = World(seed, backward_router)
        assert world.live(3000)[-1] is False
        world.route = good_router
        back.append(world.live(6000)[-1])
    assert sum(back) >= 19


def test_looking_all_the_time_is_wrong_no_oftener_than_promised():
    """Both sides are worth the same: any verdict is a mistake."""
    wrong = 0
    for seed in range(300):
        dice, sides = random.Random(seed), (Sample(1), Sample(1))
        for _ in range(1500):
            sides[dice.random() < 0.1].add(float(dice.random() < 0.7))
            found = difference(*sides, ALPHA)
            if found is not None and (found.low > 0 or found.high < 0):
                wrong += 1
                break
    assert wrong <= 300 * ALPHA


def test_a_router_that_is_not_seen_to_be_better_is_switched_off_in_the_end(monkeypatch):
    monkeypatch.setattr(module, "COMPARED_MAX", 200)
    guard = Guard(Terms(0.5, WORTH, "large"))
    for number in range(200):
        assert guard.on
        guard.hear(rated(1.0, "large", Arm.ROUTED if number % 2 else Arm.HELD_BACK))
    assert not guard.on
    assert guard.comparisons == 1
    assert "router off" in guard.ruled(asked("r"), BOTH, ROUTED, None)[0].reason


def test_nothing_is_said_before_enough_is_known():
    guard = Guard(Terms(0.1, WORTH, "large"))
    for _ in range(EACH_MIN - 1):
        guard.hear(rated(0.0, "small", Arm.ROUTED))
        guard.hear(rated(1.0, "large", Arm.HELD_BACK))
    assert guard.on
    assert guard.interval is None
    assert "29 of 30 ratings against large" in guard.ruled(asked("r"), BOTH, ROUTED, None)[0].reason


def test_what_is_of_no_use_to_the_comparison_is_left_out():
    guard = Guard(Terms(0.1, WORTH, "large"))
    guard.hear(rated(1.0, "large", Arm.HELD_BACK, dollars=None))  # Nobody knows what it cost.
    guard.hear(rated(1.0, "medium", Arm.HELD_BACK))  # Of an earlier comparison.
    guard.hear(rated(1.0, "large"))  # Somebody asked for it.
    assert guard.held_back.count == guard.routed.count == 0
    named = Guard(Terms(0.1, WORTH, "a/large"))
    named.hear(rated(1.0, "large", Arm.HELD_BACK))
    assert named.held_back.count == 1


@given(st.text(min_size=1, max_size=9))
def test_the_same_request_is_always_on_the_same_side(name):
    one, other = (Guard(Terms(0.5)).ruled(asked(name), BOTH, ROUTED, None) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("on", [True, False])
def test_the_shares_are_those_that_were_asked_for(on):
    guard = Guard(Terms(0.05))
    guard.on = on
    sides = [guard.ruled(asked(f"req_{n:08x}"), BOTH, ROUTED, None)[1] for n in range(20_000)]
    rare = sides.count(Arm.HELD_BACK if on else Arm.ROUTED) / len(sides)
    assert rare == pytest.approx(0.05, abs=0.01)
    assert Arm.NONE not in sides


def ruled(guard, candidates=BOTH, decision=ROUTED, remaining=None):
    return guard.ruled(asked("r"), candidates, decision, remaining)


def test_a_routed_call_goes_where_the_policy_says_and_a_held_back_one_to_the_fixed_model():
    routed, arm = ruled(Guard(Terms(0.0)))
    assert (routed.plan, arm) == (ROUTED.plan, Arm.ROUTED)
    assert routed.reason.startswith("small will do; router on")
    held, arm = ruled(Guard(Terms(1.0)))
    assert (held.plan, arm) == ((LARGE, SMALL), Arm.HELD_BACK)
    assert held.reason.startswith("held back to compare: a/large; router on")


def test_switched_off_the_fixed_model_gets_all_but_a_few():
    guard = Guard(Terms(0.0, WORTH, "small"))
    guard.on = False
    decision, arm = ruled(guard, decision=Decision((LARGE,), "large is better"))
    assert (decision.plan, arm) == ((SMALL, LARGE), Arm.HELD_BACK)
    assert decision.reason.startswith("the best fixed model: a/small")


def test_without_a_choice_nothing_is_compared():
    guard = Guard(Terms(1.0))
    for candidates in [
        (SMALL, candidate("b/small")),  # One model.
        (SMALL, candidate("a/large", "premium", 100, working=False)),
    ]:
        assert ruled(guard, candidates) == (ROUTED, Arm.NONE)
    assert ruled(guard, remaining=Money(50)) == (ROUTED, Arm.NONE), "the fixed model cannot be paid for"
    assert ruled(Guard(Terms(1.0, WORTH, "medium"))) == (ROUTED, Arm.NONE), "it is not among those that may be asked"


def test_of_the_best_tier_the_cheapest_is_taken_and_an_unpriced_one_last():
    cheap, unpriced = candidate("b/large-2", "premium", 90), candidate("b/large-0", "premium", None)
    assert ruled(Guard(Terms(1.0)), (*BOTH, unpriced, cheap))[0].plan[0] == cheap
    assert ruled(Guard(Terms(1.0)), (SMALL, unpriced))[0].plan[0] == unpriced
    assert ruled(Guard(Terms(1.0)), (SMALL, unpriced), remaining=Money(1)) == (ROUTED, Arm.NONE)


def test_an_easy_life_makes_no_model_look_good():
    """The small model has easy prompts only, the large one hard ones, and is better at either."""
    values = module.Values()
    for _ in range(EACH_MIN):
        values.add(rated(0, "small", cluster=0), 0.7)
        values.add(rated(0, "large", cluster=1), 0.6)
        values.add(rated(0, "large", cluster=0), 0.9)
        values.add(rated(0, "small", cluster=1), 0.1)
    for _ in range(9 * EACH_MIN):
        values.add(rated(0, "small", cluster=0), 0.7)
        values.add(rated(0, "large", cluster=1), 0.6)
    values.add(rated(0, "seen-once"), 1.0)
    assert values.best() == "large"
    assert module.Values().best() == ""


@given(
    st.lists(st.tuples(st.sampled_from(["small", "large"]), st.sampled_from(list(Arm)), st.floats(0, 1)), max_size=99)
)
@settings(max_examples=50)
def test_whoever_hears_the_same_says_the_same(told):
    one, other = Guard(Terms(0.2)), Guard(Terms(0.2))
    for guard in (one, other):
        for model, arm, score in told:
            guard.hear(rated(score, model, arm))
    assert ruled(one) == ruled(other)


def test_a_verdict_outlives_the_ratings_that_it_came_from():
    """Only the newest ratings are read: that the policy was off shows in what was held back since."""
    terms, rare = Terms(0.05, WORTH), Arm.ROUTED
    since = [rated(0.8, "large", Arm.HELD_BACK) for _ in range(95)] + [rated(0.8, "small", rare) for _ in range(5)]
    guard = judged(terms, since)
    assert (guard.on, guard.fixed, guard.held_back.count) == (False, "large", 95)
    on = [rated(0.8, "small", Arm.ROUTED) for _ in range(95)] + [rated(0.8, "large", Arm.HELD_BACK) for _ in range(5)]
    assert judged(terms, on).on
    assert judged(terms, since[:10]).on, "a few of them say nothing"
    assert judged(terms, [rated(1, "small")] * 200).on, "nor do those that were not compared"
    assert judged(terms, []).on
