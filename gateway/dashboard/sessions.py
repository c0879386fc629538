"""Who is logged in: a signed cookie, good for some hours, that says which key was shown.

Nothing is kept of a session: whichever process has the home's pepper can read the cookie. What it signs covers what is
kept of the key's secret, so that rotating or revoking a key ends every session of it at once.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from gateway.core.caller import Key
from gateway.core.errors import Unauthorized
from gateway.tenants import Tenants

COOKIE = "fareway_session"
LASTS_S = 12 * 3600
"""How long a session is good at most."""

ENDED_MAX = 100
"""Sessions of one key that were logged out of and would still be good: this process refuses each of them. With more,
it refuses all that this key has begun so far."""


_UNTIL = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    key: Key
    until: int  # Unix seconds.
    text: str  # The cookie's value.


class Sessions:
    """See the module. `clock` tells Unix seconds."""

    def __init__(self, pepper: bytes, tenants: Tenants, clock: Callable[[], float]) -> None:
        self._secret = hmac.digest(pepper, b"sessions of the dashboard", hashlib.sha256)
        self._tenants = tenants
        self._clock = clock
        self._ended: dict[str, dict[str, int]] = {}  # By key: until when each would be good,
        self._ended_until: dict[str, int] = {}  # or until when the last of all.

    def begin(self, key: Key) -> Session:
        """Whoever holds this key has shown its token."""
        until = int(self._clock()) + LASTS_S
        if key.expires is not None:
            until = min(until, int(key.expires))
        said = f"{key.id}.{until}.{secrets.token_urlsafe(12)}"
        return Session(key, until, f"{said}.{self._seal(said, key)}")

    def of(self, cookies: str, origin: Callable[[], str]) -> Session:
        """The session that a Cookie header shows. Raises Unauthorized or Forbidden."""
        text = _cookie(cookies)
        said, _, seal = text.rpartition(".")
        name, _, rest = said.partition(".")
        until = rest.partition(".")[0]
        now = self._clock()
        if not seal or not _UNTIL.fullmatch(until) or now >= int(until) or self._has_ended(name, text, int(until)):
            raise Unauthorized("You are not logged in, or no longer.")
        key = self._tenants.holder(name, now, origin)
        if not hmac.compare_digest(seal.encode(), self._seal(said, key).encode()):
            raise Unauthorized("You are not logged in, or no longer.")
        return Session(key, int(until), text)

    def end(self, session: Session) -> None:
        """It is logged out of."""
        name, now = session.key.id, self._clock()
        ended = self._ended.setdefault(name, {})
        ended[session.text] = session.until
        if len(ended) > ENDED_MAX:
            ended = self._ended[name] = {text: until for text, until in ended.items() if until > now}
        if len(ended) > ENDED_MAX:
            self._ended_until[name] = max(ended.values())
            ended.clear()

    def _has_ended(self, name: str, text: str, until: int) -> bool:
        return text in self._ended.get(name, ()) or until <= self._ended_until.get(name, 0)

    def csrf(self, session: Session) -> str:
        """What a page of ours sends along with every change, and a page of others cannot know."""
        return hmac.new(self._secret, b"csrf\0" + session.text.encode(), hashlib.sha256).hexdigest()

    def _seal(self, said: str, key: Key) -> str:
        return hmac.new(self._secret, b"session\0" + said.encode() + b"\0" + key.digest, hashlib.sha256).hexdigest()


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None and found.value.isascii() else ""  # Ours are.
