"""The door of the dashboard: its files for everybody, logging in and out, and who asks for anything else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import urlsplit

import msgspec

from gateway import __version__
from gateway.core.caller import Key, Role
from gateway.core.errors import BadRequest, Forbidden, MethodNotAllowed, NotFound, Unauthorized
from gateway.dashboard.files import INDEX, SAFE, Answer, files
from gateway.dashboard.sessions import COOKIE, Session, Sessions
from gateway.tenants import Tenants

BASE = "/dashboard"
SESSION = f"{BASE}/session"
API = f"{BASE}/api"
CSRF = "x-fareway-csrf"
LOGIN_BYTES_MAX = 4096

_READS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a browser. Names of headers are in lower case; `origin` tells the address that it came from."""

    method: str
    path: str
    headers: Mapping[str, str]
    origin: Callable[[], str]
    body: bytes = b""


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent to log in."""

    token: str


class LoggedIn(msgspec.Struct, frozen=True):
    """Who is logged in, for the pages."""

    id: str
    alias: str
    role: Role
    team: str
    pages: str  # "all", or "own" where a key's holder sees what is its own.
    csrf: str
    until: int  # Unix seconds.
    version: str = __version__


_login = msgspec.json.Decoder(Login)


class Door:
    """See the module. `roles`: who may log in here; None for every key."""

    def __init__(
        self,
        sessions: Sessions,
        tenants: Tenants,
        clock: Callable[[], float],
        roles: Collection[Role] | None = None,
    ) -> None:
        self._sessions = sessions
        self._tenants = tenants
        self._clock = clock
        self._roles = roles

    def answer(self, asked: Asked) -> Answer:
        """To anything below /dashboard that is not its API. Raises GatewayError."""
        if asked.path == SESSION:
            return self._session(asked)
        if asked.method not in _READS:
            raise MethodNotAllowed(_READS)
        name = asked.path.removeprefix(BASE).strip("/") or INDEX
        if (file := files().get(name)) is None:
            raise NotFound("There is nothing at this path.")
        return file.answer(asked.headers)

    def key(self, asked: Asked) -> Key:
        """Who asks the API below /dashboard: by the session, and where something is to change with what only our own
        pages know. Raises Unauthorized or Forbidden."""
        session = self._sessions.of(asked.headers.get("cookie", ""), asked.origin)
        if asked.method not in _READS:
            _same_site(asked.headers)
            shown = asked.headers.get(CSRF, "").encode(errors="replace")  # Bytes that are no text may stand there.
            if not compare_digest(shown, self._sessions.csrf(session).encode()):
                raise Forbidden("This was not sent by the dashboard: load the page again.")
        return session.key

    def _session(self, asked: Asked) -> Answer:
        match asked.method:
            case "GET":
                return _json(self._resumed(asked))
            case "POST":
                return self._log_in(asked)
            case "DELETE":
                self.key(asked)
                self._sessions.end(self._sessions.of(asked.headers["cookie"], asked.origin))
                return Answer(204, SAFE | {"Set-Cookie": _cookie("", 0, asked.headers)})
        raise MethodNotAllowed(("GET", "POST", "DELETE"))

    def _resumed(self, asked: Asked) -> LoggedIn | None:
        """None for whoever is not logged in: to ask that is no mistake."""
        try:
            session = self._sessions.of(asked.headers.get("cookie", ""), asked.origin)
            self._admit(session.key)
            return self._told(session)
        except (Unauthorized, Forbidden):
            return None

    def _log_in(self, asked: Asked) -> Answer:
        _same_site(asked.headers)
        try:
            token = _login.decode(asked.body).token.strip()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BadRequest('Send {"token": "fw-…"}.', "token") from None
        now = self._clock()
        key = self._tenants.identify({"authorization": f"Bearer {token}"}, now, asked.origin)
        self._admit(key)
        session = self._sessions.begin(key)
        answer = _json(self._told(session))
        answer.headers["Set-Cookie"] = _cookie(session.text, session.until - int(now), asked.headers)
        return answer

    def _admit(self, key: Key) -> None:
        if self._roles is not None and key.role not in self._roles:
            raise Forbidden("This key has no role. Its holder's dashboard is at the port of calls.")

    def _told(self, session: Session) -> LoggedIn:
        key, pages = session.key, "own" if self._roles is None else "all"
        return LoggedIn(
            *(key.id, key.alias, key.role, key.caller.team),
            *(pages, self._sessions.csrf(session), session.until),
        )


def _same_site(headers: Mapping[str, str]) -> None:
    """Browsers say from which page a request is sent, and pages cannot change what they say. Raises Forbidden."""
    try:
        site = urlsplit(headers.get("origin", "")).netloc.lower()
    except ValueError:  # No address.
        site = ""
    if not site or site != headers.get("host", "").lower():
        raise Forbidden("This was sent by a page of another site. A proxy in between has to pass on the Host header.")


def _cookie(value: str, seconds: int, headers: Mapping[str, str]) -> str:
    """Only for what lies below /dashboard: no call is ever made by a cookie. Whether the way to us is encrypted, the
    page's own origin tells, also behind a proxy."""
    secure = "; Secure" if headers.get("origin", "").startswith("https:") else ""
    return f"{COOKIE}={value}; Path={BASE}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def _json(told: LoggedIn | None) -> Answer:
    headers = SAFE | {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return Answer(200, headers, msgspec.json.encode(told))
