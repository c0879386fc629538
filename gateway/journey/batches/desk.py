"""Asking providers about files and batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from gateway.catalog.providers import Provider
from gateway.core.errors import NotFound, UpstreamTimeout
from gateway.journey.refused import WeAreRefused, refusal
from gateway.upstream.answer import Answer
from gateway.upstream.retry import REFUSED_US
from gateway.upstream.wire import Wire

OPENAI, ANTHROPIC = "openai", "anthropic"

SPEAKS = {OPENAI: "openai-chat", ANTHROPIC: "anthropic-messages"}
"""The dialect at whose address a provider takes batches of this style."""

BATCHES = {OPENAI: "/batches", ANTHROPIC: "/messages/batches"}
"""Where it takes them, below that address."""

GIVEN_UP_S = 35 * 86_400.0
"""A batch ends within a day, and its results are kept for a month at most: later nothing is learned of it any more."""

STATUS_S_MAX = 5.0
"""For saying how a batch stands."""

_NO_HEADERS: Mapping[str, str] = {}


class Desk:
    """Knows which providers take batches, and how each is reached."""

    def __init__(self, wire: Wire, providers: Iterable[Provider]) -> None:
        self._wire = wire
        self.know(providers)

    def know(self, providers: Iterable[Provider]) -> None:
        """These are the providers from now on."""
        self._providers = {p.name: p for p in providers if p.batches and SPEAKS[p.batches] in p.dialects}

    def provider(self, style: str, name: str = "") -> Provider:
        """The one of that name; without a name, the first that takes batches of this style. Raises NotFound."""
        for provider in self._providers.values():
            if provider.batches == style and name in ("", provider.name):
                return provider
        raise NotFound("No provider that takes such files and batches is configured here.")

    async def ask(
        self,
        provider: Provider,
        method: str,
        path: str,
        headers: Mapping[str, str] = _NO_HEADERS,
        *,
        body: bytes = b"",
        leaving: Callable[[], None] = lambda: None,
    ) -> Answer:
        """An open answer, whatever its status. `path` follows the provider's address; `headers` are the caller's, as
        far as they travel. Raises Unreached, Lost or LostWaiting."""
        access = provider.access[SPEAKS[provider.batches]]
        shown = {**access.defaults, **headers, **access.headers}
        return await self._wire.send(method, access.base_url + path, shown, body, streams=False, leaving=leaving)

    async def status(self, provider: Provider, name: str, headers: Mapping[str, str] = _NO_HEADERS) -> bytes:
        """The provider's document that says how a batch stands, in little time: others wait for it. Raises
        UpstreamTimeout, ProviderRefused for anything but a good status, and as `ask` does."""
        path = f"{BATCHES[provider.batches]}/{name}"
        try:
            async with asyncio.timeout(STATUS_S_MAX), await self.ask(provider, "GET", path, headers) as answer:
                await good(answer)
                return await answer.read()
        except TimeoutError:
            raise UpstreamTimeout("The provider does not say how it stands.") from None


def result_paths(style: str, name: str, files: Iterable[str]) -> list[str]:
    """Where the results of a batch that has ended are, below the provider's address. `files`: those it tells of."""
    if style == ANTHROPIC:
        return [f"{BATCHES[ANTHROPIC]}/{name}/results"]
    return [f"/files/{file}/content" for file in files]


async def good(answer: Answer) -> None:
    """Raises ProviderRefused, with the provider's own words, unless the status is good; where our own key or account
    was refused WeAreRefused, without them."""
    if 200 <= answer.status < 300:
        return
    if answer.status in REFUSED_US:
        raise WeAreRefused
    raise await refusal(answer)
