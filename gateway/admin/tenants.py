"""Orgs, teams and users."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, structs

from gateway.admin import bodies as b
from gateway.admin import documents as d
from gateway.admin.site import ADMIN, CHANGING, READING, WATCHING, Call, Route, page
from gateway.core.errors import NotFound
from gateway.core.tenant import Tenant
from gateway.front.own_key import moment_text
from gateway.stores.registry import Kind

_TYPES: dict[Kind, tuple[type[Struct], type[Struct]]] = {
    Kind.ORGS: (b.NewOrg, d.Org),
    Kind.TEAMS: (b.NewTeam, d.Team),
    Kind.USERS: (b.NewUser, d.User),
}


def routes(kind: Kind) -> list[Route]:
    """What can be asked for about one kind."""
    new, shown = _TYPES[kind]
    several, one = page_of[kind], kind.value.removesuffix("s")
    reading, changing = (READING, CHANGING) if kind is Kind.USERS else (WATCHING, ADMIN)

    def document(tenant: Tenant) -> Struct:
        told = structs.asdict(tenant) | {"created": moment_text(tenant.created)}
        return shown(**{name: told[name] for name in shown.__struct_fields__})

    async def create(call: Call) -> Struct:
        tenant = Tenant(**structs.asdict(call.body))
        return document(await call.site.change(call.site.directory.add_tenant, call.actor, kind, tenant))

    async def listing(call: Call) -> Struct:
        found = await call.site.ask(call.site.directory.tenants, kind)
        seen = [tenant for tenant in found.values() if call.actor.reads_tenant(tenant)]
        rows, following = page(seen, lambda tenant: tenant.id, call.query.cursor, call.query.limit)
        return several(data=[document(tenant) for tenant in rows], next=following)

    async def show(call: Call) -> Struct:
        tenant = await call.site.ask(call.site.directory.tenant, kind, call.path["id"])
        if not call.actor.reads_tenant(tenant):
            raise NotFound(f"There is no {one} {tenant.id!r}.")
        return document(tenant)

    async def update(call: Call) -> Struct:
        change = call.site.directory.change_tenant
        return document(await call.site.change(change, call.actor, kind, call.path["id"], given(call.body)))

    async def delete(call: Call) -> None:
        await call.site.change(call.site.directory.remove_tenant, call.actor, kind, call.path["id"])

    article = "an" if kind is Kind.ORGS else "a"
    each = f"/{kind}/{{id}}"
    return [
        Route("GET", f"/{kind}", listing, f"All {kind}", reading, several, query=b.Page),
        Route("POST", f"/{kind}", create, f"Make {article} {one}", changing, shown, body=new, status=201),
        Route("GET", each, show, f"One {one}", reading, shown),
        Route("PATCH", each, update, f"Change {article} {one}", changing, shown, body=b.TenantChanges),
        Route("DELETE", each, delete, f"Delete {article} {one} that nothing belongs to", changing, None),
    ]


def given(changes: Struct) -> dict[str, Any]:
    """What a body says that is to change."""
    return {name: value for name, value in structs.asdict(changes).items() if value is not UNSET}


page_of = {kind: d.page_of(shown) for kind, (_, shown) in _TYPES.items()}
