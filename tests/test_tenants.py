"""Keys: what they look like, who is let in, and that a wrong key learns nothing."""

import hmac
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import tenants as tenants_module
from gateway.core.caller import Caller, Key, Role
from gateway.core.errors import BadRequest, Forbidden, Unauthorized
from gateway.tenants import TAGS, Tenants, digest, new_key, presented, rotated, tagged, within

PEPPER = b"p" * 32
KEY, TOKEN = new_key(PEPPER, Key("", b"", Caller(org="o", team="t")))


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def tenants(*keys, find=lambda _: None):
    return Tenants(PEPPER, {k.id: k for k in keys}, find)


def test_a_token_is_a_public_id_and_a_secret_of_256_bits():
    assert re.fullmatch(r"fw-[0-9a-z]{12}-[A-Za-z0-9_-]{43}", TOKEN)
    assert TOKEN.split("-")[1] == KEY.id == KEY.caller.key_id
    assert len({new_key(PEPPER, KEY)[1] for _ in range(100)}) == 100


def test_a_new_key_is_like_its_template_and_keeps_no_secret():
    template = Key("old", b"old", Caller("old", "o", "t", "u"), alias="a", models=("m",), cache=True, role=Role.ADMIN)
    key, token = new_key(PEPPER, template)
    assert (key.alias, key.models, key.cache, key.role) == ("a", ("m",), True, Role.ADMIN)
    assert key.caller == Caller(key.id, "o", "t", "u")
    secret = token.split("-", 2)[2]
    assert key.digest == digest(PEPPER, secret) == hmac.digest(PEPPER, secret.encode(), "sha256")
    assert secret.encode() not in key.digest


def test_without_the_pepper_a_digest_opens_nothing():
    assert digest(b"other", "secret") != digest(PEPPER, "secret")
    with pytest.raises(Unauthorized):
        Tenants(b"q" * 32, {KEY.id: KEY}, lambda _: None).identify(bearer(TOKEN), 0.0)


@pytest.mark.parametrize(
    "headers",
    [
        bearer(TOKEN),
        {"authorization": f"bearer   {TOKEN} "},
        {"x-api-key": TOKEN},
        {"api-key": f" {TOKEN}"},
        {"x-goog-api-key": TOKEN},
        {**bearer(TOKEN), "x-api-key": TOKEN},
        {"authorization": f"AWS4-HMAC-SHA256 Credential={TOKEN}/20261121/us-east-1/bedrock/aws4_request, Signature=0"},
    ],
)
def test_a_key_is_found_wherever_client_libraries_put_it(headers):
    known = tenants(KEY)
    assert known.identify(headers, 0.0) == KEY
    assert known.identify(headers, 0.0) == KEY


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}, {"accept": "x"}])
def test_a_call_without_a_key_is_told_how_to_send_one(headers):
    with pytest.raises(Unauthorized, match="Authorization: Bearer"):
        presented(headers)


@pytest.mark.parametrize(
    "shown", ["", "Credential=", "Signature=0", f"Credential={TOKEN}", f" x Credential={TOKEN}/"], ids=range(5)
)
def test_an_aws_signature_without_a_key_id_shows_no_key(shown):
    with pytest.raises(Unauthorized):
        tenants(KEY).identify({"authorization": f"AWS4-HMAC-SHA256 {shown}"}, 0.0)


def test_two_different_keys_in_one_call_are_refused():
    """Otherwise whoever checks one of them might bill the other."""
    with pytest.raises(BadRequest, match="Two different"):
        presented({**bearer(TOKEN), "x-api-key": "fw-other"})
    with pytest.raises(BadRequest):
        presented({"authorization": f"Basic {TOKEN}", "x-api-key": TOKEN})


WRONG = [
    "", "fw", "sk-abc", TOKEN + "x", "x" + TOKEN, TOKEN[:-1], TOKEN[:-1] + ("A" if TOKEN[-1] != "A" else "B"),
    "fw-" + "0" * 12 + TOKEN[15:], TOKEN.upper(), TOKEN[:20] + " " + TOKEN[20:], TOKEN.replace("fw-", "fw-é"),
    "\ud800", "a" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("token", WRONG, ids=range(len(WRONG)))
def test_every_wrong_key_is_refused_in_the_same_words(token):
    with pytest.raises(Unauthorized) as refused:
        tenants(KEY).identify({"x-api-key": token, "authorization": ""}, 0.0)
    assert str(refused.value) == "Incorrect API key provided: it is unknown, revoked or expired."


@given(st.text(max_size=80))
def test_no_text_whatsoever_opens_anything_or_raises_something_else(token):
    with pytest.raises(Unauthorized):
        tenants(KEY).identify({"x-api-key": token}, 0.0)


def test_an_unknown_id_takes_the_same_path_as_a_wrong_secret(monkeypatch):
    """Both end in one comparison of digests, so that time does not tell which ids exist."""
    compared, real = [], hmac.compare_digest

    def compare(a, b):
        compared.append((len(a), len(b)))
        return real(a, b)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for token in (WRONG[6], WRONG[7]):
        with pytest.raises(Unauthorized):
            tenants(KEY).identify(bearer(token), 0.0)
    assert compared == [(32, 32), (32, 32)]


def test_revoked_and_expired_keys_are_refused_also_after_they_were_good():
    known = tenants(Key(**{f: getattr(KEY, f) for f in Key.__match_args__ if f != "expires"}, expires=100.0))
    assert known.identify(bearer(TOKEN), 99.0)
    with pytest.raises(Unauthorized):
        known.identify(bearer(TOKEN), 100.0)
    revoked = Key(KEY.id, KEY.digest, KEY.caller, revoked=True)
    with pytest.raises(Unauthorized):
        tenants(revoked).identify(bearer(TOKEN), 0.0)


def test_a_key_that_was_revoked_meanwhile_is_refused_once_the_store_is_read_again():
    known = tenants(KEY)
    known.identify(bearer(TOKEN), 0.0)
    known.replace_all({KEY.id: Key(KEY.id, KEY.digest, KEY.caller, revoked=True)})
    with pytest.raises(Unauthorized):
        known.identify(bearer(TOKEN), 0.0)
    known.replace_all({})
    with pytest.raises(Unauthorized):
        known.identify(bearer(TOKEN), 0.0)


def test_a_key_made_a_moment_ago_is_found_in_the_store_and_then_known():
    asked = []

    def find(name):
        asked.append(name)
        return KEY if name == KEY.id else None

    known = tenants(find=find)
    assert known.identify(bearer(TOKEN), 0.0) == KEY
    assert known.identify(bearer(TOKEN), 0.0) == KEY
    assert asked == [KEY.id]


def test_only_tokens_that_are_good_are_remembered_and_never_in_clear(monkeypatch):
    """So that a flood of wrong ones fills no memory, and a full memory still lets good ones in."""
    known = tenants(KEY)
    for token in WRONG:
        with pytest.raises(Unauthorized):
            known.identify({"x-api-key": token}, 0.0)
    assert not known._verified
    known.identify(bearer(TOKEN), 0.0)
    assert len(known._verified) == 1
    assert TOKEN.encode() not in b"".join(known._verified)
    monkeypatch.setattr(tenants_module, "VERIFIED_MAX", 0)
    full = tenants(KEY)
    assert full.identify(bearer(TOKEN), 0.0) == KEY
    assert not full._verified


def test_a_key_is_probably_meant_wherever_its_token_stands_and_before_it_is_identified(monkeypatch):
    known = tenants(KEY)
    assert known.probably(bearer(TOKEN)) == known.probably({"x-api-key": TOKEN}) == KEY.id
    for token in WRONG:
        assert known.probably(bearer(token)) == ""
    assert known.probably({}) == ""
    assert not known._verified
    known.replace_all({})
    assert known.probably(bearer(TOKEN)) == ""
    monkeypatch.setattr(tenants_module, "VERIFIED_MAX", 0)
    full = tenants(KEY)
    assert full.probably(bearer(TOKEN)) == KEY.id
    assert not full._probable


def test_a_key_that_only_the_store_knows_is_probably_meant_once_it_was_identified():
    known = Tenants(PEPPER, {}, {KEY.id: KEY}.get)
    assert known.probably(bearer(TOKEN)) == ""
    known.identify(bearer(TOKEN), 0.0)
    assert known.probably(bearer(TOKEN)) == KEY.id


def test_the_secret_before_ends_when_it_was_said_or_when_the_key_does():
    turned, token = rotated(PEPPER, KEY, until=50.0)
    known = tenants(turned)
    assert known.identify(bearer(token), 0.0) is turned
    assert known.identify(bearer(TOKEN), 49.0).id == KEY.id
    with pytest.raises(Unauthorized):
        known.identify(bearer(TOKEN), 50.0)
    assert known.identify(bearer(token), 50.0) is turned
    with pytest.raises(Unauthorized):
        tenants(turned).identify(bearer(TOKEN), 50.0)
    soon = tenants(replace(turned, expires=20.0))
    assert soon.identify(bearer(TOKEN), 19.0)
    with pytest.raises(Unauthorized):
        soon.identify(bearer(TOKEN), 20.0)


def test_a_key_that_another_process_has_rotated_is_good_at_once():
    turned, token = rotated(PEPPER, KEY, until=0.0)
    known = tenants(KEY, find={KEY.id: turned}.get)
    assert known.identify(bearer(TOKEN), 0.0) is KEY
    assert known.identify(bearer(token), 0.0) is turned


def test_a_key_is_good_from_its_networks_and_nobody_else_is_asked_where_they_are():
    def unasked():
        raise AssertionError

    assert tenants(KEY).identify(bearer(TOKEN), 0.0, unasked) is KEY
    known = tenants(replace(KEY, networks=("10.0.0.0/8",)))
    assert known.identify(bearer(TOKEN), 0.0, lambda: "10.9.8.7")
    for origin in (lambda: "192.0.2.1", lambda: "", None):
        with pytest.raises(Forbidden, match="address"):
            known.identify(bearer(TOKEN), 0.0, origin)


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("10.0.0.1", True),
        ("11.0.0.1", False),
        ("::ffff:10.0.0.1", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("fe80::1%eth0", False),
        ("", False),
        ("10.0.0.1:80", False),
    ],
)
def test_addresses_in_networks(address, good):
    assert within(("10.0.0.0/8", "2001:db8::/32"), address) is good


@pytest.mark.parametrize("text", ["a b", "*", "a" * 101, ",".join("abcdefghi"), "a\udcff", "a\0", "\u202e"])
def test_what_is_no_tag_is_refused(text):
    """What a caller sent as bytes that are no UTF-8 no book can hold."""
    with pytest.raises(BadRequest, match=TAGS):
        tagged(KEY, {TAGS: text})


def test_a_call_brings_tags():
    assert tagged(KEY, {TAGS: " a,b,,é, a"}).caller.brought_tags == ("a", "b", "é")
    assert tagged(KEY, {}) is KEY
