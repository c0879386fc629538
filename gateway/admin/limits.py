"""Limits: those of the configuration, which stay as they are, and those that are set while the gateway runs."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from gateway.admin import bodies as b
from gateway.admin import documents as d
from gateway.admin.site import CHANGING, READING, Call, Route, Site, page
from gateway.admin.spending import caller_at
from gateway.config.limit import WHERE, limit_of
from gateway.config.problems import ConfigError
from gateway.core.errors import BadRequest, Conflict, NotFound
from gateway.core.limit import Limit
from gateway.core.node import placed
from gateway.core.tenant import Rule
from gateway.directory.rules import in_force
from gateway.front.own_key import LimitState, figure, state

LimitList = d.page_of(d.Limit)
LimitBody = dict[str, Any]
"""As in the configuration file, which also says what is wrong with it."""


async def _list(call: Call) -> Struct:
    stored = await call.site.ask(call.site.directory.rules)
    limits = in_force(call.site.configured(), stored.values())
    seen = await call.site.ask(_seen, call, limits)
    rows, following = page(seen, lambda limit: limit.id, call.query.cursor, call.query.limit)
    return LimitList(data=[await _document(call.site, limit, stored.get(limit.id)) for limit in rows], next=following)


def _seen(call: Call, limits: tuple[Limit, ...]) -> list[Limit]:
    return [limit for limit in limits if call.site.directory.reads_node(call.actor, limit.node)]


async def _show(call: Call) -> Struct:
    stored, reads = await call.site.ask(call.site.directory.rules), call.site.directory.reads_node
    for limit in in_force(call.site.configured(), stored.values()):
        if limit.id == call.path["id"] and await call.site.ask(reads, call.actor, limit.node):
            return await _document(call.site, limit, stored.get(limit.id))
    raise NotFound(f"There is no limit {call.path['id']!r}.")


async def _put(call: Call) -> Struct:
    try:
        limit = limit_of(call.body)
    except ConfigError as error:
        problem = error.problems[0]
        where, _, what = problem.message.partition(": ")
        param = where.replace(WHERE, "$", 1)
        raise BadRequest(f"{what}{f'; {problem.hint}' if problem.hint else ''}", param) from None
    site = call.site
    rule = await site.change(site.directory.set_rule, call.actor, limit, site.configured())
    return await _document(site, limit, rule)


async def _delete(call: Call) -> None:
    site, name = call.site, call.path["id"]
    try:
        await site.change(site.directory.unset_rule, call.actor, name)
    except NotFound:
        if any(limit.id == name for limit in site.configured()):
            raise Conflict("This limit is the configuration's: change it there.") from None
        raise


ROUTES = [
    Route("GET", "/limits", _list, "All limits in force", READING, LimitList, query=b.Page),
    Route("PUT", "/limits", _put, "Set a limit, in place of one that counts the same", CHANGING, d.Limit, LimitBody),
    Route("GET", "/limits/{id:.+}", _show, "One limit", READING, d.Limit),
    Route("DELETE", "/limits/{id:.+}", _delete, "Forget a limit that was set", CHANGING, None),
]


async def _document(site: Site, limit: Limit, rule: Rule | None) -> d.Limit:
    return d.Limit(
        id=limit.id,
        node=limit.node,
        unit=limit.unit,
        amount=figure(limit.amount, limit.unit),
        window=limit.window,
        start=limit.start,
        timezone=limit.timezone,
        mode=limit.mode,
        hold=limit.hold,
        alert=limit.alert,
        store_outage=figure(limit.outage, limit.unit) if limit.outage else None,
        source="api" if rule is not None else "configuration",
        set_by=rule.by.value if rule is not None else None,
        state=await _state(site, limit),
    )


async def _state(site: Site, limit: Limit) -> LimitState | None:
    """Its account, where it has one: of a limit for a whole kind there are many, and where a call goes is decided
    then."""
    if "*" in limit.node or placed(limit.node):
        return None
    for account in await site.limits.accounts(caller_at(limit.node)):
        if account.node == limit.node and account.limit.id == limit.id:
            return state(account)
    return None
