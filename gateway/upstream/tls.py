"""TLS to providers: certificates are checked, and the next handshake with a host begins where the last one ended."""

from __future__ import annotations

import ssl
from typing import Any, Self


class ClientTls(ssl.SSLContext):
    """Resumes sessions (RFC 8446, section 2.2): a new connection then costs one round trip and no signatures."""

    _sessions: dict[str, ssl.SSLSession]

    def __new__(cls) -> Self:
        """The system's authorities, HTTP/1.1 alone."""
        context = super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)
        context.load_default_certs()
        context.set_alpn_protocols(["http/1.1"])
        context._sessions = {}
        return context

    def remember(self, host: str, connection: ssl.SSLObject) -> None:
        """Keep what the host gave for the next handshake, which comes with its first answer."""
        if (session := connection.session) is not None and session.has_ticket:
            self._sessions[host] = session

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """What event loops call for a new connection."""
        known: Any = self._sessions.get(str(server_hostname))
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session or known)
