"""AWS's event streams: whole messages out, every byte kept, whatever is broken or cut."""

import base64
import json
from itertools import pairwise

import harness
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects import aws_events
from gateway.dialects.aws_events import (
    ERROR,
    MESSAGE_BYTES_MAX,
    PRELUDE_BYTES,
    EventSplitter,
    events,
    exception,
    message,
    payload,
    readable,
)
from gateway.dialects.framing import AWS, framing_of


def event(kind, body):
    told = body if isinstance(body, bytes) else json.dumps(body).encode()
    return message(aws_events._header(":event-type", kind) + aws_events._header(":message-type", "event"), told)


def chunk(inner):
    return event("chunk", {"bytes": base64.b64encode(inner).decode(), "p": "abc"})


bodies = st.one_of(st.binary(max_size=60), st.text(max_size=20).map(lambda t: json.dumps({"text": t}).encode()))
whole = st.one_of(
    st.tuples(st.sampled_from(["metadata", "messageStop", "chunk"]), bodies).map(lambda t: event(*t)),
    bodies.map(chunk),
    bodies.map(lambda b: exception("throttlingException", b)),
)
noise = st.binary(max_size=40)


@st.composite
def streams(draw):
    """Messages, perhaps with a byte of one of them changed, and perhaps with something else at the end."""
    stream = bytearray(b"".join(draw(st.lists(whole, max_size=5))))
    if stream and draw(st.booleans()):
        stream[draw(st.integers(0, len(stream) - 1))] ^= draw(st.integers(1, 255))
    return bytes(stream) + draw(st.one_of(st.just(b""), noise, whole.map(lambda m: m[: len(m) // 2])))


def run(stream, places):
    """All that was passed on, and all that was read of it, when a stream comes in these pieces."""
    splitter, out, read = EventSplitter(), b"", b""
    edges = [0, *sorted(p % (len(stream) + 1) for p in places), len(stream)]
    for start, end in pairwise(edges):
        found = splitter.feed(stream[start:end])
        read += found
        out += splitter.unread_before + found + splitter.unread_after
    return out + splitter.rest(), read


@settings(max_examples=300)
@given(streams(), st.lists(st.integers(0, 2000), max_size=8))
def test_wherever_a_stream_is_cut_the_outcome_is_the_same(stream, places):
    out, read = run(stream, places)
    assert out == stream
    assert read == run(stream, [])[1]


@settings(max_examples=50)
@given(streams())
def test_cut_at_every_byte_too(stream):
    assert run(stream, range(len(stream))) == run(stream, [])


@given(st.lists(whole, max_size=5), noise)
def test_events_join_up_to_the_same_bytes(messages, rest):
    data = b"".join(messages) + rest
    found = list(events(data))
    assert b"".join(found) == data
    assert found[: len(messages)] == messages


@given(bodies)
def test_a_payload_comes_out_as_it_went_in(body):
    assert payload(event("metadata", body)) == body
    assert payload(chunk(body)) == body
    assert payload(exception("x", body)) == body


@pytest.mark.parametrize("body", [b"", b"\xff", b"[1]", b'{"bytes": 5}', b'{"bytes": "%%%"}', b"[" * 100_000])
def test_a_chunk_that_wraps_nothing_is_its_own_payload(body):
    assert payload(event("chunk", body)) in {body, b""}


@given(st.one_of(noise, whole.map(lambda m: m[:-1])))
def test_what_is_no_whole_message_has_no_payload(data):
    assert payload(data) == b""


def test_from_a_broken_message_on_nothing_is_read():
    """A wrong checksum may hide anything: what follows cannot be told apart any more."""
    good, bad = event("metadata", {"usage": {}}), bytearray(event("metadata", {"usage": {}}))
    for place in (0, 5, 9, 20, len(bad) - 1):
        broken = bytes(bad[:place]) + bytes((bad[place] ^ 1,)) + bytes(bad[place + 1 :])
        out, read = run(good + broken + good, [3, 200])
        assert (out, read) == (good + broken + good, good)


def test_a_message_that_would_be_too_long_is_not_waited_for():
    head = message(b"", b"")[:PRELUDE_BYTES]
    lengths = (MESSAGE_BYTES_MAX + 1).to_bytes(4, "big") + bytes(4)
    splitter = EventSplitter()
    told = lengths + aws_events.crc32(lengths).to_bytes(4, "big")
    assert splitter.feed(told) == b""
    assert splitter.unread_after == told
    assert len(head) == len(told)


def test_a_long_message_is_held_back_until_it_is_whole():
    long = event("contentBlockDelta", b"x" * (1 << 20))
    splitter = EventSplitter()
    pieces = [splitter.feed(long[at : at + 4096]) for at in range(0, len(long), 4096)]
    assert pieces[-1] == long
    assert not any(pieces[:-1])


def test_an_exception_is_told_from_an_event():
    assert ERROR.search(exception("throttlingException", b"{}"))
    unmodelled = message(aws_events._header(":error-code", "x") + aws_events._header(":message-type", "error"), b"")
    assert ERROR.search(unmodelled)
    assert not ERROR.search(event("metadata", b'{"text": ":message-type exception"}'))


def test_text_in_base64_can_be_searched():
    inner = b'{"delta":{"text":"hello"}}'
    stop = event("metadata", b"{}")
    assert readable(stop) == stop
    assert readable(chunk(inner) + exception("x", b"{}")) == inner + b"\n" + exception("x", b"{}")


def test_the_recorded_stream_is_read_whole():
    """As the recording's own decoder read it: event by event."""
    shared = harness.shared()
    if shared is None:
        pytest.skip("there are no shared recordings; set FAREWAY_SHARED")
    recorded = json.loads((shared / "data" / "recorded" / "bedrock_converse_stream.json").read_text())
    raw = base64.b64decode(recorded["raw_eventstream_b64"])
    assert run(raw, range(0, len(raw), 7)) == (raw, raw)
    assert [json.loads(payload(e)) for e in events(raw)] == [e["data"] for e in recorded["events"]]


def test_what_is_written_here_botocore_can_read():
    eventstream = pytest.importorskip("botocore.eventstream", reason="botocore is in the dev extra")
    buffer = eventstream.EventStreamBuffer()
    buffer.add_data(exception("throttlingException", b'{"message":"later"}'))
    (found,) = list(buffer)
    assert found.to_response_dict() == {
        "status_code": 400,
        "headers": {
            ":exception-type": "throttlingException",
            ":content-type": "application/json",
            ":message-type": "exception",
        },
        "body": b'{"message":"later"}',
    }


def test_aws_streams_are_known_by_their_content_type():
    assert framing_of("application/vnd.amazon.eventstream") is AWS
