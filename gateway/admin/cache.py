"""The response cache: forgetting what is kept."""

from __future__ import annotations

from msgspec import Struct

from gateway.admin import bodies as b
from gateway.admin.names import Text
from gateway.admin.site import ADMIN, Call, Route
from gateway.core.clearing import Clearing


class Cleared(b.Given, frozen=True, kw_only=True):
    """Whose answers, or which model's. All that is said must hold; nothing said means all of them."""

    key: Text = ""
    team: Text = ""
    model: Text = ""


async def _clear(call: Call) -> Struct | None:
    site, said = call.site, call.query
    clearing = Clearing(site.clock(), said.key, said.team, said.model)
    await site.change(site.directory.clear_answers, call.actor, clearing)
    return None


ROUTES = [
    Route(
        "DELETE", "/cache", _clear, "Forget kept answers: all, or of one key, team or model", ADMIN, None, query=Cleared
    ),
]
