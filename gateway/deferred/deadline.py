"""By when a caller wants its answer, and where it is told that it is there."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from yarl import URL

from gateway.config.units import duration
from gateway.core.caller import Key
from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.deferred.record import as_text

DEADLINE, WEBHOOK = "x-fareway-deadline", "x-fareway-webhook"

NONE = "none"
"""What the header says where a key has a deadline of its own and this call is to be answered now."""

DEADLINE_S_MIN, DEADLINE_S_MAX = 1.0, 7 * 86_400.0

URL_CHARACTERS_MAX = 2000

_CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "proxy-authorization"})
_SPENT = frozenset({DEADLINE, WEBHOOK, "idempotency-key", "x-amz-security-token", "content-length", "expect"})
"""What has been heeded when the call was taken."""


def wanted_s(headers: Mapping[str, str], key: Key) -> float | None:
    """Seconds from now until the answer must be there; None where it is wanted now. Raises BadRequest."""
    said = headers.get(DEADLINE)
    if said is None:
        return key.deadline_s
    return None if said.strip() == NONE else seconds(said)


def seconds(said: str) -> float:
    """A deadline as people write it. Raises BadRequest."""
    try:
        wanted = duration(said.strip())
    except ValueError:
        raise BadRequest(f"{DEADLINE} must be a duration, such as 30s, 10m, 2h or 1d, or none", DEADLINE) from None
    if not DEADLINE_S_MIN <= wanted <= DEADLINE_S_MAX:
        raise BadRequest(f"{DEADLINE} must be from 1s to 7d", DEADLINE)
    return wanted


def told_at(headers: Mapping[str, str], key: Key, *, private: bool) -> str:
    """The URL that hears of the end; empty where there is none. Raises BadRequest."""
    url = headers.get(WEBHOOK, key.webhook).strip()
    return checked_url(url, private=private) if url else ""


def checked_url(url: str, *, private: bool) -> str:
    """A URL that may be told, read as it is when it is asked. Whether its address is public is seen then. Raises
    BadRequest."""
    try:
        parts = URL(url)
        good = bool(parts.host) and parts.scheme in ({"https", "http"} if private else {"https"})
    except ValueError:
        good = False
    if not good or len(url) > URL_CHARACTERS_MAX or not url.isascii() or not url.isprintable():
        unless = "" if private else " (http:// only where the gateway's configuration has deferred.private_webhooks)"
        raise BadRequest(f"{WEBHOOK} must be a URL that begins with https://{unless}", WEBHOOK)
    return url


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """What stays of the head while a call waits: nothing that shows a key."""
    return {name: as_text(value) for name, value in headers.items() if name not in _CREDENTIALS | _SPENT}


def kept_asked(asked: Asked) -> Asked:
    """The same for what the path says; the body is kept beside it. Google's clients may show their key in the query."""
    query = urlencode([(name, value) for name, value in parse_qsl(asked.query, True) if name != "key"])
    kind, betas, tier = as_text(asked.content_type), as_text(asked.betas), as_text(asked.tier)
    return Asked(b"", asked.model, asked.verb, query, kind, betas, tier, asked.provider)
