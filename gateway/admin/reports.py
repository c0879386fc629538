"""What was spent, who changed what, who carries calls, and whether all is well."""

from __future__ import annotations

from msgspec import Struct

from gateway import __version__
from gateway.admin import bodies as b
from gateway.admin import documents as d
from gateway.admin.site import READING, WATCHING, Call, Route
from gateway.core.errors import BadRequest
from gateway.difficulty.guard import Guard, Terms
from gateway.front.own_key import moment_text
from gateway.front.reports import Period, Usage, usage

AuditList = d.page_of(d.AuditLine)


async def _usage(call: Call) -> Struct:
    team = call.actor.team if call.actor.bound else ""
    return await usage(call.site.reading, call.query, call.site.clock(), team=team)


async def _audit(call: Call) -> Struct:
    cursor, limit = call.query.cursor, call.query.limit
    if cursor and not (cursor.isdecimal() and len(cursor) < 16):
        raise BadRequest("cursor is `next` of the page before.", "cursor")
    lines = await call.site.ask(call.site.audited.log, int(cursor) if cursor else None, limit + 1)
    shown = [
        d.AuditLine(
            number=number,
            at=moment_text(change.at) or "",
            actor=change.actor,
            alias=change.alias,
            via=change.via,
            action=change.action,
            of=change.of,
            before=change.before,
            after=change.after,
        )
        for number, change in lines[:limit]
    ]
    return AuditList(data=shown, next=str(shown[-1].number) if len(lines) > limit else None)


async def _replicas(call: Call) -> Struct:
    data = await call.site.together.replicas()
    own = {replica.name for replica in data}
    others = {name: ago for name, ago in (await call.site.others()).items() if name not in own}
    return d.Replicas(data=data, others=others)


async def _health(call: Call) -> Struct:
    replicas, book = await call.site.together.replicas(), call.site.pricing.book
    left_alone = sorted({name for replica in replicas for name in replica.left_alone})
    drift = sum(abs(replica.drift_units) for replica in replicas)
    well = len(replicas) == call.site.workers and not drift and not left_alone
    return d.Health(
        status="ok" if well else "degraded",
        version=__version__,
        workers=len(replicas),
        workers_expected=call.site.workers,
        drift_units=drift,
        deployments_left_alone=left_alone,
        prices=f"{book.id} of {book.date}",
    )


async def _router(call: Call) -> Struct:
    guard = call.site.guard()
    shown = guard or Guard(Terms())
    routed, held_back, interval = shown.routed, shown.held_back, shown.interval
    return d.Router(
        guarded=guard is not None,
        on=shown.on,
        fixed=shown.fixed,
        comparisons=shown.comparisons,
        verdict=shown.verdict,
        routed_ratings=routed.count,
        held_back_ratings=held_back.count,
        routed_worth=routed.mean if routed.count else None,
        held_back_worth=held_back.mean if held_back.count else None,
        difference=interval.middle if interval else None,
        margin=interval.margin if interval else None,
    )


ROUTES = [
    Route("GET", "/usage", _usage, "Sums over a period", READING, Usage, query=Period),
    Route("GET", "/audit", _audit, "Every change, newest first", WATCHING, AuditList, query=b.Page),
    Route("GET", "/replicas", _replicas, "Who carries calls", WATCHING, d.Replicas),
    Route("GET", "/router", _router, "Whether routing pays", WATCHING, d.Router),
    Route("GET", "/health", _health, "Whether all is well", READING, d.Health),
]
