"""Tokens for Vertex AI, by Google's application default credentials.

These are what GOOGLE_APPLICATION_CREDENTIALS names, such as the file of a service account; else those of gcloud; else
those of the machine. The library that reads them waits for the network, so it runs in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from gateway.upstream.errors import Unreached
from gateway.upstream.signing import NoSigner

SCOPE = "https://www.googleapis.com/auth/cloud-platform"

AHEAD_S = 300.0
"""A token is renewed so long before it expires, beside the calls. Google's last an hour."""

USABLE_S = 10.0
"""A token that lasts no longer may expire on its way."""

log = logging.getLogger("fareway.google")


class Credentials(Protocol):
    """What of google-auth's credentials is used."""

    token: str | None
    expiry: datetime | None  # UTC, without saying so.

    def refresh(self, request: Any) -> None:
        """Get a new token; blocks."""
        ...

    def apply(self, headers: dict[str, str]) -> None:
        """Put the token into these headers."""
        ...


class GoogleSigner:
    """Puts a bearer token on each call. One refresh at a time, and none on the event loop."""

    def __init__(
        self,
        find: Callable[[], Credentials],
        request: Callable[[], Any],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._find = find
        self._request = request
        self._clock = clock
        self._credentials: Credentials | None = None
        self._renewing: asyncio.Task[None] | None = None

    @classmethod
    def default(cls) -> Self:
        """With the application default credentials, looked for at the first call. Raises NoSigner."""
        try:
            auth = importlib.import_module("google.auth")
            transport = importlib.import_module("google.auth.transport.requests")
        except ImportError:
            raise NoSigner("Vertex AI needs google-auth: pip install 'fareway[google]'") from None
        return cls(lambda: auth.default(scopes=[SCOPE])[0], transport.Request)

    async def signed(self, url: str, headers: Mapping[str, str], body: bytes, method: str = "POST") -> dict[str, str]:
        """See `Signer.signed`."""
        del url, body, method
        left_s = self._left_s()
        if left_s < AHEAD_S:
            renewing = self._renew()
            if left_s < USABLE_S:
                await asyncio.shield(renewing)
        credentials = self._credentials
        if credentials is None or self._left_s() < USABLE_S:
            raise Unreached("There is no token for Google's API: its credentials were not found, or not accepted.")
        given = dict(headers)
        credentials.apply(given)
        return given

    def _left_s(self) -> float:
        """How long the token lasts: no time at all without one."""
        if self._credentials is None or not self._credentials.token:
            return 0.0
        if self._credentials.expiry is None:
            return AHEAD_S
        return (self._credentials.expiry.replace(tzinfo=UTC) - self._clock()).total_seconds()

    def _renew(self) -> asyncio.Task[None]:
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._refreshed())
        return self._renewing

    async def _refreshed(self) -> None:
        """A newer token, where one can be had. What was wrong is for the operator, not for callers."""
        try:
            self._credentials = await asyncio.to_thread(self._refresh)
        except Exception as error:  # noqa: BLE001 - the library raises its own, its transport's, and ValueError
            log.warning("no token for Google's API: %s", error)

    def _refresh(self) -> Credentials:
        credentials = self._credentials or self._find()
        credentials.refresh(self._request())
        return credentials
