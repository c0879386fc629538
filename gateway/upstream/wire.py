"""The one seam to the network: ask a provider, get an open answer. Nothing above knows which HTTP client it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self
from urllib.request import getproxies

import aiohttp

from gateway.core.errors import UpstreamError, UpstreamTimeout

IDLE_CONNECTION_S = 4.0
"""Less than the five seconds after which common servers (uvicorn, so vLLM) close a silent connection:
a request written into a closing connection may or may not have been taken."""

READ_BYTES_MAX = 64 << 20
"""The largest whole answer that is read into memory."""


class Unreached(UpstreamError):
    """No byte of the call can have been taken: there was no connection."""


class Lost(UpstreamError):
    """The call was sent, and the answer did not come or broke off. The provider may have charged."""


class LostWaiting(Lost, UpstreamTimeout):
    """The same, because we stopped waiting."""

    status = 504
    code = "upstream_timeout"


class Answer:
    """A provider's answer: its head is here, its body comes on demand. Close it, always."""

    def __init__(self, response: aiohttp.ClientResponse, idle_s: float) -> None:
        self._response = response
        self._idle_s = idle_s
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    @property
    def is_stream(self) -> bool:
        """Whether the body is server-sent events, whatever was asked for."""
        return self._response.content_type == "text/event-stream"

    async def next_chunk(self) -> bytes:
        """What has arrived since, waiting for something; empty at the end.

        Raises Lost if the body breaks off or stays silent too long.
        """
        try:
            async with asyncio.timeout(self._idle_s):
                return await self._response.content.readany()
        except TimeoutError:
            raise LostWaiting("The provider stopped sending.") from None
        except aiohttp.ClientError as error:
            raise Lost("The provider's answer broke off.") from error

    async def read(self) -> bytes:
        """The whole body. Raises Lost, also if it is larger than READ_BYTES_MAX."""
        content = self._response.content
        if content.is_eof() and content.exception() is None:  # It came with the head.
            return content.read_nowait()
        body = bytearray()
        while chunk := await self.next_chunk():
            body += chunk
            if len(body) > READ_BYTES_MAX:
                raise Lost("The provider's answer is too large.")
        return bytes(body)

    def close(self) -> None:
        """Done with it. If the body was not read to its end, the connection is cut, which aborts the call."""
        self._response.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Wire:
    """Keeps connections to providers. One for the process; close it at the end."""

    def __init__(self, *, connect_s: float, first_byte_s: float, idle_s: float, total_s: float) -> None:
        self._first_byte_s = first_byte_s
        self._idle_s = idle_s
        timeout = aiohttp.ClientTimeout(total=total_s, connect=connect_s, ceil_threshold=1e9)
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_CONNECTION_S)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept"),
            trust_env=bool(getproxies()),  # Asking costs a look at ~/.netrc for every call.
        )

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, *, streams: bool) -> Answer:
        """Ask, and wait for the head of the answer: which comes last where the answer does not stream.

        Raises Unreached, Lost or LostWaiting.
        """
        sent = {**headers, "Accept-Encoding": "identity"}
        asked = self._session.post(url, data=body, headers=sent, allow_redirects=False)
        try:
            if streams:
                async with asyncio.timeout(self._first_byte_s):
                    response = await asked
            else:
                response = await asked  # Within the session's own total time.
        except aiohttp.ClientConnectorError as error:
            raise Unreached("The provider cannot be reached.") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise Unreached("The provider did not accept a connection in time.") from error
        except (TimeoutError, aiohttp.ServerTimeoutError) as error:
            raise LostWaiting("The provider did not answer in time.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Lost("The connection to the provider broke before an answer came.") from error
        return Answer(response, self._idle_s)

    async def get(self, url: str, headers: Mapping[str, str], bytes_max: int) -> tuple[int, Mapping[str, str], bytes]:
        """Fetch a document of at most that size: status, headers, body. Raises UpstreamError."""
        try:
            async with self._session.get(url, headers=dict(headers)) as response:
                body = bytearray()
                while (part := await response.content.readany()) and len(body) <= bytes_max:
                    body += part
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise UpstreamError(f"fetching failed: {type(error).__name__}") from error
        if len(body) > bytes_max:
            raise UpstreamError("the document is larger than allowed")
        return response.status, response.headers, bytes(body)

    async def close(self) -> None:
        """Let all connections go."""
        await self._session.close()
