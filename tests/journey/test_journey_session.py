"""Which conversation a call belongs to: as clients say it, in the ledger, and where it goes."""

from __future__ import annotations

import pytest
from road import road

from gateway.journey.session import CHARACTERS_MAX, session_of


@pytest.mark.parametrize(
    ("headers", "body", "session"),
    [
        ({}, None, None),
        ({}, "", None),
        ({}, "the body's", "the body's"),
        ({"x-claude-code-session-id": "claude"}, "the body's", "claude"),
        ({"session-id": "codex"}, None, "codex"),
        ({"session_id": "older codex"}, None, "older codex"),
        ({"session-id": "codex", "x-fareway-session": "ours"}, "the body's", "ours"),
        ({"x-fareway-session": ""}, "the body's", "the body's"),
        ({}, "x" * CHARACTERS_MAX, "x" * CHARACTERS_MAX),
    ],
)
def test_a_header_counts_before_the_body(headers, body, session):
    assert session_of(headers, body) == session


@pytest.mark.parametrize("said", ["x" * (CHARACTERS_MAX + 1), "two\nlines", "half a pair \ud800"])
def test_what_cannot_be_kept_as_it_is_is_kept_as_its_hash(said):
    session = session_of({}, said)
    assert session is not None
    assert session.startswith("hash-")
    assert session == session_of({"x-fareway-session": said}, None)
    assert session != session_of({}, said + "!")


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("session"), "providers: {sim: {base_url: SIM_URL/v1}}\n") as found:
        yield found


def test_the_ledger_names_it(way):
    with way.client() as client:
        raw = client.chat.completions.with_raw_response.create(
            model="sim-small",
            messages=[{"role": "user", "content": "Hello"}],
            max_tokens=5,
            user="a person",
            extra_headers={"x-fareway-session": "talk-7"},
        )
    request_id = raw.headers["x-fareway-request-id"]
    (line,) = way.entries_of(request_id)
    assert line["entry"]["session"] == "talk-7"
