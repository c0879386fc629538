"""Responses that are kept, as OpenAI does unless `store` is false: they can be read, continued and deleted."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.simulator.errors import RefusedError

KEPT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Stored:
    """A response, and all that it was an answer to."""

    items: list[dict[str, Any]]
    response: dict[str, Any]


class Kept:
    """The latest of them, by id."""

    def __init__(self) -> None:
        self._stored: OrderedDict[str, Stored] = OrderedDict()

    def keep(self, items: list[dict[str, Any]], response: dict[str, Any]) -> None:
        """Keep one."""
        self._stored[response["id"]] = Stored(items, response)
        if len(self._stored) > KEPT_MAX:
            self._stored.popitem(last=False)

    def before(self, previous: str | None) -> list[dict[str, Any]]:
        """The conversation so far. Raises RefusedError (400) for a response that is not kept."""
        if previous is None:
            return []
        if previous not in self._stored:
            message = f"Previous response with id '{previous}' not found."
            raise RefusedError(400, message, "previous_response_not_found", "previous_response_id")
        return [*self._stored[previous].items, *self._stored[previous].response["output"]]

    def add_to(self, router: web.UrlDispatcher) -> None:
        """The paths of single responses."""
        base = "/v1/responses/{id}"
        router.add_get(base, self._read)
        router.add_get(f"{base}/input_items", self._items)
        router.add_delete(base, self._delete)
        router.add_post(f"{base}/cancel", self._cancel)

    def _found(self, request: web.Request) -> Stored:
        name = request.match_info["id"]
        if name not in self._stored:
            raise RefusedError(404, f"Response with id '{name}' not found.", param="id")
        return self._stored[name]

    async def _read(self, request: web.Request) -> web.Response:
        return web.json_response(self._found(request).response)

    async def _items(self, request: web.Request) -> web.Response:
        """The input, the latest first; items that came without an id get one."""
        named = list(enumerate(self._found(request).items))[::-1]
        items = [{"id": f"item_{place}", "type": "message"} | item for place, item in named]
        ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]}
        return web.json_response({"object": "list", "data": items, "has_more": False, **ends})

    async def _delete(self, request: web.Request) -> web.Response:
        self._found(request)
        name = request.match_info["id"]
        del self._stored[name]
        return web.json_response({"id": name, "object": "response", "deleted": True})

    async def _cancel(self, request: web.Request) -> web.Response:
        """None runs in the background, so there is nothing to cancel."""
        self._found(request)
        raise RefusedError(400, "Cannot cancel a synchronous response.")
