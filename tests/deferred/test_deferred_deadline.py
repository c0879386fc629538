"""What a call says about its time, and what of it is kept."""

import pytest

from gateway.core.caller import Key
from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.deferred.deadline import checked_url, kept_asked, kept_headers, told_at, wanted_s

PLAIN = Key("k", b"")
PATIENT = Key("k", b"", deadline_s=60.0, webhook="https://example.com/hook")


def test_the_header_comes_before_the_key():
    assert wanted_s({"x-fareway-deadline": " 2h "}, PLAIN) == 7200
    assert wanted_s({"x-fareway-deadline": "10m"}, PATIENT) == 600
    assert wanted_s({"x-fareway-deadline": "none"}, PATIENT) is None
    assert wanted_s({}, PATIENT) == 60
    assert wanted_s({}, PLAIN) is None


@pytest.mark.parametrize("said", ["", "2", "2 hours", "500ms", "8d", "-1s", "now"])
def test_anything_else_is_refused(said):
    with pytest.raises(BadRequest):
        wanted_s({"x-fareway-deadline": said}, PLAIN)


def test_who_asks_for_http_hears_which_key_allows_it():
    with pytest.raises(BadRequest, match=r"deferred\.private_webhooks"):
        told_at({"x-fareway-webhook": "http://example.com/"}, PATIENT, private=False)


@pytest.mark.parametrize(
    "url", ["http://example.com/", "ftp://x", "https://", "hook", "https://[", "https://e/\nx", "https://xn--a.com/"]
)
def test_a_webhook_is_a_url_with_tls(url):
    with pytest.raises(BadRequest):
        checked_url(url, private=False)


def test_where_it_is_told():
    assert told_at({}, PATIENT, private=False) == "https://example.com/hook"
    assert told_at({"x-fareway-webhook": "http://10.0.0.1/"}, PATIENT, private=True) == "http://10.0.0.1/"
    assert told_at({"x-fareway-webhook": ""}, PATIENT, private=False) == ""


def test_what_is_kept_is_text_and_shows_no_key():
    shown = {"authorization": "Bearer x", "x-api-key": "x", "cookie": "x", "x-fareway-deadline": "2h"}
    assert kept_headers({**shown, "x-fareway-tags": "a", "anthropic-beta": "b"}) == {
        "x-fareway-tags": "a",
        "anthropic-beta": "b",
    }
    odd, read = "caf\udce9", "café"  # As the front reads Latin-1, and as JSON can hold it.
    assert kept_headers({"x-title": odd, "x-name": read}) == {"x-title": read, "x-name": read}
    asked = kept_asked(Asked(b"{}", content_type=odd, betas=odd, tier=odd))
    assert (asked.content_type, asked.betas, asked.tier) == (read, read, read)
    kept = kept_asked(Asked(b"{}", "gemini", "generateContent", "key=secret&alt=json", "application/json"))
    assert (kept.body, kept.query, kept.model) == (b"", "alt=json", "gemini")
