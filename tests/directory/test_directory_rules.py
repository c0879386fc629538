"""Which limits count, and what a new one would stand in the place of."""

import pytest

from gateway.core.caller import Caller, Role
from gateway.core.limit import Limit, Mode, Span, Unit
from gateway.core.node import Place
from gateway.core.tenant import Rule
from gateway.directory.rules import beneath, in_force
from gateway.limits.rules import Rules

CALLER, PLACE = Caller(key_id="k", user="bob"), Place("openai", "premium", "gpt-5")


def usd(node, amount, **more):
    return Limit(node, Unit.USD, amount, Span.MONTH, **more)


def of_admin(node, amount, **more):
    return Rule(usd(node, amount, **more))


def of_team(node, amount, **more):
    return Rule(usd(node, amount, **more), Role.TEAM_ADMIN)


@pytest.mark.parametrize(
    ("configured", "stored", "amount"),
    [
        ([usd("key:k", 50)], [of_admin("key:k", 60)], 60),
        ([usd("key:k", 50)], [of_team("key:k", 40)], 40),
        ([usd("key:k", 30)], [of_team("key:k", 40)], 30),
        ([usd("key:*", 30)], [of_team("key:k", 40)], 30),
        ([usd("key:*", 90)], [of_admin("key:*", 30), of_team("key:k", 40)], 30),
        ([usd("key:*", 30)], [of_admin("key:k", 90), of_team("key:*", 20)], 90),
        ([usd("key:*", 30, mode=Mode.SHADOW)], [of_team("key:k", 20)], 20),
    ],
)
def test_a_teams_admins_limit_never_allows_more_than_what_others_say_now(configured, stored, amount):
    ((_, limit),) = Rules(in_force(configured, stored)).over(CALLER)
    assert limit.amount == amount


def test_each_limit_is_in_force_once():
    found = in_force([usd("key:*", 50), usd("all", 9)], [of_team("key:*", 40), of_admin("all", 8)])
    assert [(limit.id, limit.amount) for limit in found] == [("key:*/usd/month", 40), ("all/usd/month", 8)]


@pytest.mark.parametrize(
    ("node", "given", "found"),
    [
        ("key:k model:*", [usd("key:* model:gpt-5", 10)], [10]),
        ("user:bob provider:*", [usd("user:* provider:openai", 10)], [10]),
        ("user:bob provider:* model:*", [usd("user:* provider:openai model:*", 10)], [10]),
        ("key:k model:*", [usd("key:k model:gpt-5", 10)], []),  # It goes on ruling there.
        ("key:k", [usd("key:k", 10), usd("key:*", 5)], [10]),  # What the narrower one allows it may allow, too.
        ("key:k", [usd("key:j", 10), usd("user:*", 10), usd("key:* model:*", 10)], []),
    ],
)
def test_a_limit_stands_in_the_place_of_all_that_it_would_take_a_node_from(node, given, found):
    assert [limit.amount for limit in beneath(usd(node, 10**6), given, [of_team(node, 1)])] == found


def test_a_limit_for_every_model_of_a_key_lifts_none_of_one_model():
    limits = in_force([usd("key:* model:gpt-5", 10)], [of_team("key:k model:*", 10**6)])
    assert [limit.amount for _, limit in Rules(limits).over(CALLER, PLACE)] == [10]
