"""Whose answers are shared: every question belongs to one tenant, and no other tenant's is ever found by it. Pure."""

from __future__ import annotations

from enum import StrEnum

from gateway.core.caller import Caller


class Scope(StrEnum):
    """Who gets an answer that was bought before."""

    KEY = "key"  # Nobody but the key that bought it.
    USER = "user"
    TEAM = "team"
    ORG = "org"


_CHAINS = {Scope.ORG: ("org",), Scope.TEAM: ("org", "team"), Scope.USER: ("org", "team", "user")}


def tenant(scope: Scope, caller: Caller, namespace: str = "") -> str:
    """The name of whoever shares answers with this caller. One that belongs to no such user, team or org shares with
    nobody. What the caller calls a namespace divides its own tenant, and never leads out of it.

    Lengths stand before names, so that no two can run together, whatever names there are.
    """
    chain = _CHAINS.get(scope)
    if chain is None or not getattr(caller, scope):
        scope, names = Scope.KEY, [caller.key_id]
    else:
        names = [getattr(caller, level) for level in chain]
    return f"{scope}/" + "/".join(f"{len(name)}:{name}" for name in [*names, namespace])
