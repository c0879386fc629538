"""What is being spent: calls one by one, budgets with their pace, what was saved, and how deployments do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import cache
from itertools import groupby
from math import inf
from operator import attrgetter
from typing import Any

from msgspec import Struct

from gateway.admin import documents as d
from gateway.admin.site import READING, WATCHING, Call, Route, Site
from gateway.catalog.catalog import AUTO
from gateway.catalog.providers import Deployment, priced_as
from gateway.core.caller import Caller
from gateway.core.entry import Entry
from gateway.core.errors import NotFound, UnknownModel
from gateway.core.money import Money
from gateway.core.node import parts, placed
from gateway.core.price import Rates
from gateway.core.route import TIERS
from gateway.directory.rules import in_force
from gateway.front.own_key import moment_text, state
from gateway.front.reports import CallList, CallsPage, Span, calls, in_thread, told
from gateway.front.together import Doing
from gateway.journey.receipt import request_document
from gateway.limits.accounts import Account
from gateway.planning.baseline import Cause, Sum, saved

BUDGETS_MAX = 500
"""Of limits for a whole kind there may be any number of accounts: those that are nearest to their end are told."""

ELSEWHERE_MAX = 20
"""Of deployments that a name leads to."""

_SUMMED = ["asked_model", "provider", "model", "deployment", "outcome"]


async def _requests(call: Call) -> Struct:
    return await calls(call.site.reading, call.query, call.site.clock(), _own(call))


def _own(call: Call) -> dict[str, str]:
    return {"team": call.actor.team} if call.actor.bound else {}


async def _request(call: Call) -> Struct:
    together, team = call.site.together, call.actor.team
    seen = [e for e in await together.find(call.path["id"]) if not call.actor.bound or e.caller.team == team]
    if not seen:
        raise NotFound("No such request, or it is not settled yet.")
    entries = [entry for entry in seen if entry.request_id == seen[-1].request_id]
    told = request_document(entries, await together.prices(entries))
    return d.Story(**told, elsewhere=_elsewhere(call.site, entries[-1]))


def _elsewhere(site: Site, entry: Entry) -> list[d.Elsewhere]:
    """What the tokens of this call cost now wherever the name in it leads to, cheapest first."""
    try:
        found = site.catalog().find(entry.asked_model)[:ELSEWHERE_MAX]
    except UnknownModel:
        return []
    book, now = site.pricing.book, site.clock()
    provider = f"{entry.provider}@{entry.backend}" if entry.backend else entry.provider

    def told(one: Deployment) -> d.Elsewhere:
        price = book.price(one.provider.priced_as, one.model, now)
        cost = None if price is None else price.of(entry.usage).total
        chosen = one.name == f"{provider}/{entry.model}"
        usd = None if cost is None else cost.decimal
        return d.Elsewhere(deployment=one.name, tier=one.tier, cost_usd=usd, chosen=chosen)

    return sorted(map(told, found), key=lambda one: (one.cost_usd is None, Money.usd(one.cost_usd or 0)))


async def _budgets(call: Call) -> Struct:
    site = call.site
    stored = await site.ask(site.directory.rules)
    for limit in in_force(site.configured(), stored.values()):
        if "*" not in limit.node and not placed(limit.node):
            await site.limits.accounts(caller_at(limit.node))  # Opens it.
    now = site.clock()
    accounts = [a for a in site.limits.running(now) if a.limit.unit != "concurrent"]
    seen = await site.ask(lambda: [a for a in accounts if site.directory.reads_node(call.actor, a.node)])
    nearest = sorted(seen, key=lambda account: (account.left * 10**6 // max(1, account.limit.amount), account.id))
    return d.BudgetList(data=[_budget(account, now) for account in nearest[:BUDGETS_MAX]], more=len(seen) > BUDGETS_MAX)


def caller_at(node: str) -> Caller:
    """Somebody over whom the limits of this node stand."""
    said = [part.partition(":")[::2] for part in parts(node)]
    one = dict(said)
    return Caller(
        key_id=one.get("key", ""),
        org=one.get("org", ""),
        team=one.get("team", ""),
        user=one.get("user", ""),
        tags=tuple(name for kind, name in said if kind == "tag"),
    )


def _budget(account: Account, now: float) -> d.Budget:
    burn, end = account.burn(now), account.window.end
    runs_out = now + max(0.0, end - now) / burn if burn is not None and burn > 1 and end < inf else None
    return d.Budget(
        limit=account.limit.id,
        state=state(account),
        alert=account.limit.alert,
        burn=None if burn is None else round(burn, 3),
        runs_out=moment_text(runs_out),
    )


async def _savings(call: Call) -> Struct:
    site, now, query = call.site, call.site.clock(), call.query
    since, until = told("since", query.since, now), told("until", query.until, now) if query.until else now + 1
    team = call.actor.team if call.actor.bound else ""

    def sums() -> list[Sum]:
        with site.reading() as ledger:
            return [_sum(row) for row in ledger.usage(_SUMMED, since, until, team, only_priced=True)]

    found = saved(await in_thread(sums), _first(site), _rates(site, now))
    return d.Savings(
        since=moment_text(since) or "",
        until=moment_text(until) or "",
        paid_usd=Money(found.paid).decimal,
        baseline_usd=found.baseline.decimal,
        uncompared_usd=Money(found.uncompared).decimal,
        saved_usd={cause.value: Money(found.by_cause[cause]).decimal for cause in Cause},
    )


def _sum(row: dict[str, Any]) -> Sum:
    return Sum(
        asked=row["asked_model"],
        deployment=f"{row['provider']}/{row['model']}",
        selfhosted=row["deployment"] == "selfhosted",
        outcome=row["outcome"],
        input_tokens=row["input_tokens"],
        cached_tokens=row["cached_tokens"],
        output_tokens=row["output_tokens"],
        paid=Money.usd(row["cost_usd"] or 0),  # None: adjustments have it, which are rows of their own.
        saved=Money.usd(row["saved_usd"]),
    )


def _first(site: Site) -> Callable[[str], str | None]:
    """As `fareway router report` takes it: what a name stands for where nothing is routed."""

    def first(name: str) -> str | None:
        try:
            tiers = {found.name: found.tier for found in site.catalog().find(name)}
        except UnknownModel:
            return None
        if name != AUTO:
            return next(iter(tiers))
        baseline = site.baseline()
        return baseline if baseline in tiers else min(tiers, key=lambda one: TIERS.index(tiers[one]))

    return cache(first)


def _rates(site: Site, now: float) -> Callable[[str], Rates | None]:
    providers = site.catalog().providers

    def rates(deployment: str) -> Rates | None:
        provider, _, model = deployment.partition("/")
        price = site.pricing.book.price(priced_as(provider, providers), model, now)
        return price.standard.base if price is not None and price.standard.base.by_token else None

    return cache(rates)


async def _deployments(call: Call) -> Struct:
    found = sorted((one for replica in await call.site.together.replicas() for one in replica.doing), key=_name)
    return d.DeploymentList(data=[_worst(name, list(doing)) for name, doing in groupby(found, key=_name)])


_name = attrgetter("name")


def _worst(name: str, doing: list[Doing]) -> Doing:
    """As all workers see it: their calls together, and else the worst that any of them has seen."""
    return Doing(
        name,
        working=all(one.working for one in doing),
        in_flight=sum(one.in_flight for one in doing),
        error_rate=max(one.error_rate for one in doing),
        first_token_ms=_most(one.first_token_ms for one in doing),
        first_token_p95_ms=_most(one.first_token_p95_ms for one in doing),
        answer_ms=_most(one.answer_ms for one in doing),
        answer_p95_ms=_most(one.answer_p95_ms for one in doing),
    )


def _most(figures: Iterable[float | None]) -> float | None:
    return max((figure for figure in figures if figure is not None), default=None)


async def _alerts(call: Call) -> Struct:
    found = await asyncio.to_thread(call.site.told, call.query.limit)
    return d.AlertList(
        data=[
            d.AlertLine(
                id=one.alert.id,
                kind=one.alert.kind,
                at=moment_text(one.alert.at) or "",
                sentence=one.alert.sentence,
                target=one.target,
                attempts=one.attempts,
                delivered=moment_text(one.delivered),
                again_at=moment_text(one.due),
                problem=one.problem,
            )
            for one in found
        ]
    )


ROUTES = [
    Route("GET", "/requests", _requests, "Calls, newest first", READING, CallList, query=CallsPage),
    Route("GET", "/requests/{id}", _request, "The whole story of one call", READING, d.Story),
    Route("GET", "/budgets", _budgets, "Limits in their running windows, the fullest first", READING, d.BudgetList),
    Route("GET", "/savings", _savings, "What was saved, by cause", READING, d.Savings, query=Span),
    Route("GET", "/deployments", _deployments, "How deployments do", WATCHING, d.DeploymentList),
    Route("GET", "/alerts", _alerts, "What people were told of, newest first", WATCHING, d.AlertList, query=d.Newest),
]
