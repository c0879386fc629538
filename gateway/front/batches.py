"""Batches at providers. Making one is charged (`journey/batches`); looking after those of one's own team is free."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from gateway.catalog.providers import Provider
from gateway.core.errors import BadRequest, Conflict, GatewayError, MethodNotAllowed, NotFound
from gateway.dialects.batch_requests import is_id
from gateway.dialects.batch_status import read_status, with_results_here
from gateway.front.batch_routes import Page, PageCall, Route
from gateway.front.exchange import Exchange
from gateway.front.files import FilePages
from gateway.journey.batches.desk import ANTHROPIC, BATCHES, OPENAI, Desk, good
from gateway.journey.batches.kept import Batch, Kept
from gateway.journey.batches.making import Making, NewBatch
from gateway.journey.batches.settling import Settling
from gateway.journey.idempotency import HEADER
from gateway.journey.receipt import Receipt
from gateway.journey.refused import ProviderRefused
from gateway.limits.chain import Limits
from gateway.stores.registry import Kind
from gateway.tenants import Tenants, tagged
from gateway.upstream.answer import Answer
from gateway.upstream.headers import for_provider

PAGE, PAGE_MAX = 20, {OPENAI: 100, ANTHROPIC: 1000}
"""Batches listed at once: the providers' own default and limits."""

Does = Callable[[PageCall], Awaitable[None]]


@dataclass(frozen=True)
class BatchPages:
    """See the module; and the way to `files`."""

    tenants: Tenants
    limits: Limits
    desk: Desk
    kept: Kept
    making: Making
    settling: Settling
    files: FilePages

    async def serve(self, exchange: Exchange, call_id: str, route: Route) -> None:
        """Answer one request. Raises GatewayError."""
        key = tagged(self.tenants.identify(exchange.headers, self.files.clock(), exchange.origin), exchange.headers)
        does = self._does(route)
        if exchange.method not in does:
            raise MethodNotAllowed(tuple(does))
        if route.id and not is_id(route.id):
            raise NotFound("There is nothing of that id.")
        call = PageCall(call_id, route, key, exchange, for_provider(exchange.headers.items()))
        try:
            await does[exchange.method](call)
        except ProviderRefused as refused:  # The provider's own error, as it came.
            await exchange.respond(refused.status, call.head(refused.headers), refused.body)

    def _does(self, route: Route) -> dict[str, Does]:
        """By method."""
        files = self.files
        does: dict[str, dict[str, Does]] = {
            "files": {"GET": files.listed, "POST": files.upload},
            "file": {"GET": files.told, "DELETE": files.delete},
            "content": {"GET": files.content},
            "batches": {"GET": self._listed, "POST": self._make},
            "batch": {"GET": self._told},
            "cancel": {"POST": self._cancel},
            "results": {"GET": self._results},
        }
        if route.style == ANTHROPIC:
            does["batch"]["DELETE"] = self._delete
        return does[route.what]

    async def _make(self, call: PageCall) -> None:
        exchange, files = call.exchange, self.files
        if HEADER in exchange.headers:
            raise BadRequest("A batch takes no Idempotency-Key: whether it was made is seen in the list.", HEADER)
        body = await exchange.body(bytes_max=files.body_bytes_max, stall_s=files.body_stall_s)
        asked = NewBatch(call.id, call.key, exchange.headers, call.travelling, body, call.route.provider)
        made = await (self.making.openai if call.route.style == OPENAI else self.making.anthropic)(asked)
        remaining = self.limits.remaining_now(call.key.caller)
        head = call.head(made.headers) | Receipt(made.entry, "off", 0.0, remaining).headers()
        await exchange.respond(made.status, head, self._shown(call, made.name, made.body))

    async def _listed(self, call: PageCall) -> None:
        style = call.route.style
        mine = {
            name: batch
            for name, batch in (await self.kept.batches()).items()
            if batch.style == style and call.owns(batch.owner, batch.provider)
        }
        newest = sorted(mine, key=lambda name: mine[name].made, reverse=True)
        page = Page.of(newest, call.exchange.query, size=PAGE, size_max=PAGE_MAX[style])
        documents = await asyncio.gather(*[self._newest(call, name, mine[name]) for name in page.ids])
        await call.exchange.respond(
            200, call.head({"content-type": "application/json"}), page.document(documents, style)
        )

    async def _newest(self, call: PageCall, name: str, batch: Batch) -> str:
        """The batch as it is now; as it was last seen, where it is over or the provider does not say."""
        body = batch.document.encode()
        if not batch.settled:
            with suppress(GatewayError):
                body = await self.desk.status(self._provider(batch), name, call.travelling)
        return self._shown(call, name, body).decode(errors="replace")

    async def _told(self, call: PageCall) -> None:
        batch = await self._own(call)
        async with await self._ask(call, batch, "GET") as answer:
            await good(answer)
            body = await answer.read()
        status = read_status(body)
        if status is not None:
            await self.settling.name_files(call.route.id, batch, status)
            if status.ended:
                self.settling.soon(call.route.id)
        await call.give(answer, self._shown(call, call.route.id, body))

    async def _cancel(self, call: PageCall) -> None:
        """What was done before is charged: the books hear of it as of any other end."""
        batch = await self._own(call)
        async with await self._ask(call, batch, "POST", "/cancel") as answer:
            await good(answer)
            body = await answer.read()
        await call.give(answer, self._shown(call, call.route.id, body))

    async def _results(self, call: PageCall) -> None:
        batch = await self._own(call)
        self.settling.soon(call.route.id)
        async with await self._ask(call, batch, "GET", "/results") as answer:
            await call.stream(answer)

    async def _delete(self, call: PageCall) -> None:
        """Results go only once the books have them."""
        batch = await self._own(call)
        if not await self.settling.settle(call.route.id):
            raise Conflict("This batch has not ended, or is not in the books yet. Cancel it, or try again in a minute.")
        async with await self._ask(call, batch, "DELETE") as answer:
            await good(answer)
            body = await answer.read()
        await self.kept.drop(Kind.BATCHES, call.route.id)
        await call.give(answer, body)

    def _shown(self, call: PageCall, name: str, body: bytes) -> bytes:
        """Anthropic's batches with their results at our own address, before which clients put the gateway's."""
        if call.route.style == OPENAI:
            return body
        return with_results_here(body, f"/v1{BATCHES[ANTHROPIC]}/{name}/results")

    async def _own(self, call: PageCall) -> Batch:
        batch = await self.kept.batch(call.route.id)
        if batch is None or batch.style != call.route.style or not call.owns(batch.owner, batch.provider):
            raise NotFound(f"There is no batch {call.route.id}.")
        return batch

    def _provider(self, batch: Batch) -> Provider:
        return self.desk.provider(batch.style, batch.provider)

    async def _ask(self, call: PageCall, batch: Batch, method: str, more: str = "") -> Answer:
        path = f"{BATCHES[batch.style]}/{call.route.id}{more}"
        body = b"" if method != "POST" else await call.exchange.body(bytes_max=1 << 16, stall_s=self.files.body_stall_s)
        return await self.desk.ask(self._provider(batch), method, path, call.travelling, body=body)
