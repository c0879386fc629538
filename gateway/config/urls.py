"""URLs of the configuration: whom the gateway asks because its operator says so."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from gateway.config.units import UnreadableError
from gateway.core.address import link_local

_METADATA = frozenset(
    {"metadata.google.internal", "metadata.goog", "metadata", "instance-data.ec2.internal", "instance-data"}
)


def url(value: str) -> str:
    """An address without credentials. Raises UnreadableError; the text may hold a password and is not repeated."""
    example = "such as https://api.example.com/v1"
    try:
        parts = urlsplit(value)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not re.fullmatch(r"[!-~]+", value):
        raise UnreadableError(f"must be an http or https URL, {example}")
    if "@" in parts.netloc:
        raise UnreadableError(f"must have no user or password in it, {example}")
    if "%" in re.sub(r"^\[[^]]*\]", "", parts.netloc):  # Some who connect decode it. An IPv6 address may have a zone.
        raise UnreadableError(f"must have no % in its host, {example}")
    if "\\" in parts.netloc:  # Some who connect end the host there, as at a slash.
        raise UnreadableError(f"must have no \\ in its host, {example}")
    return value


def base_url(value: str) -> str:
    """A URL to which paths are appended: no query, no slash at its end. Raises UnreadableError."""
    if "?" in value or "#" in value:
        raise UnreadableError("must have no ? or #, such as https://api.example.com/v1: paths are appended to it")
    return _not_metadata(url(value)).rstrip("/")


def feed(value: object) -> str | None:
    """A URL, or None for off. Raises UnreadableError."""
    if value is False or value == "off":
        return None
    if isinstance(value, str) and "://" in value:
        return _not_metadata(url(value))
    raise UnreadableError("must be off, or an http or https URL, such as https://example.com/prices.json")


def _not_metadata(value: str) -> str:
    """A URL that leads neither to a cloud's metadata nor to the link: whoever slips one into the configuration would
    have what is there read as a provider's answer or a feed. Raises UnreadableError."""
    host = (urlsplit(value).hostname or "").rstrip(".")
    with suppress(OSError):  # 2852039166, 0xa9fea9fe and 0251.0376.43518 are addresses for whoever connects.
        host = socket.inet_ntoa(socket.inet_aton(host))
    try:
        refused = link_local(host)
    except ValueError:
        refused = host in _METADATA
    if refused:
        raise UnreadableError("must not be an address of the link or of a cloud's metadata, such as 169.254.169.254")
    return value
