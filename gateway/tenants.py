"""Who asks: virtual keys and the chain above them.

A key is `fw-<id of 12>-<secret of 43>`. The id is public and finds the record; of the secret only an
HMAC is kept, under a pepper that lives in a file of its own, so that neither a copied database nor a
copied pepper opens anything. A fast hash is enough: the secret has 256 bits of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from msgspec import structs

from gateway.core.caller import Key
from gateway.core.errors import BadRequest, Forbidden, GatewayError, Unauthorized

_TOKEN = re.compile(r"fw-([0-9a-z]{12})-([A-Za-z0-9_-]{43})")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
VERIFIED_MAX = 100_000
"""Tokens whose check is remembered."""

TAGS = "x-fareway-tags"
TAGS_MAX = 8
_TAG = re.compile(r"[^\s*,]{1,100}")

_AWS = re.compile(r"Credential=([^/,\s]+)/")
_HEADERS = ("x-api-key", "api-key", "x-goog-api-key")


def new_key(pepper: bytes, template: Key) -> tuple[Key, str]:
    """A key like the template with an id and a secret of its own, and the token that is shown once."""
    name = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    secret = secrets.token_urlsafe(32)
    caller = structs.replace(template.caller, key_id=name)
    return replace(template, id=name, digest=digest(pepper, secret), caller=caller), f"fw-{name}-{secret}"


def rotated(pepper: bytes, key: Key, until: float) -> tuple[Key, str]:
    """The same key with another secret, and the token that is shown once. The secret before is good until then."""
    secret = secrets.token_urlsafe(32)
    new = replace(key, digest=digest(pepper, secret), former_digest=key.digest, former_until=until)
    return new, f"fw-{key.id}-{secret}"


def is_token(text: str) -> bool:
    """Whether it has the form of a gateway's key, this one's or another's."""
    return _TOKEN.fullmatch(text) is not None


def digest(pepper: bytes, secret: str) -> bytes:
    """What is stored of a secret."""
    return hmac.digest(pepper, secret.encode(), hashlib.sha256)


def presented(headers: Mapping[str, str]) -> str:
    """The one token that a caller shows, wherever client libraries put it: names are in lower case, each there once.

    Raises Unauthorized or BadRequest.
    """
    shown = {headers[name].strip() for name in _HEADERS if name in headers}
    if authorization := headers.get("authorization"):
        shown.add(_authorized(authorization))
    if not shown:
        raise Unauthorized("No API key was given. Send it as `Authorization: Bearer fw-…`.")
    if len(shown) > 1:
        raise BadRequest("Two different API keys were given in one request.")
    return shown.pop()


def _authorized(authorization: str) -> str:
    """The token in an Authorization header; empty for one of another kind.

    AWS's clients show a key id and a signature. The token is the key id then: it holds its own secret, so that the
    signature, under whatever secret access key, proves nothing more.
    """
    scheme, _, shown = authorization.partition(" ")
    if scheme == "AWS4-HMAC-SHA256":
        found = _AWS.match(shown.strip())
        return found[1] if found else ""
    return shown.strip() if scheme.lower() == "bearer" else ""


def tagged(key: Key, headers: Mapping[str, str]) -> Key:
    """The key with the tags that this call brings besides. Raises BadRequest."""
    text = headers.get(TAGS)
    if text is None:
        return key
    tags = tuple(dict.fromkeys(tag for part in text.split(",") if (tag := part.strip())))
    if len(tags) > TAGS_MAX or not all(_TAG.fullmatch(tag) and tag.isprintable() for tag in tags):
        raise BadRequest(f"{TAGS} takes up to {TAGS_MAX} names without spaces or stars, with commas between.", TAGS)
    return replace(key, caller=structs.replace(key.caller, brought_tags=tags))


class Tenants:
    """Knows every key. `find` reads one from the store, which has the last word on what is not known yet."""

    def __init__(self, pepper: bytes, keys: Mapping[str, Key], find: Callable[[str], Key | None]) -> None:
        self._pepper = pepper
        self._keys = dict(keys)
        self._find = find
        self._verified: dict[bytes, Key] = {}  # By a fast keyed hash of the whole token; never the token itself.
        self._probable: dict[int, str] = {}  # By a still faster one: the key's id.

    @property
    def known(self) -> dict[str, Key]:
        """All keys that are known at this moment, by id."""
        return dict(self._keys)

    def key(self, name: str, now: float) -> Key:
        """The key of that id, for a call that was taken when it was shown. Raises Unauthorized once it is not good any
        more."""
        key = self._keys.get(name) or self._learn(name)
        if key is None or not key.good(now):
            raise Unauthorized(_UNKNOWN)
        return key

    def replace_all(self, keys: Mapping[str, Key]) -> None:
        """The store has changed: forget what was known."""
        self._keys = dict(keys)
        self._verified.clear()
        self._probable.clear()

    def probably(self, headers: Mapping[str, str]) -> str:
        """The id of the key that these headers show, if that can be told without the store; else nothing. It costs
        little, and lets nobody in."""
        try:
            token = presented(headers)
        except GatewayError:
            return ""
        return self._probable.get(hash(token)) or self._recognized(token)

    def identify(self, headers: Mapping[str, str], now: float, origin: Callable[[], str] | None = None) -> Key:
        """The key that these headers show. Raises Unauthorized, always with the same words, or Forbidden.

        `origin` tells the address of whoever shows it. It is asked only for keys that are good from some networks
        alone; without it they are good from nowhere.
        """
        token = presented(headers)
        mark = hashlib.blake2b(token.encode(errors="replace"), key=self._pepper, digest_size=16).digest()
        key = self._verified.get(mark) or self._verify(token, now)
        key = _usable(key, now, origin)
        if mark not in self._verified and len(self._verified) < VERIFIED_MAX:
            self._verified[mark], self._probable[hash(token)] = key, key.id
        return key

    def holder(self, name: str, now: float, origin: Callable[[], str]) -> Key:
        """The key of this id, for somebody who has shown its token before. Raises as `identify` does."""
        return _usable(self._keys.get(name) or self._learn(name), now, origin)

    def _recognized(self, token: str) -> str:
        """As `probably`, of a token that is shown for the first time."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            return ""
        key, shown = self._keys.get(match[1]), digest(self._pepper, match[2])
        if not hmac.compare_digest(shown, key.digest if key else bytes(32)) or key is None:
            return ""
        if len(self._probable) < VERIFIED_MAX:
            self._probable[hash(token)] = key.id
        return key.id

    def _verify(self, token: str, now: float) -> Key | None:
        match = _TOKEN.fullmatch(token)
        if match is None:
            return None
        name, shown = match[1], digest(self._pepper, match[2])
        known = self._keys.get(name)
        key = known or self._learn(name)
        opened = _opened(key, shown, now)
        if opened is None and known is not None and (key := self._learn(name)) not in (None, known):
            opened = _opened(key, shown, now)  # It was rotated a moment ago, by another process.
        return opened

    def _learn(self, name: str) -> Key | None:
        key = self._find(name)
        if key is not None:
            self._keys[name] = key
        return key


def _usable(key: Key | None, now: float, origin: Callable[[], str] | None) -> Key:
    """The key, if it is good now and there. Raises Unauthorized or Forbidden."""
    if key is None or not key.good(now):
        raise Unauthorized(_UNKNOWN)
    if key.networks and not (origin is not None and within(key.networks, origin())):
        raise Forbidden("This key may not be used from your address.")
    return key


def _opened(key: Key | None, shown: bytes, now: float) -> Key | None:
    """The key, if this is what is kept of its secret; of its former one, it ends when that does."""
    if hmac.compare_digest(shown, key.digest if key else bytes(32)):
        return key
    if key is None or now >= key.former_until or not hmac.compare_digest(shown, key.former_digest):
        return None
    until = key.former_until if key.expires is None else min(key.former_until, key.expires)
    return replace(key, expires=until)


def within(networks: tuple[str, ...], address: str) -> bool:
    """Whether an address is in one of these networks. One that cannot be read is in none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in _networks(networks))


@lru_cache(maxsize=4096)
def _networks(texts: tuple[str, ...]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(text) for text in texts]


_UNKNOWN = "Incorrect API key provided: it is unknown, revoked or expired."
