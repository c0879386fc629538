"""No tenant ever gets another's answer, whoever shares with whom."""

import random

import pytest

from gateway.cache.exact import fingerprint
from gateway.cache.scope import Scope, tenant
from gateway.core.caller import Caller
from gateway.core.request import Asked

PAIRS = 5_000  # tests/chaos tries more of them, and such that nearly meet.
NAMES = ["", "a", "b", "ab", "1:a", "key/1:a", "team", "/", "0:", "a/1:b"]


def test_of_many_random_pairs_none_crosses():
    """Two callers share a name only if they are the same on the whole chain of their scope; and then so do their
    questions, and no others."""
    chosen = random.Random(7)
    chains = {Scope.ORG: ("org",), Scope.TEAM: ("org", "team"), Scope.USER: ("org", "team", "user")}
    shared = 0
    for _ in range(PAIRS):
        scope = chosen.choice(list(Scope))
        one, other = (Caller(*(chosen.choice(NAMES) for _ in range(4))) for _ in range(2))
        spaces = chosen.choice(NAMES), chosen.choice(NAMES)
        ours, theirs = tenant(scope, one, spaces[0]), tenant(scope, other, spaces[1])
        levels = chains.get(scope, ())
        has = [bool(levels) and bool(getattr(caller, scope)) for caller in (one, other)]
        if has[0] != has[1]:
            same = False
        elif has[0]:
            same = all(getattr(one, level) == getattr(other, level) for level in levels)
        else:
            same = one.key_id == other.key_id
        same = same and spaces[0] == spaces[1]
        assert (ours == theirs) is same, (scope, one, other, spaces)
        asked = Asked(b"{}")
        assert (fingerprint(ours, "d", asked) == fingerprint(theirs, "d", asked)) is same
        shared += same
    assert shared > 20, "else nothing was tried"


@pytest.mark.parametrize("scope", Scope)
def test_who_belongs_to_nobody_shares_with_nobody(scope):
    assert tenant(scope, Caller("k1")) != tenant(scope, Caller("k2"))


def test_different_scopes_never_meet():
    """What the configuration said before counts no more."""
    caller = Caller("x", "x", "x", "x")
    assert len({tenant(scope, caller) for scope in Scope}) == len(Scope)
