"""A stream that is translated on its way: read for money, carried event by event, worded anew where it fails."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import UpstreamError
from gateway.core.money import Money
from gateway.dialects import sse
from gateway.dialects.anthropic_messages import AnthropicMessages
from gateway.dialects.framing import SSE
from gateway.dialects.openai_chat import OpenAIChat
from gateway.dialects.watch import StreamWatch
from gateway.translate.refused import message_of
from gateway.translate.watch import TranslatedWatch

CALLER, PROVIDER = OpenAIChat(), AnthropicMessages()

STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"x",'
    b'"usage":{"input_tokens":3,"output_tokens":1}}}\n\n'
    b'event: ping\ndata: {"type":"ping"}\n\n: a comment\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"Hi"}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
    b'"usage":{"output_tokens":7}}\n\n'
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
)
FAILED = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Too much."}}\n\n'


class Counting:
    """A translation that says how long each event was, then the usage, then the end."""

    def feed(self, data: bytes) -> bytes:
        said = b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % len(data)
        if b"message_delta" in data:
            said += b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":7,"total_tokens":10}}\n\n'
        return said

    def finish(self) -> bytes:
        return b"data: [DONE]\n\n"


def watching(*, wants_usage: bool = True, heard: list[bytes] | None = None) -> TranslatedWatch:
    none = frozenset()
    watch = StreamWatch(PROVIDER, none, wants_usage=True, price=lambda _: None)
    shaped = StreamWatch(
        CALLER,
        none,
        wants_usage=wants_usage,
        price=lambda _: Money.usd("0.5") if watch.report.usage else None,
        heard=None if heard is None else heard.append,
    )
    return TranslatedWatch(watch, SSE, Counting(), shaped, lambda error: CALLER.stream_error(error, "r1"))


def test_every_event_is_carried_and_what_the_provider_says_is_read():
    watched = watching()
    out = watched.feed(STREAM) + watched.finish()
    assert out.count(b'"content"') == 5
    assert out.endswith(b"data: [DONE]\n\n")
    assert b'"cost":0.5' in out
    assert watched.complete
    assert watched.done
    assert watched.error is None
    assert (watched.report.usage.input, watched.report.usage.output) == (3, 7)
    assert (watched.text, watched.text_bytes, watched.text_bytes_not_kept, watched.text_digits) == ("Hi", 2, 0, 0)
    assert not watched.shows_reasoning
    assert not watched.fetched.turns


def test_usage_that_was_not_asked_for_is_heard_by_others_and_not_told():
    heard: list[bytes] = []
    watched = watching(wants_usage=False, heard=heard)
    out = watched.feed(STREAM) + watched.finish()
    assert b"usage" not in out
    assert b"usage" in b"".join(heard)


@settings(deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_wherever_it_is_cut_the_same_comes_out(cuts):
    whole, pieces = watching(), watching()
    edges = [0, *sorted(cuts), len(STREAM)]
    out = b"".join(pieces.feed(STREAM[a:b]) for a, b in pairwise(edges)) + pieces.finish()
    assert out == whole.feed(STREAM) + whole.finish()


def test_an_error_is_worded_for_the_caller_and_nothing_follows_it():
    watched = watching()
    out = watched.feed(STREAM[: STREAM.index(b"event: message_delta")] + FAILED + STREAM) + watched.finish()
    assert b'"message":"Too much."' in out
    assert out.index(b"Too much.") > out.rindex(b'"content"')
    assert b"[DONE]" not in out
    assert watched.error is not None


def test_an_error_without_a_message_has_one_of_ours():
    watched = watching()
    assert b"ended in an error" in watched.feed(b'event: error\ndata: {"type":"error","error":{}}\n\n')


def test_an_end_that_is_none_ends_nothing():
    watched = watching()
    watched.feed(STREAM[: STREAM.index(b"event: message_delta")])
    assert b"[DONE]" not in watched.finish()
    assert not watched.complete
    assert b"Gone." in watched.refusal(UpstreamError("Gone."), "r1")


def test_an_event_without_its_empty_line_counts():
    watched = watching()
    out = watched.feed(STREAM.removesuffix(b"\n")) + watched.finish()
    assert out.endswith(b"[DONE]\n\n")
    assert watched.complete


def test_it_ends_once():
    """Its caller may leave after the end was made, and before it was booked."""
    heard: list[bytes] = []
    watched = watching(heard=heard)
    watched.feed(STREAM)
    assert watched.finish().endswith(b"[DONE]\n\n")
    assert watched.finish() == b""
    assert b"".join(heard).count(b"[DONE]") == 1


def test_a_stream_of_which_an_event_is_missing_is_not_complete(monkeypatch):
    monkeypatch.setattr(sse, "LATE_BYTES_MAX", 300)
    watched = watching()
    long = b'data: {"type":"content_block_delta","delta":{"text":"' + b"x" * 400
    watched.feed(long)
    watched.feed(b'"}}\n\n' + STREAM)
    watched.finish()
    assert not watched.complete


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"A"}}', "A"),
        (b'{"type":"error","error":{"type":"x","message":"A"}}', "A"),
        (b'[{"error":{"code":400,"message":"A"}}]', "A"),
        (b'{"message":"A"}', "A"),
        (b'{"Message":"A"}', "A"),
        (b'{"error":"A"}', "A"),
        (b"[]", ""),
        (b"{}", ""),
        (b'{"error":{"message":3}}', ""),
        (b"<html>", ""),
    ],
)
def test_the_message_of_an_error_is_found(body, message):
    assert message_of(body) == message
