"""The one seam to the network: ask a provider, get an open answer. Nothing above knows how.

send ─▶ target    which origin, which request line
─▶ pool      a connection that is open, or a new one (connect: name, address, proxy, TLS)
─▶ connection.ask ─▶ Answer
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urljoin
from urllib.request import getproxies

from gateway.core.errors import UpstreamError
from gateway.upstream.answer import Answer, Patience
from gateway.upstream.connect import Connector
from gateway.upstream.errors import Unreached
from gateway.upstream.pool import Pool
from gateway.upstream.target import Origin, request_head, target
from gateway.upstream.tls import ClientTls

REDIRECTS_MAX = 5
"""Of a document. A call is never sent elsewhere: its key would go along."""

_REDIRECTS = {301, 302, 303, 307, 308}


class Wire:
    """Keeps connections to providers. One for the process; close it at the end."""

    def __init__(
        self,
        *,
        connect_s: float,
        first_byte_s: float,
        idle_s: float,
        total_s: float,
        tls: ClientTls | None = None,
    ) -> None:
        self._connector = Connector(connect_s, tls or ClientTls(), getproxies())
        self._pool = Pool(self._connector)
        self.wait(connect_s=connect_s, first_byte_s=first_byte_s, idle_s=idle_s, total_s=total_s)

    def wait(self, *, connect_s: float, first_byte_s: float, idle_s: float, total_s: float) -> None:
        """For so long from now on. Calls that have left wait as they began to."""
        self._connector.connect_s = connect_s
        self._streaming = Patience(head=first_byte_s, idle=idle_s, total=total_s)
        self._whole = Patience(head=total_s, idle=idle_s, total=total_s)

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes, *, streams: bool, leaving: Callable[[], None]
    ) -> Coroutine[Any, Any, Answer]:
        """`send` a POST, as every call to a model is."""
        return self.send("POST", url, headers, body, streams=streams, leaving=leaving)

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        streams: bool,
        leaving: Callable[[], None],
    ) -> Answer:
        """Ask, and wait for the head of the answer: which comes last where the answer does not stream. Not for HEAD,
        whose answer has a length and no body: ask with GET.

        `leaving` is called once there is a connection and the first byte goes out; where it raises, none does.
        Raises that, Unreached, Lost or LostWaiting.
        """
        origin, head = self._request(method, url, headers, len(body))
        connection = self._pool.idle(origin) or await self._pool.connect(origin)
        try:
            leaving()
        except BaseException:
            connection.close()
            raise
        answer = connection.ask(head, body, self._streaming if streams else self._whole)
        await answer.head()
        return answer

    async def get(
        self, url: str, headers: Mapping[str, str], bytes_max: int, *, follow: bool = True
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Fetch a document of at most that size: status, headers, body. `follow`: also where it has moved, with the
        same headers; never where they hold a key, and never to an address of the link, whatever its name is said to
        be in that moment. Raises UpstreamError."""
        for _ in range(REDIRECTS_MAX + 1):
            origin, head = self._request("GET", url, headers, 0)
            connection = self._pool.idle(origin) or await self._pool.connect(origin)
            if follow and connection.at_link:
                connection.close()
                raise Unreached("the document is at an address of the link, where nobody publishes any")
            async with connection.ask(head, b"", self._whole) as answer:
                await answer.head()
                location = answer.headers.get("location")
                if follow and answer.status in _REDIRECTS and location is not None:
                    url = _redirected(url, location)
                    continue
                body = bytearray()
                while part := await answer.next_chunk():
                    body += part
                    if len(body) > bytes_max:
                        raise UpstreamError("the document is larger than allowed")
                return answer.status, answer.headers, bytes(body)
        raise UpstreamError("the document is always somewhere else")

    async def close(self) -> None:
        """Let all connections go."""
        await self._pool.close()

    def _request(self, method: str, url: str, headers: Mapping[str, str], size: int) -> tuple[Origin, bytes]:
        """Whom to ask, and the head of the request. Raises Unreached."""
        origin, path = target(url)
        line = path
        if origin.scheme == "http" and (proxy := self._connector.proxy(origin)) is not None:
            line = f"http://{origin.authority}{path}"
            if proxy.authorization is not None:
                headers = {**headers, "Proxy-Authorization": proxy.authorization}
        return origin, request_head(method, line, origin.authority, headers, size)


def _redirected(url: str, location: str) -> str:
    """Where a document is said to be. Raises UpstreamError for a way that is less safe."""
    try:
        there = urljoin(url, location)
    except ValueError:
        raise UpstreamError("the document was moved to what is no URL") from None
    if target(url).origin.scheme == "https" and target(there).origin.scheme != "https":
        raise UpstreamError("the document was moved to where TLS does not protect it")
    if target(url).origin.host != target(there).origin.host:  # Or who writes it could have us ask our own network.
        raise UpstreamError("the document was moved to another host: name that one")
    return there
