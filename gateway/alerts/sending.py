"""Sending one message: HTTPS to public addresses alone, unless a target is allowed to be elsewhere; or mail.

Who may write the configuration must not thereby reach into the network that the gateway stands in (server-side request
forgery): the address that is asked is the very one that was looked at, and redirects are not followed.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from ipaddress import IPv6Address, ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from gateway.alerts.shapes import Post, Shape
from gateway.core.address import link_local, wrapped

SEND_S_MAX = 15.0

MAIL_PORTS = {"smtp": 587, "smtps": 465}


class NotSentError(Exception):
    """It did not arrive; the text says why, without a secret."""


class NobodyThereError(NotSentError):
    """No connection, or no answer in time: another message would fare no better, and take as long."""


@dataclass(frozen=True, slots=True)
class Target:
    """Who is told, and of what."""

    name: str  # For people and for the outbox; holds no secret.
    shape: Shape
    to: str = field(repr=False)  # A URL, which may be a secret itself; or an address of mail.
    events: frozenset[str] = frozenset()  # Kinds or families; empty for all.
    secret: str = field(default="", repr=False)  # What webhooks are signed with.
    server: str = field(default="", repr=False)  # Of mail: smtp://user:password@host:587, or smtps://…
    sender: str = ""
    private: bool = False  # May be an address that is not public, and without TLS.

    def wants(self, kind: str, family: str) -> bool:
        """Whether it is told of such a thing."""
        return not self.events or kind in self.events or family in self.events


class PublicOnly(AbstractResolver):
    """Resolves names to public addresses, and refuses others."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        """Raises OSError."""
        found = await self._resolver.resolve(host, port, family)
        public = [one for one in found if is_public(one["host"])]
        if not public:
            raise OSError(f"{host} is no public address")
        return public

    async def close(self) -> None:
        """Nothing is kept."""
        await self._resolver.close()


def is_public(address: str) -> bool:
    """Whether an IP address is anybody's to reach, also where it only wraps another one."""
    found = ip_address(address.partition("%")[0])
    if link_local(address):
        return False
    if isinstance(found, IPv6Address):
        if (inner := wrapped(found)) is not None:
            return is_public(str(inner))
        if found.is_reserved or found.is_site_local:
            return False
    return found.is_global and not found.is_multicast


async def post(target: Target, message: Post) -> None:
    """Raises NotSentError; NobodyThereError without an answer."""
    try:
        url = URL(target.to)
        host = url.host or ""  # As it is asked: http://%31%32%37.0.0.1 and http://①27.0.0.1 lead to 127.0.0.1.
    except ValueError:
        raise NotSentError("its address is no URL") from None
    if not target.private and url.scheme != "https":
        raise NotSentError("only https is asked, unless `private` allows it")
    if not target.private and _is_literal(host) and not is_public(host):
        raise NotSentError(f"{host} is no public address")
    try:
        status = await _posted(url, message, None if target.private else PublicOnly())
    except TimeoutError:
        raise NobodyThereError(f"no answer within {SEND_S_MAX:.0f} s") from None
    except aiohttp.ClientConnectionError as error:
        raise NobodyThereError(_why(error)) from None
    except Exception as error:  # noqa: BLE001 - whatever one message meets, the sending of others must not end with it.
        raise NotSentError(_why(error)) from None
    if not 200 <= status < 300:
        raise NotSentError(f"answered with status {status}")


async def _posted(url: URL, message: Post, resolver: PublicOnly | None) -> int:
    """The status of the answer."""
    timeout = aiohttp.ClientTimeout(total=SEND_S_MAX)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver), timeout=timeout) as session,
        session.post(url, data=message.body, headers=message.headers, allow_redirects=False) as answer,
    ):
        return answer.status


async def send_mail(target: Target, message: EmailMessage) -> None:
    """Raises NotSentError."""
    try:
        await asyncio.to_thread(_mail, target.server, message)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotSentError(_why(error)) from None


def _mail(server: str, message: EmailMessage) -> None:
    url = urlsplit(server)
    host, port = url.hostname or "", url.port or MAIL_PORTS[url.scheme]
    context = ssl.create_default_context()
    secure = url.scheme == "smtps"
    connection: smtplib.SMTP
    if secure:
        connection = smtplib.SMTP_SSL(host, port, timeout=SEND_S_MAX, context=context)
    else:
        connection = smtplib.SMTP(host, port, timeout=SEND_S_MAX)
    with connection:
        connection.ehlo_or_helo_if_needed()  # Else it is not known what the server offers.
        if not secure and connection.has_extn("starttls"):
            connection.starttls(context=context)
            secure = True
        if url.username and not secure:
            raise smtplib.SMTPNotSupportedError("the password would travel in the open")
        if url.username:
            connection.login(unquote(url.username), unquote(url.password or ""))
        connection.send_message(message)


def _why(error: Exception) -> str:
    """The kind alone: its text may hold the URL."""
    return f"not reached: {type(error).__name__}"


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
