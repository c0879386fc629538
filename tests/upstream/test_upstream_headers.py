"""Which headers travel: no secret of the caller goes up, and nothing that belongs to a connection goes anywhere."""

import pytest

from gateway.upstream.headers import for_caller, for_provider

OURS = [
    "Authorization", "X-Api-Key", "api-key", "X-Goog-Api-Key", "Cookie", "Host", "Content-Length", "Connection", "TE",
    "Transfer-Encoding", "Accept-Encoding", "Content-Encoding", "Expect", "X-Request-Id", "Forwarded", "Via", "Upgrade",
    "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-SHA256",
    "X-Forwarded-For", "x-forwarded-proto", "X-Fareway-Max-Cost", "Proxy-Authorization", "Keep-Alive",
    "OpenAI-Organization", "OpenAI-Project", "X-Goog-User-Project", "X-Goog-FieldMask",
    "Idempotency-Key", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
]  # fmt: skip
THEIRS = [
    "OpenAI-Beta",
    "anthropic-beta",
    "Content-Type",
    "User-Agent",
    "X-Stainless-Lang",
    "Accept",
]


@pytest.mark.parametrize("name", OURS)
def test_what_is_for_us_or_for_the_connection_stays_behind(name):
    assert for_provider([(name.lower(), "v")]) == {}


@pytest.mark.parametrize("name", THEIRS)
def test_everything_else_goes_up(name):
    assert for_provider([(name.lower(), "v")]) == {name.lower(): "v"}


@pytest.mark.parametrize(
    "name", ["Set-Cookie", "Transfer-Encoding", "Content-Length", "Content-Encoding", "Server", "Connection"]
)
def test_what_the_provider_says_about_its_connection_does_not_come_back(name):
    assert for_caller({name.lower(): "v", "x-ratelimit-remaining-tokens": "5"}) == {"x-ratelimit-remaining-tokens": "5"}


@pytest.mark.parametrize("name", ["openai-organization", "openai-project", "anthropic-organization-id"])
def test_whose_account_a_provider_bills_is_told_to_nobody(name):
    assert for_caller({name: "org-1", "x-request-id": "r"}) == {"x-request-id": "r"}


def test_request_ids_and_rate_limits_come_back():
    told = {"x-request-id": "req_1", "Openai-Processing-Ms": "12", "Content-Type": "application/json"}
    assert for_caller(told) == told
