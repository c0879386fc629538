"""S3: how long a refusal takes does not tell how much of a secret was right.

Secrets that are wrong from the first letter, and such that are right up to the last, in random order. In the process
itself, where nothing but the comparison is measured: whatever hides there would be harder to see over a network.
"""

import base64
import hmac
import http.client
import secrets
import statistics
import string
import time
from urllib.parse import urlsplit

import pytest
from edge import CALL, CONFIG, PATH, edge
from welch import T_MAX, times, worst_t

from gateway.core.caller import Caller, Key, Role
from gateway.core.errors import GatewayError
from gateway.dashboard.door import API, CSRF, Asked, Door
from gateway.dashboard.sessions import COOKIE, Sessions
from gateway.tenants import Tenants, _opened, digest, new_key

TRIES = 5
WRONG = 8
"""Letters at the end that are not right where all before them are."""

PEPPER = secrets.token_bytes(32)
HEX = "0123456789abcdef"
LETTERS = string.ascii_letters + string.digits


def near(right, dice, of=LETTERS):
    """Makes secrets that are wrong from the first letter on (0), and such that are right but for the last few (1): all
    alike, so that nothing but this tells them apart."""

    def sample(kind):
        good = kind * (len(right) - WRONG)
        wrong = dice.choice([one for one in of if one != right[good]])
        return type(right)().join([right[:good], _one(wrong), _some(dice, of, len(right) - good - 1)])

    return sample


def _one(sign):
    return bytes([sign]) if isinstance(sign, int) else sign


def _some(dice, of, count):
    return dice.randbytes(count) if isinstance(of, range) else "".join(dice.choices(of, k=count))


def refused(function):
    """The same, where it says no by an exception."""

    def asked(given):
        try:
            function(given)
        except GatewayError:
            return
        raise AssertionError("it was let in")

    return asked


def opening(dice):
    """The comparison of what is kept with what is shown, and nothing around it."""
    right = secrets.token_bytes(32)
    key = Key("k", right)
    return lambda shown: _opened(key, shown, 0.0), near(right, dice, range(256))


def former(dice):
    """The same for a secret before the last one, while it is still good."""
    right = secrets.token_bytes(32)
    key = Key("k", secrets.token_bytes(32), former_digest=right, former_until=2e9)
    return lambda shown: _opened(key, shown, 1e9), near(right, dice, range(256))


def identified(role):
    """All of what a token goes through, of a caller or of an admin."""

    def made(dice):
        key, token = new_key(PEPPER, Key("", b"", Caller(), role=role))
        tenants = Tenants(PEPPER, {key.id: key}, lambda _: None)
        secret = near(token[16:], dice)
        identify = refused(lambda headers: tenants.identify(headers, 1e9))
        return identify, lambda kind: {"authorization": f"Bearer {token[:16]}{secret(kind)}"}

    return made


def recognized(dice):
    """What a token goes through at the door that is shown for the first time."""
    key, token = new_key(PEPPER, Key("", b""))
    tenants = Tenants(PEPPER, {key.id: key}, lambda _: None)
    secret = near(token[16:], dice)
    return tenants.probably, lambda kind: {"authorization": f"Bearer {token[:16]}{secret(kind)}"}


def session(dice):
    """The cookie of the dashboard, whose seal is wrong."""
    sessions, found = _sessions()
    said, _, seal = found.text.rpartition(".")
    wrong = near(seal, dice, HEX)
    return refused(lambda cookie: sessions.of(cookie, str)), lambda kind: f"{COOKIE}={said}.{wrong(kind)}"


def csrf(dice):
    """The token that goes with every change, wrong."""
    sessions, found = _sessions()
    door = Door(sessions, sessions._tenants, lambda: 1e9)
    host = {"host": "h", "origin": "http://h", "cookie": f"{COOKIE}={found.text}"}
    wrong = near(sessions.csrf(found), dice, HEX)
    return refused(door.key), lambda kind: Asked("POST", f"{API}/keys", host | {CSRF: wrong(kind)}, str)


def _sessions():
    key, _ = new_key(PEPPER, Key("", b""))
    sessions = Sessions(PEPPER, Tenants(PEPPER, {key.id: key}, lambda _: None), lambda: 1e9)
    return sessions, sessions.begin(key)


COMPARED = {
    "what is kept of a key": opening,
    "what is kept of its former secret": former,
    "a caller's token": identified(Role.CALLER),
    "an admin's token": identified(Role.ADMIN),
    "a token at the door": recognized,
    "the dashboard's cookie": session,
    "the dashboard's token for changes": csrf,
}


def early_exit(right):
    """As nobody may compare secrets."""

    def compared(shown):
        return all(one == two for one, two in zip(right, shown, strict=True))

    return compared


def tried(made, samples, dice):
    """The t of several tries."""
    return [worst_t(times(*made(dice), samples, dice)) for _ in range(TRIES)]


@pytest.mark.parametrize("what", COMPARED)
def test_time_tells_nothing_of_a_secret(what, shown, full, dice):
    """A real difference is there in every try; a neighbour's load is not."""
    samples = 100_000 if full else 10_000
    found = tried(COMPARED[what], samples, dice)
    figure = f"|t| = {statistics.median(found):.1f}, the median of {TRIES} times {samples:,} samples"
    met = statistics.median(found) < T_MAX
    shown("S3", what, figure, target=f"|t| < {T_MAX}", met=met, tries=[round(t, 2) for t in found])


def test_a_comparison_that_ends_early_is_found(shown, dice):
    """Else nothing was shown above."""
    right = secrets.token_urlsafe(32)
    found = tried(lambda dice: (early_exit(right), near(right, dice)), 10_000, dice)
    figure = f"|t| = {statistics.median(found):.0f}"
    shown("S3", "one that ends early, for comparison", figure, target=f"|t| > {T_MAX}", met=min(found) > T_MAX)


def test_over_sockets(tmp_path, shown, full, dice):
    """What a neighbour on the same machine would see."""
    with edge(tmp_path, CONFIG) as gate:
        parts = urlsplit(gate.gate.url)
        line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        token, statuses = gate.first, set()

        def asked(secret):
            line.request("POST", PATH, CALL, {"Authorization": f"Bearer {token[:16]}{secret}"})
            answer = line.getresponse()
            answer.read()
            statuses.add(answer.status)

        samples = 5000 if full else 500
        t = worst_t(times(asked, near(token[16:], dice), samples, dice))
        line.close()
    figure = f"|t| = {t:.1f} of {samples:,} samples; all refused with {statuses}"
    shown("S3", "over sockets, for information", figure, target="all 401", met=statuses == {401}, t=round(t, 2))


def test_what_is_compared_is_a_digest_found_by_the_id(shown, monkeypatch):
    """Every way in ends in `compare_digest` on 32 bytes, also for ids that nobody has."""
    compared = []

    def noted(one, two):
        compared.append((len(one), len(two)))
        return hmac_compare(one, two)

    hmac_compare = hmac.compare_digest
    monkeypatch.setattr("gateway.tenants.hmac.compare_digest", noted)
    key, token = new_key(PEPPER, Key("", b""))
    asked = []
    tenants = Tenants(PEPPER, {}, lambda name: asked.append(name) or (key if name == key.id else None))
    assert tenants.identify({"x-api-key": token}, time.time()) == key
    for wrong in (f"fw-{'a' * 12}-{token[16:]}", f"{token[:16]}{base64.urlsafe_b64encode(bytes(32))[:43].decode()}"):
        with pytest.raises(GatewayError):
            tenants.identify({"x-api-key": wrong}, time.time())
    assert asked[:2] == [key.id, "a" * 12]
    assert key.digest == digest(PEPPER, token[16:])
    met = len(compared) >= 3 and set(compared) == {(32, 32)}
    shown("S2", "looked up by id, then compared as a digest", f"{len(compared)} of 3 ways", target="all", met=met)
