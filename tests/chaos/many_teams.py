"""Keys of several teams, whose names are nearly each other's."""

from __future__ import annotations

from types import SimpleNamespace

import harness
from api import Api

TEAMS = ("a", "A", "a.b", "a-b", "b")


def keys_of(gate: harness.Process, per_team: int = 2) -> list[tuple[str, str, str]]:
    """Some keys of each team: the team, the token and the id."""
    admin, made = Api.of(SimpleNamespace(gate=gate), gate.tokens[0]), []
    for team in TEAMS:
        admin.post("/teams", {"id": team})
        made += [(team, token, key["id"]) for key, token in (admin.key(team=team) for _ in range(per_team))]
    return made
