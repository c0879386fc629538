"""Paths below a provider's name: which of our own they stand for, and where they lie at the provider. Pure.

`/groq/openai/v1/models`, as Groq's own clients say it, `/groq/v1/models` and `/groq/models` are one path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.catalog.providers import Access, Provider

OTHER_NAMES = {"gemini": "google"}
"""Prefixes that are not the names of providers."""

_VERSION = re.compile(r"v\d+(?:(?:alpha|beta)\d*)?", re.IGNORECASE)


class Place(NamedTuple):
    """Where a path lies at a provider."""

    access: Access
    url: str


def provider_at(prefix: str, providers: Mapping[str, Provider]) -> Provider | None:
    """The provider that is meant by the first part of a path; None if none of that name is used here."""
    return providers.get(prefix) or providers.get(OTHER_NAMES.get(prefix, ""))


def spoken(provider: Provider, rest: str) -> str:
    """The path by which we know what lies there, whatever the provider puts before it: the version comes first."""
    for access in provider.addresses:
        base = _path(access)
        if shared := _shared(base, rest):
            return _versioned(base, rest.removeprefix(shared))
    return rest if _is_version(_first(rest)) else _versioned(_path(provider.addresses[0]), rest)


def located(provider: Provider, rest: str) -> Place:
    """Where that is. What the path begins with and the provider's address ends with is said once; another version
    than the address names stands in its place."""
    for access in provider.addresses:
        base = _path(access)
        if shared := _shared(base, rest):
            return Place(access, _origin(access) + base.removesuffix(shared) + rest)
    if _is_version(_first(rest)):
        for access in reversed(provider.addresses):
            before = _before_version(_path(access))
            if before is not None:
                return Place(access, f"{_origin(access)}{before}{rest}")
    access = provider.addresses[0]
    return Place(access, access.base_url + rest)


def _shared(base: str, rest: str) -> str:
    """The longest path that an address ends with and this one begins with; empty if there is none."""
    parts = base.split("/")
    ends = ("/" + "/".join(parts[number:]) for number in range(1, len(parts)))
    return next((end for end in ends if rest.startswith(f"{end}/")), "")


def _path(access: Access) -> str:
    return urlsplit(access.base_url).path.rstrip("/")


def _origin(access: Access) -> str:
    parts = urlsplit(access.base_url)
    return f"{parts.scheme}://{parts.netloc}"


def _first(path: str) -> str:
    return path.split("/", 2)[1]


def _is_version(part: str) -> bool:
    return _VERSION.fullmatch(part) is not None


def _versioned(base: str, rest: str) -> str:
    last = base.rpartition("/")[2]
    return f"/{last}{rest}" if _is_version(last) else f"/v1{rest}"


def _before_version(path: str) -> str | None:
    """What of an address stands before its version; None if it names none."""
    parts = path.split("/")
    for number, part in enumerate(parts):
        if _is_version(part):
            return "/".join(parts[:number])
    return None
