"""Engines of ours beside an API, under every policy: ours first while there is room, the API when they are crowded."""

import pytest
from candidates import asked, made, order
from test_policies_all import NAMES

from gateway.core.money import Money
from policies.affinity import PATIENCE_MS

BLIND = {"weighted"}
"""These look neither at money nor at waiting, and say so."""
SEEING = sorted(set(NAMES) - BLIND)


def api():
    cost = Money(1_000)
    waits = {"first_token_ms": 400.0, "first_token_p95_ms": 800.0, "success": 0.9}
    return made("api", cost_likely=cost, cost_worst=Money(3_000), cost_warm=cost, **waits)


def own(name="own@a:8000/m", *, wait_ms=0.0, picos=0):
    """What a call adds to the bill there rises with the wait; so does the time to its first token."""
    first = 100.0 + wait_ms
    told = {"cost_likely": Money(picos), "cost_warm": Money(picos), "cost_loaded": Money(200), "wait_ms": wait_ms}
    waits = {"first_token_ms": first, "first_token_p95_ms": 2 * first, "prefill_ms": 60.0, "success": 0.9}
    return made(name, cost_worst=Money(5_000), selfhosted=True, backend="a:8000", **told, **waits)


@pytest.mark.parametrize("policy", SEEING)
def test_an_engine_of_ours_takes_the_call_while_it_has_room(policy):
    assert order(policy, [api(), own(wait_ms=5, picos=15)])[0] == "own@a:8000/m"


@pytest.mark.parametrize("policy", SEEING)
def test_an_api_takes_it_where_ours_are_crowded(policy):
    crowded = [own("own@a:8000/m", wait_ms=600, picos=2_000), own("own@b:8000/m", wait_ms=900, picos=3_000)]
    assert order(policy, [*crowded, api()])[0] == "api"


@pytest.mark.parametrize("policy", SEEING)
def test_of_two_engines_the_one_with_less_before_it_takes_the_call(policy):
    two = [own("own@a:8000/m", wait_ms=90, picos=300), own("own@b:8000/m", wait_ms=10, picos=30)]
    assert order(policy, two)[0] == "own@b:8000/m"


def test_affinity_lets_nobody_wait_for_longer_than_its_patience_whatever_the_api_costs():
    long = own(wait_ms=PATIENCE_MS + 1, picos=10)
    assert order("affinity", [long, api()])[0] == "api"
    assert order("affinity", [long, api()], params={"patience": 60_000.0})[0] == "own@a:8000/m"
    assert order("affinity", [long]) == ["own@a:8000/m"]


def test_affinity_goes_by_waiting_alone_where_no_machine_says_what_a_call_adds():
    unpriced = made("gpu/m", cost_likely=Money(9_999), selfhosted=True, wait_ms=100.0, prefill_ms=10.0)
    assert order("affinity", [unpriced, api()])[0] == "gpu/m"


def test_a_conversation_stays_at_an_engine_of_ours_until_it_is_dearer_than_leaving():
    request = asked(session="s", turns=9)
    stays = {"stays": "own@a:8000/m"}
    assert order("sticky", [own(wait_ms=50, picos=160), api()], request, **stays)[0] == "own@a:8000/m"
    assert order("sticky", [own(wait_ms=600, picos=2_000), api()], request, **stays)[0] == "api"


@pytest.mark.parametrize("policy", sorted(BLIND))
def test_a_policy_that_does_not_look_sends_calls_to_both(policy):
    names = {order(policy, [own(wait_ms=900, picos=9_000), api()], asked(f"r{n}"))[0] for n in range(50)}
    assert names == {"own@a:8000/m", "api"}
