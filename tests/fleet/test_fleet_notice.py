"""Notices of clouds that take a machine back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fleet.notice import WORDS_MAX, notice

AWS = b'{"action": "terminate", "time": "2026-12-01T08:22:00Z"}'
AZURE_NONE = b'{"DocumentIncarnation": 1, "Events": []}'
AZURE_REBOOT = b'{"DocumentIncarnation": 2, "Events": [{"EventType": "Freeze", "NotBefore": ""}]}'
AZURE = (
    b'{"DocumentIncarnation": 3, "Events": [{"EventId": "f", "EventType": "Preempt", "ResourceType": "VirtualMachine",'
    b' "Resources": ["gpu_0"], "EventStatus": "Scheduled", "NotBefore": "Tue, 01 Dec 2026 08:22:00 GMT"}]}'
)

NOTICES = [
    (404, b"<html>", ""),
    (200, AWS, "terminate 2026-12-01T08:22:00Z"),
    (200, b"FALSE", ""),
    (200, b"TRUE", "TRUE"),
    (200, b"", ""),
    (200, b" \n", ""),
    (200, AZURE_NONE, ""),
    (200, AZURE_REBOOT, ""),
    (200, AZURE, "Preempt Tue, 01 Dec 2026 08:22:00 GMT"),
    (200, b"this host ends at noon", "this host ends at noon"),
    (200, b"{}", "{}"),
    (200, b'{"action": "\xff"}', '{"action": "\N{REPLACEMENT CHARACTER}"}'),
    (200, b"[" * 20_000, "[" * WORDS_MAX),
    (401, b"no token", ""),
    (500, b"?", ""),
]


@pytest.mark.parametrize(("status", "body", "words"), NOTICES)
def test_what_a_cloud_says(status, body, words):
    assert notice(status, body) == words


@given(st.binary(max_size=400))
def test_whatever_it_says_is_short_and_one_line(body):
    words = notice(200, body)
    assert len(words) <= WORDS_MAX
    assert words.isprintable()
