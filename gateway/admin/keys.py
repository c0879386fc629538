"""Keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from gateway.admin import bodies as b
from gateway.admin import documents as d
from gateway.admin.site import CHANGING, READING, Call, Route, page
from gateway.admin.tenants import given
from gateway.config import fields
from gateway.config.units import duration_or_zero
from gateway.core.caller import Caller, Key, Role
from gateway.core.errors import BadRequest, NotFound
from gateway.deferred.deadline import checked_url, seconds
from gateway.front.own_key import moment_text

GRACE_S_MAX = 30 * 86400.0
"""A secret that is good for longer beside another one is not being replaced."""

KeyList = d.page_of(d.Key)


async def _create(call: Call) -> Struct:
    body = _kept(structs.asdict(call.body))
    caller = Caller(**{name: body.pop(name) for name in ("org", "team", "user", "tags")})
    template = Key(id="", digest=b"", caller=caller, **body)
    key, token = await call.site.change(call.site.directory.add_key, call.actor, template)
    return d.KeyWithToken(key=document(key, call.site.clock()), token=token)


async def _list(call: Call) -> Struct:
    wanted, query = {}, call.query
    for level in ("org", "team", "user"):
        if name := getattr(query, level):
            wanted[level] = name
    keys = (await call.site.ask(call.site.directory.keys)).values()
    seen = [k for k in keys if call.actor.reads_key(k) and all(getattr(k.caller, w) == n for w, n in wanted.items())]
    rows, following = page(seen, lambda key: key.id, query.cursor, query.limit)
    now = call.site.clock()
    return KeyList(data=[document(key, now) for key in rows], next=following)


async def _show(call: Call) -> Struct:
    key = await call.site.ask(call.site.directory.key, call.path["id"])
    if not call.actor.reads_key(key):
        raise NotFound(f"There is no key {key.id!r}.")
    return document(key, call.site.clock())


async def _update(call: Call) -> Struct:
    changes = _kept(given(call.body))
    key = await call.site.change(call.site.directory.change_key, call.actor, call.path["id"], changes)
    return document(key, call.site.clock())


async def _rotate(call: Call) -> Struct:
    try:
        grace_s = duration_or_zero(call.body.grace)
    except ValueError as error:
        raise BadRequest(f"grace {error}", "$.grace") from None
    if grace_s > GRACE_S_MAX:
        raise BadRequest("grace must be 30d at most", "$.grace")
    key, token = await call.site.change(call.site.directory.rotate_key, call.actor, call.path["id"], grace_s)
    return d.KeyWithToken(key=document(key, call.site.clock()), token=token)


async def _revoke(call: Call) -> Struct:
    key = await call.site.change(call.site.directory.revoke_key, call.actor, call.path["id"])
    return document(key, call.site.clock())


ROUTES = [
    Route("GET", "/keys", _list, "All keys, without their secrets", READING, KeyList, query=b.KeysPage),
    Route("POST", "/keys", _create, "Make a key", CHANGING, d.KeyWithToken, body=b.NewKey, status=201),
    Route("GET", "/keys/{id}", _show, "One key", READING, d.Key),
    Route("PATCH", "/keys/{id}", _update, "Change a key", CHANGING, d.Key, body=b.KeyChanges),
    Route("POST", "/keys/{id}/rotate", _rotate, "Another secret", CHANGING, d.KeyWithToken, body=b.Rotation),
    Route("POST", "/keys/{id}/revoke", _revoke, "End a key for good", CHANGING, d.Key),
]


def document(key: Key, now: float) -> d.Key:
    """A key as it is shown."""
    caller = key.caller
    return d.Key(
        id=key.id,
        alias=key.alias,
        org=caller.org,
        team=caller.team,
        user=caller.user,
        role=key.role.value,
        models=key.models,
        networks=key.networks,
        tags=caller.tags,
        metadata=dict(key.metadata),
        cache=key.cache,
        created=moment_text(key.created) or "",
        expires=moment_text(key.expires),
        former_secret_until=moment_text(key.former_until) if key.former_until > now else None,
        deadline_s=key.deadline_s,
        webhook=key.webhook,
        state="revoked" if key.revoked else "good" if key.good(now) else "expired",
    )


def _kept(said: dict[str, Any]) -> dict[str, Any]:
    """What was said, as a key keeps it."""
    if "role" in said:
        said["role"] = Role(said["role"])
    if isinstance(said.get("expires"), datetime):
        said["expires"] = said["expires"].timestamp()
    if "networks" in said:
        said["networks"] = tuple(_network(text, at) for at, text in enumerate(said["networks"]))
    if "deadline" in said:
        wanted = said.pop("deadline")
        said["deadline_s"] = None if wanted is None else seconds(wanted)
    if said.get("webhook"):
        checked_url(said["webhook"], private=True)
    return said


def _network(text: str, at: int) -> str:
    try:
        return fields.network(text)
    except ValueError as error:
        raise BadRequest(f"networks {error}", f"$.networks[{at}]") from None
