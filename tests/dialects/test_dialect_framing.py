"""How an answer is framed is told by its content type."""

import pytest

from gateway.dialects.framing import SSE, framing_of


@pytest.mark.parametrize("value", ["text/event-stream", "text/event-stream; charset=utf-8", " TEXT/Event-Stream "])
def test_a_stream_says_so(value):
    assert framing_of(value) is SSE


@pytest.mark.parametrize("value", ["", ";;;", "text/event-stream-not", "application/json; charset=\x80"])
def test_nonsense_is_no_stream(value):
    assert framing_of(value) is None
