"""Which limits are in force: those of the configuration, and those that were set while the gateway ran. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.core.limit import Limit
from gateway.core.tenant import Rule
from gateway.limits.rules import Rules


def in_force(configured: Iterable[Limit], stored: Iterable[Limit]) -> tuple[Limit, ...]:
    """All of them. One that was set stands in the place of the configuration's for the same node, unit and window."""
    rules = {limit.id: limit for limit in configured}
    return tuple((rules | {limit.id: limit for limit in stored}).values())


def beneath(limit: Limit, configured: Iterable[Limit], stored: Mapping[str, Rule]) -> Limit | None:
    """What would rule the node of this limit without it: the configuration's, or a wider one."""
    others = in_force(configured, (rule.limit for name, rule in stored.items() if name != limit.id))
    return Rules(others).at(limit.node).get((limit.node, limit.counts))
