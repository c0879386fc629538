"""A call is carried to another dialect, or refused in words of its own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gateway.core.errors import BadRequest
from gateway.core.request import Asked
from gateway.journey.carriage import Carrier
from gateway.translate import anthropic_messages_to_bedrock_invoke, anthropic_messages_to_gemini

EDGE = anthropic_messages_to_gemini.EDGE
THERE = SimpleNamespace(model="gemini-3.5-flash", provider=SimpleNamespace(quirks=frozenset()))


def test_what_is_nested_too_deeply_is_refused():
    """Also where reading it goes well, and walking through it does not."""
    words = set()
    for depth in range(250, 360):
        block = b'{"type":"document","source":{"type":"content","content":[' * depth + b'{"type":"text","text":"x"}'
        body = b'{"max_tokens":9,"messages":[{"role":"user","content":[' + block + b"]}}" * depth + b"]}]}"
        try:
            Carrier(Asked(body), lossy=False).over(EDGE, Asked(body), THERE, 9)
        except BadRequest as error:
            words.add(str(error))
    assert words == {"The body is nested too deeply."}


def test_what_is_no_utf8_in_a_part_that_was_not_read_is_refused():
    body = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"container_upload","\xed":1}]}]}'
    with pytest.raises(BadRequest, match="not valid JSON in UTF-8"):
        Carrier(Asked(body), lossy=True).over(anthropic_messages_to_bedrock_invoke.EDGE, Asked(body), THERE, 9)
