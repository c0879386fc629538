"""Where a URL leads: which origin, which request line, and the head of the request. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from gateway.upstream.errors import Unreached

_PORTS = {"http": 80, "https": 443}
_TELLING = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose request says its length also where it has no body (RFC 9110, section 8.6)."""

_PATH_SAFE = "/:@!$&'()*+,;=~%-._"
_QUERY_SAFE = _PATH_SAFE + "?"


class Origin(NamedTuple):
    """Whom a connection is to."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class Target(NamedTuple):
    """What is asked of whom."""

    origin: Origin
    path: str  # With its query.


@lru_cache(maxsize=1024)
def target(url: str) -> Target:
    """Read a URL. Raises Unreached for one that leads nowhere."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode()
        port = parts.port or _PORTS.get(parts.scheme, 0)
        path = quote(parts.path or "/", safe=_PATH_SAFE, errors="surrogateescape")
        query = f"?{quote(parts.query, safe=_QUERY_SAFE, errors='surrogateescape')}" if parts.query else ""
    except ValueError:
        raise Unreached("The provider's URL is not one.") from None
    if not host or parts.scheme not in _PORTS:
        raise Unreached("The provider's URL does not begin with http:// or https:// and a host.")
    if parts.username is not None:
        raise Unreached("The provider's URL holds a user's name; credentials belong into key or headers.")
    return Target(Origin(parts.scheme, host, port), path + query)


def request_head(method: str, line: str, host: str, headers: Mapping[str, str], size: int) -> bytes:
    """The head of a request (RFC 9112, section 3). Raises Unreached for a header that would end it early."""
    fields = "\r\n".join([f"{name}: {value}" for name, value in headers.items()])
    breaks = max(0, len(headers) - 1)
    length = f"Content-Length: {size}\r\n" if size or method in _TELLING else ""
    head = f"{method} {line} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\n{length}{fields}"
    try:
        sent = (head + ("\r\n\r\n" if headers else "\r\n")).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Unreached("A header of the call cannot be sent.") from None
    if fields.count("\r") != breaks or fields.count("\n") != breaks or "\0" in fields:
        raise Unreached("A header of the call cannot be sent.")
    return sent
