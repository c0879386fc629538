"""Which headers travel. Ours and the connection's own stay behind; everything else passes, beta flags included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# RFC 9110 section 7.6.1, and what each side of a gateway must say for itself.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
}
_NOT_UP = _HOP_BY_HOP | {
    "host",
    "authorization",  # The caller's key is for us alone.
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-amz-date",  # Of the caller's signature, which was for us.
    "x-amz-security-token",
    "x-amz-content-sha256",
    "cookie",
    "accept-encoding",  # Usage must be readable, so answers come as they are.
    "content-encoding",
    "expect",
    "idempotency-key",  # Two callers may have chosen the same; and our own repeats are other calls.
    "x-request-id",  # The caller's name for the call is not the provider's business.
    "forwarded",
    "via",
    "x-goog-fieldmask",  # It could cut the usage out of an answer,
    "x-goog-user-project",  # bill another's project,
    "openai-organization",  # or one of the operator's that the operator has not chosen,
    "openai-project",
    "x-http-method-override",  # or make another call of this one.
    "x-http-method",
    "x-method-override",
}
_NOT_DOWN = _HOP_BY_HOP | {
    *("set-cookie", "content-encoding", "server", "date", "alt-svc", "strict-transport-security"),
    *("openai-organization", "openai-project", "anthropic-organization-id"),  # Whose account it is.
}


def for_provider(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """What of the caller's headers goes up. Names are in lower case."""
    return {
        name: value
        for name, value in headers
        if name not in _NOT_UP and not name.startswith(("x-fareway-", "x-forwarded-"))
    }


_OF_ANY_DIALECT = {"user-agent", "traceparent", "tracestate", "baggage"}


def for_stranger(headers: Mapping[str, str]) -> dict[str, str]:
    """What of those goes to a provider whose dialect the caller does not speak: nothing that belongs to a dialect."""
    told = {name: value for name, value in headers.items() if name in _OF_ANY_DIALECT}
    return {"content-type": "application/json", **told}


def for_caller(headers: Mapping[str, str]) -> dict[str, str]:
    """What of the provider's headers comes back, its request ids and rate limits included. Names are in lower case."""
    return {name: value for name, value in headers.items() if name not in _NOT_DOWN}
