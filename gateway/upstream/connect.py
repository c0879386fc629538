"""Opening connections: names, addresses, proxies, TLS. Here nothing of a call has left: every failure is Unreached."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass

import aiohappyeyeballs

from gateway.upstream.connection import Connection
from gateway.upstream.errors import Unreached
from gateway.upstream.names import Addresses, Names
from gateway.upstream.target import Origin
from gateway.upstream.tls import ClientTls

SECOND_ADDRESS_AFTER_S = 0.25
"""Happy eyeballs (RFC 8305, section 8): how long the first address may take before the next is tried beside it."""

PROXY_ANSWER_BYTES_MAX = 16 << 10

KEEP_ALIVE_AFTER_S, KEEP_ALIVE_EVERY_S = 60, 15
"""An answer may take minutes in silence, which firewalls and NATs take for the end unless TCP itself says otherwise."""


class Proxy(NamedTuple):
    """An HTTP proxy, from HTTP_PROXY, HTTPS_PROXY or ALL_PROXY."""

    host: str
    port: int
    authorization: str | None

    @classmethod
    def read(cls, url: str) -> Proxy:
        """Raises Unreached for a kind of proxy that we do not speak to."""
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            host, port = parts.hostname, parts.port or 80
        except ValueError:
            host = None
        if not host or parts.scheme != "http":
            raise Unreached("The environment names a proxy that is not an http:// one.")
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        authorization = f"Basic {base64.b64encode(user.encode()).decode()}" if user else None
        return cls(host, port, authorization)


class Connector:
    """Opens connections within `connect_s`. `proxies`: by scheme, as urllib.request.getproxies() gives them."""

    def __init__(self, connect_s: float, tls: ClientTls, proxies: Mapping[str, str]) -> None:
        self.connect_s = connect_s
        self._tls = tls
        self._proxies = dict(proxies)
        self._names = Names()

    def proxy(self, origin: Origin) -> Proxy | None:
        """The proxy that the environment wants between us and this origin. Raises Unreached."""
        url = self._proxies.get(origin.scheme) or self._proxies.get("all")
        if url is None or proxy_bypass(f"{origin.host}:{origin.port}"):
            return None
        return Proxy.read(url)

    async def connect(self, origin: Origin, made: Callable[[], Connection]) -> Connection:
        """An open connection. Raises Unreached."""
        try:
            async with asyncio.timeout(self.connect_s):
                return await self._open(origin, made)
        except TimeoutError as error:
            raise Unreached("The provider did not accept a connection in time.") from error
        except (OSError, UnicodeError) as error:  # TLS errors are OSErrors; a host's name can be none.
            raise Unreached("The provider cannot be reached.") from error

    def remember(self, origin: Origin, connection: Connection) -> None:
        """This connection has served: the next one to the same host can begin sooner."""
        if connection.tls is not None:
            self._tls.remember(origin.host, connection.tls)

    async def _open(self, origin: Origin, made: Callable[[], Connection]) -> Connection:
        loop, proxy = asyncio.get_running_loop(), self.proxy(origin)
        host, port = (proxy.host, proxy.port) if proxy else (origin.host, origin.port)
        sock = await _connected(await self._names.addresses(host, port))
        if proxy is not None and origin.scheme == "https":
            try:
                await _tunnel(sock, origin, proxy)
            except BaseException:
                sock.close()
                raise
        tls, name = (self._tls, origin.host) if origin.scheme == "https" else (None, None)
        # From here on the socket is the transport's, to be closed by it alone: its number may be another's at once.
        _, connection = await loop.create_connection(made, sock=sock, ssl=tls, server_hostname=name)
        return connection


async def _connected(addresses: Addresses) -> socket.socket:
    sock = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=SECOND_ADDRESS_AFTER_S, interleave=1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_ALIVE_AFTER_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_ALIVE_EVERY_S)
    return sock


async def _tunnel(sock: socket.socket, origin: Origin, proxy: Proxy) -> None:
    """Ask the proxy for a way through (RFC 9110, section 9.3.6). Raises Unreached if it says no."""
    loop = asyncio.get_running_loop()
    authority = f"{origin.authority.removesuffix(f':{origin.port}')}:{origin.port}"
    authorization = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    asked = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n"
    await loop.sock_sendall(sock, asked.encode())
    said = b""
    while b"\r\n\r\n" not in said:
        part = await loop.sock_recv(sock, PROXY_ANSWER_BYTES_MAX - len(said))
        said += part
        if not part or len(said) >= PROXY_ANSWER_BYTES_MAX:
            raise Unreached("The proxy did not answer as one.")
    status = said.split(None, 2)[1:2]
    if not said.startswith(b"HTTP/1.") or not status or not status[0].startswith(b"2"):
        raise Unreached("The proxy refused the way to the provider.")
    if not said.endswith(b"\r\n\r\n"):
        raise Unreached("The proxy said more than it should.")
