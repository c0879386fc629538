"""Sessions: what a cookie opens, for how long, and that nobody writes one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.caller import Key, Role
from gateway.core.errors import Forbidden, Unauthorized
from gateway.dashboard.sessions import COOKIE, LASTS_S, Sessions
from gateway.tenants import Tenants, new_key, rotated

PEPPER = b"p" * 32
NOW = 1_795_000_000.0


class Clock:
    """Stands still until it is set."""

    now = NOW

    def __call__(self):
        return self.now


def begun(template=None, pepper=PEPPER):
    """Sessions, the keys that they know, a session, and what sets the time."""
    key, _ = new_key(PEPPER, template or Key("", b"", role=Role.ADMIN))
    clock, tenants = Clock(), Tenants(PEPPER, {key.id: key}, lambda _: None)
    sessions = Sessions(pepper, tenants, clock)
    return sessions, tenants, sessions.begin(key), clock


def shown(session):
    return f"theme=dark; {COOKIE}={session.text}"


def here():
    return "192.0.2.1"


def test_a_session_is_of_the_key_that_was_shown():
    sessions, _, session, _ = begun()
    assert sessions.of(shown(session), here) == session
    assert sessions.csrf(session) != sessions.csrf(sessions.begin(session.key))


@pytest.mark.parametrize(
    "cookie", ["", "theme=dark", f"{COOKIE}=", f"{COOKIE}=a.b.c.d", f"{COOKIE}=....", "\x00=;", "[=]"]
)
def test_what_is_no_session_opens_nothing(cookie):
    with pytest.raises(Unauthorized):
        begun()[0].of(cookie, here)


@pytest.mark.parametrize(
    "said", ["{key}.{digits}.x.y", "{key}.\u0663.x.y", '"{key}.{until}.x.\udcff"', '"{key}.{until}.\udcff.x"']
)
def test_a_cookie_of_a_known_key_that_nobody_has_sealed_opens_nothing(said):
    """Neither one with a number of thousands of digits, nor one in bytes that are no text."""
    sessions, _, session, _ = begun()
    value = said.format(key=session.key.id, digits="9" * 5000, until=session.until)
    with pytest.raises(Unauthorized):
        sessions.of(f"{COOKIE}={value}", here)


@given(at=st.integers(0, 200), other=st.sampled_from("abcdef0123456789.-é"))
def test_a_cookie_of_which_anything_was_changed_opens_nothing(at, other):
    sessions, _, session, _ = begun()
    at %= len(session.text)
    if session.text[at] == other:
        return
    changed = replace(session, text=session.text[:at] + other + session.text[at + 1 :])
    with pytest.raises(Unauthorized):
        sessions.of(shown(changed), here)


def test_a_session_ends_after_some_hours():
    sessions, _, session, clock = begun()
    clock.now += LASTS_S - 1
    assert sessions.of(shown(session), here)
    clock.now += 1
    with pytest.raises(Unauthorized):
        sessions.of(shown(session), here)


def test_a_session_ends_no_later_than_its_key():
    sessions, _, session, clock = begun(Key("", b"", expires=NOW + 60))
    assert session.until == NOW + 60
    clock.now += 60
    with pytest.raises(Unauthorized):
        sessions.of(shown(session), here)


def test_logging_out_ends_it_and_no_other():
    sessions, _, session, _ = begun()
    other = sessions.begin(session.key)
    sessions.end(session)
    with pytest.raises(Unauthorized):
        sessions.of(shown(session), here)
    assert sessions.of(shown(other), here)


def test_what_was_logged_out_of_is_forgotten_once_it_is_over(monkeypatch):
    monkeypatch.setattr("gateway.dashboard.sessions.ENDED_MAX", 2)
    sessions, _, session, clock = begun()
    for _ in range(2):
        sessions.end(sessions.begin(session.key))
    clock.now += LASTS_S
    sessions.end(sessions.begin(session.key))
    assert len(sessions._ended[session.key.id]) == 1


def test_who_logs_out_too_often_has_logged_out_everywhere(monkeypatch):
    monkeypatch.setattr("gateway.dashboard.sessions.ENDED_MAX", 2)
    sessions, _, session, clock = begun()
    ended = [sessions.begin(session.key) for _ in range(5)]
    for one in ended:
        sessions.end(one)
    assert sum(map(len, sessions._ended.values())) <= 2
    for one in (session, *ended):
        with pytest.raises(Unauthorized):
            sessions.of(shown(one), here)
    clock.now += 1
    assert sessions.of(shown(sessions.begin(session.key)), here)


def test_another_secret_and_a_revoked_key_end_every_session():
    sessions, tenants, session, _ = begun()
    tenants.replace_all({session.key.id: rotated(PEPPER, session.key, NOW + 60)[0]})
    with pytest.raises(Unauthorized):
        sessions.of(shown(session), here)
    tenants.replace_all({session.key.id: replace(session.key, revoked=True)})
    with pytest.raises(Unauthorized):
        sessions.of(shown(session), here)
    tenants.replace_all({})
    with pytest.raises(Unauthorized):
        sessions.of(shown(session), here)


def test_a_key_of_some_networks_has_sessions_from_there_alone():
    sessions, _, session, _ = begun(Key("", b"", networks=("10.0.0.0/8",)))
    with pytest.raises(Forbidden):
        sessions.of(shown(session), here)
    assert sessions.of(shown(session), lambda: "10.1.2.3")


def test_a_gateway_with_another_pepper_does_not_know_it():
    _, tenants, session, clock = begun()
    with pytest.raises(Unauthorized):
        Sessions(b"q" * 32, tenants, clock).of(shown(session), here)
