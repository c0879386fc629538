"""Where a path leads that is none of the plain ones: below a provider's name, or written in another way. Pure.

A path that others could read as another one is refused, never guessed: what goes on to a provider is what was metered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from gateway.catalog.prefixes import OTHER_NAMES, provider_at, spoken
from gateway.catalog.providers import KNOWN, Provider
from gateway.core.errors import BadRequest, NotFound
from gateway.front.surfaces import Surface, surface_of

ALIASES = frozenset({"anthropic", "bedrock", "cohere", *OTHER_NAMES})
"""First parts of paths that stand for a dialect where no provider of that name is used."""

REMEMBERED_MAX, REMEMBERED_CHARACTERS_MAX = 1024, 256
"""Paths, and the length of each: callers may invent any number."""

_PLAIN = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,=:@/%]*+")
_ENCODED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_AMBIGUOUS = frozenset(' /\\%;?#"<>')
_SLASHES = re.compile(r"//+")


_OURS = re.compile(r"/v1/(?:responses|files|batches|models|messages/batches)(?:/.*)?")
"""Beside the surfaces, what belongs to somebody or is answered here."""

_LIKE_OURS = re.compile(_OURS.pattern, re.IGNORECASE)

MODELS = frozenset({"/v1/models", "/v1beta/models"})
_MODEL = re.compile(r"(/v1(?:beta)?/models)/(.+)")


class Way(NamedTuple):
    """Where a path leads."""

    path: str  # By which we know it, the provider's name left out.
    provider: Provider | None = None  # The only one that a call may go to.
    surface: Surface | None = None  # What is spoken there, for a POST.
    rest: str = ""  # What stands behind the provider's name; empty where it may not be passed on.
    model: str = ""  # Behind /v1/models: the one that is asked about.


class Ways:
    """Where paths lead, with these providers. Those that calls are made to are remembered: few, and asked for often."""

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._known: dict[str, Way] = {}

    def find(self, path: str) -> Way:
        """See `way_of`."""
        way = self._known.get(path)
        if way is None:
            way = way_of(path, self._providers)
            if way.surface is not None and len(path) <= REMEMBERED_CHARACTERS_MAX:
                if len(self._known) >= REMEMBERED_MAX:
                    self._known.clear()
                self._known[path] = way
        return way


def way_of(raw: str, providers: Mapping[str, Provider]) -> Way:
    """Where this path leads. Raises BadRequest for one that may mean several things, and NotFound."""
    prefix, slash, below = _SLASHES.sub("/", raw)[1:].partition("/")
    provider = provider_at(prefix, providers) if slash else None
    if provider is not None:
        return _below(provider, f"/{below}")
    if slash and prefix in KNOWN and prefix not in ALIASES:
        raise NotFound(f"No provider named {prefix} is used here.")
    path = f"/{below}" if slash and prefix in ALIASES else raw
    surface = surface_of(path)
    if surface is None and (found := _MODEL.fullmatch(path)) is not None:
        return Way(found[1], model=unquote(found[2]))
    return Way(path, surface=surface)


def _below(provider: Provider, rest: str) -> Way:
    """Models in paths may hold what other parts may not: so what names one comes first."""
    for known in (rest, spoken(provider, rest)):
        if (surface := surface_of(known)) is not None:
            return Way(known, provider, surface, _passable(rest))
        if (found := _MODEL.fullmatch(known)) is not None:
            return Way(found[1], provider, None, _passable(rest), unquote(found[2]))
    rest = tidied(rest)
    known = spoken(provider, rest)
    return Way(known, provider, _surface(known), rest)


def nothing_at(path: str) -> str:
    """What to tell who asks for a path that is not there. Most have a base URL that their client does not expect."""
    if _leads("/v1" + path):
        return "There is nothing at this path. The base URL of this client ends with /v1."
    if path.startswith("/v1/") and _leads(path.removeprefix("/v1")):
        return "There is nothing at this path. The base URL of this client ends without /v1: it adds that itself."
    if _leads(path.rstrip("/")):
        return "There is nothing at this path: it ends without a slash."
    if path.startswith("/admin/"):
        return "There is nothing at this path. The admin API has a port of its own: 4001, or server.admin_port."
    return "There is nothing at this path."


def _leads(path: str) -> bool:
    return surface_of(path) is not None or _OURS.fullmatch(path) is not None or path in MODELS


def _passable(rest: str) -> str:
    """As `tidied`, and empty where that refuses."""
    try:
        return tidied(rest)
    except BadRequest:
        return ""


def tidied(path: str) -> str:
    """The path as it is best written. Raises BadRequest for one that others may take for another."""
    if not _PLAIN.fullmatch(path):
        raise BadRequest("The path holds characters that must be encoded, or that no path here has.")
    if "%" in _ENCODED.sub("", path):
        raise BadRequest("The path has a % that encodes nothing.")
    path = _ENCODED.sub(_decoded, path).rstrip("/") or "/"
    if any(part in {".", ".."} for part in path.split("/")):
        raise BadRequest("The path must not have . or .. in it.")
    return path


def _decoded(found: re.Match[str]) -> str:
    """What needs no encoding is not encoded; the rest stays."""
    character = chr(int(found[1], 16))
    if character in _UNRESERVED:
        return character
    if character in _AMBIGUOUS or character < " " or character == "\x7f":
        raise BadRequest(f"The path has an encoded {character!r}, which others may read in another way.")
    return found[0].upper()


def _surface(path: str) -> Surface | None:
    """What is spoken there. Raises NotFound where only the case of letters is another: some servers do not mind."""
    surface = surface_of(path)
    if surface is not None or _OURS.fullmatch(path):
        return surface
    if _LIKE_OURS.fullmatch(path) or surface_of(path.lower()) is not None:
        raise NotFound("There is nothing at this path: it is written in small letters.")
    return None
