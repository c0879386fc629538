"""Which path is what among files and batches, and what all of their pages have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qs

import msgspec

from gateway.catalog.providers import Provider
from gateway.core.caller import Caller, Key
from gateway.core.errors import BadRequest, NotFound
from gateway.dialects.base import Dialect
from gateway.dialects.spoken import DIALECTS
from gateway.front.exchange import Exchange
from gateway.journey.batches.desk import ANTHROPIC, OPENAI, SPEAKS, good
from gateway.journey.batches.kept import owns
from gateway.upstream.answer import Answer
from gateway.upstream.headers import for_caller

_ROUTES: tuple[tuple[re.Pattern[str], str, str], ...] = tuple(
    (re.compile("/v1" + pattern), style, what)
    for pattern, style, what in (
        (r"/files", OPENAI, "files"),
        (r"/files/(?P<id>[^/]+)", OPENAI, "file"),
        (r"/files/(?P<id>[^/]+)/content", OPENAI, "content"),
        (r"/batches", OPENAI, "batches"),
        (r"/batches/(?P<id>[^/]+)", OPENAI, "batch"),
        (r"/batches/(?P<id>[^/]+)/cancel", OPENAI, "cancel"),
        (r"/messages/batches", ANTHROPIC, "batches"),
        (r"/messages/batches/(?P<id>[^/]+)", ANTHROPIC, "batch"),
        (r"/messages/batches/(?P<id>[^/]+)/cancel", ANTHROPIC, "cancel"),
        (r"/messages/batches/(?P<id>[^/]+)/results", ANTHROPIC, "results"),
    )
)
_OWNED = {OPENAI: re.compile(r"/v1/(?:files|batches)(?:/.*)?"), ANTHROPIC: re.compile(r"/v1/messages/batches(?:/.*)?")}
"""What has an owner, at a provider of either style: nobody gets there around these pages."""


class Route(NamedTuple):
    """What a path of files and batches means."""

    style: str
    what: str
    id: str = ""
    provider: str = ""  # Where the path names one.

    @property
    def dialect(self) -> Dialect:
        """In which its errors are worded."""
        return DIALECTS[SPEAKS[self.style]]


def route_of(path: str, provider: Provider | None) -> Route | None:
    """What is at this path, whose prefix may have named a provider; None for what is no path of files or batches, and
    for those of a provider whose batches are not known here. Raises NotFound."""
    if "/files" not in path and "/batches" not in path:
        return None
    for pattern, style, what in _ROUTES:
        if (provider is None or provider.batches == style) and (found := pattern.fullmatch(path)) is not None:
            return Route(style, what, found.groupdict().get("id", ""), "" if provider is None else provider.name)
    if provider is not None and provider.batches and _OWNED[provider.batches].fullmatch(path):
        raise NotFound("There is nothing at this path.")
    return None


class PageCall(NamedTuple):
    """One request of a caller for a page of files or batches."""

    id: str
    route: Route
    key: Key
    exchange: Exchange
    travelling: Mapping[str, str]  # Of the caller's headers, what goes to the provider.

    def owns(self, owner: Caller, provider: str) -> bool:
        """Whether what that caller has made at that provider is there for this one."""
        return owns(self.key, owner) and self.route.provider in ("", provider)

    def head(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The answer's headers, given the provider's."""
        return for_caller(headers) | {"x-fareway-request-id": self.id}

    async def give(self, answer: Answer, body: bytes) -> None:
        """An answer that was read whole."""
        await self.exchange.respond(answer.status, self.head(answer.headers), body)

    async def stream(self, answer: Answer) -> None:
        """An answer of any length. Raises ProviderRefused for an error."""
        await good(answer)
        await self.exchange.start(answer.status, self.head(answer.headers))
        while chunk := await answer.next_chunk():
            await self.exchange.write(chunk)
        await self.exchange.finish()


class Page(NamedTuple):
    """Some of a list, newest first."""

    ids: Sequence[str]
    has_more: bool

    @classmethod
    def of(cls, ids: Sequence[str], query: str, *, size: int, size_max: int) -> Page:
        """What is asked for by `limit`, and by `after` or Anthropic's `after_id` and `before_id`. Raises BadRequest or
        NotFound."""
        said = {name: values[-1] for name, values in parse_qs(query).items()}
        text = said.get("limit", str(size))
        if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= size_max):
            raise BadRequest(f"limit must be a number from 1 to {size_max}", "limit")
        limit = int(text[:9])
        before, after = said.get("before_id"), said.get("after_id") or said.get("after")
        for cursor in (before, after):
            if cursor is not None and cursor not in ids:
                raise NotFound("There is nothing of that id to list from.")
        if before is not None:
            ids = ids[: ids.index(before)]
            return cls(ids[-limit:], len(ids) > limit)
        if after is not None:
            ids = ids[ids.index(after) + 1 :]
        return cls(ids[:limit], len(ids) > limit)

    def document(self, objects: Sequence[str], style: str) -> bytes:
        """The list as both providers write it."""
        kind = {"object": "list"} if style == OPENAI else {}
        ends = {"first_id": self.ids[0] if self.ids else None, "last_id": self.ids[-1] if self.ids else None}
        data = [msgspec.Raw(text.encode()) for text in objects]
        return msgspec.json.encode(kind | {"data": data, "has_more": self.has_more} | ends)
