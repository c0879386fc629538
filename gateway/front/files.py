"""Files at providers. What a caller's team has uploaded, and its batches' results, it may read, list and delete; all
else is not there. Free at the providers, and so without entries in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from gateway.core.errors import Conflict, NotFound
from gateway.dialects.batch_status import read_id
from gateway.front.batch_routes import Page, PageCall
from gateway.journey.batches.desk import OPENAI, Desk, good
from gateway.journey.batches.kept import File, Kept
from gateway.journey.batches.settling import Settling
from gateway.stores.registry import Kind
from gateway.upstream.answer import Answer
from gateway.upstream.errors import Lost

PAGE = 10_000
"""Files listed at once: OpenAI's own default and limit."""


@dataclass(frozen=True)
class FilePages:
    """See the module."""

    desk: Desk
    kept: Kept
    settling: Settling
    clock: Callable[[], float]  # Unix seconds.
    body_bytes_max: int
    body_stall_s: float

    async def upload(self, call: PageCall) -> None:
        """POST /v1/files. The form goes on as it came; what is in a batch's file is read once a batch is made of it."""
        if "anthropic-version" in call.exchange.headers:
            raise NotFound("Files of Anthropic's are not served here.")
        provider = self.desk.provider(OPENAI, call.route.provider)
        body = await call.exchange.body(bytes_max=self.body_bytes_max, stall_s=self.body_stall_s)
        async with await self.desk.ask(provider, "POST", "/files", call.travelling, body=body) as answer:
            await good(answer)
            told = await answer.read()
        name = read_id(told)
        if name is None:
            raise Lost("The provider's answer names no file.")
        file = File(provider.name, call.key.caller, self.clock(), told.decode(errors="replace"))
        await self.kept.put(name, file)
        await call.give(answer, told)

    async def listed(self, call: PageCall) -> None:
        """GET /v1/files: those that were uploaded through us, as they were told of then."""
        mine = {
            name: file
            for name, file in (await self.kept.files()).items()
            if file.document and call.owns(file.owner, file.provider)
        }
        newest = sorted(mine, key=lambda name: mine[name].made, reverse=True)
        page = Page.of(newest, call.exchange.query, size=PAGE, size_max=PAGE)
        body = page.document([mine[name].document for name in page.ids], OPENAI)
        await call.exchange.respond(200, call.head({"content-type": "application/json"}), body)

    async def told(self, call: PageCall) -> None:
        """GET /v1/files/{id}."""
        file = await self._own(call)
        async with await self._ask(call, file, "GET") as answer:
            await good(answer)
            body = await answer.read()
        await self.kept.put(call.route.id, replace(file, document=body.decode(errors="replace")))
        await call.give(answer, body)

    async def content(self, call: PageCall) -> None:
        """GET /v1/files/{id}/content."""
        file = await self._own(call)
        if file.batch:
            self.settling.soon(file.batch)
        async with await self._ask(call, file, "GET", "/content") as answer:
            await call.stream(answer)

    async def delete(self, call: PageCall) -> None:
        """DELETE /v1/files/{id}. Results go only once the books have them."""
        file = await self._own(call)
        if file.batch and not await self.settling.settle(file.batch):
            raise Conflict("These results are not in the books yet. Try again in a minute.")
        async with await self._ask(call, file, "DELETE") as answer:
            await good(answer)
            body = await answer.read()
        await self.kept.drop(Kind.FILES, call.route.id)
        await call.give(answer, body)

    async def _own(self, call: PageCall) -> File:
        file = await self.kept.file(call.route.id)
        if file is None or not call.owns(file.owner, file.provider):
            raise NotFound(f"No such File object: {call.route.id}")
        return file

    async def _ask(self, call: PageCall, file: File, method: str, more: str = "") -> Answer:
        provider = self.desk.provider(OPENAI, file.provider)
        return await self.desk.ask(provider, method, f"/files/{call.route.id}{more}", call.travelling)
