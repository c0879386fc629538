"""Which limits are in force: those of the configuration, and those that were set while the gateway ran. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.core.caller import Role
from gateway.core.limit import Limit, Tightening
from gateway.core.node import breadth, meeting
from gateway.core.tenant import Rule
from gateway.limits.rules import Rules


def in_force(configured: Iterable[Limit], stored: Iterable[Rule]) -> tuple[Limit, ...]:
    """All of them. One that was set stands in the place of the configuration's for the same node, unit and window; a
    team's admin's lowers the amount of what others have set."""
    rules = tuple(stored)
    given = {limit.id: limit for limit in (*configured, *(rule.limit for rule in rules if not _of_team(rule)))}
    tightening = [Tightening.of(rule.limit) for rule in rules if _of_team(rule)]
    return tuple((given | {limit.id: limit.within(given.get(limit.id)) for limit in tightening}).values())


def beneath(limit: Limit, configured: Iterable[Limit], stored: Iterable[Rule]) -> list[Limit]:
    """What others than teams' admins have set and this limit would stand in the place of, at any node."""
    given = in_force(configured, (rule for rule in stored if not _of_team(rule)))
    rules, counts = Rules(given), limit.counts
    met = {meeting(limit.node, other.node) for other in given if other.counts == counts}
    ruling = (rules.at(node)[node, counts] for node in sorted(filter(None, met)))
    return [other for other in ruling if breadth(other.node) >= breadth(limit.node)]


def _of_team(rule: Rule) -> bool:
    return rule.by is Role.TEAM_ADMIN
