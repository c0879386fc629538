"""Server-sent events are read as the WHATWG says, however they are cut, and not a byte changes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects import sse
from gateway.dialects.sse import EVENT_BYTES_MAX, EventSplitter, events, payload

LINES = [
    b"data: {}", b'data: {"a":"b"}', b"data:x", b"data:  two spaces", b"data: ", b"data:",
    b": a comment", b":", b"event: error", b"id: 7", b"retry: 10", b"database: no", b"unknown",
    b"data: \xc3\xa9: data: y",
]  # fmt: skip
ENDS = [b"\n", b"\r\n", b"\r"]
BOM = b"\xef\xbb\xbf"

event = st.tuples(st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(ENDS)), max_size=4), st.sampled_from(ENDS))


@st.composite
def streams(draw):
    """Whole events in mixed line ends, maybe with a BOM before and an unfinished event behind."""
    blocks = draw(st.lists(event, max_size=5))
    body = b"".join(b"".join(line + end for line, end in lines) + blank for lines, blank in blocks)
    return (
        draw(st.sampled_from([b"", BOM])) + body + draw(st.sampled_from([b"", b"data: last", b"data: last\n", b"\r"]))
    )


def cut(data, places):
    edges = [0, *sorted({p % (len(data) + 1) for p in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def reference(stream):
    """The standard's own algorithm, line by line. An event that the end of the stream cuts short is read too."""
    found, data = [], []
    for line in [*stream.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), b""]:
        if not line:
            found.append(b"\n".join(data))
            data = []
            continue
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
    return [d for d in found if d]


@settings(max_examples=400)
@given(streams(), st.lists(st.integers(0, 400), max_size=8))
def test_any_cuts_give_the_same_bytes_and_the_payloads_of_the_standard(stream, places):
    splitter = EventSplitter()
    passed = [splitter.feed(chunk) for chunk in cut(stream, places)]
    passed.append(splitter.rest())
    assert b"".join(passed) == stream
    seen = [payload(e) for whole in passed for e in events(whole)]
    assert [data for data in seen if data] == reference(stream)


@settings(max_examples=50)
@given(streams())
def test_one_byte_at_a_time_gives_the_same(stream):
    splitter = EventSplitter()
    passed = [splitter.feed(stream[i : i + 1]) for i in range(len(stream))] + [splitter.rest()]
    assert b"".join(passed) == stream
    assert [d for whole in passed for e in events(whole) if (d := payload(e))] == reference(stream)


@given(streams())
def test_events_join_up_to_the_bytes_they_came_from(stream):
    assert b"".join(events(stream)) == stream


def test_an_unfinished_event_is_held_back_until_it_is_whole():
    splitter = EventSplitter()
    assert splitter.feed(b"data: a\n\ndata: b") == b"data: a\n\n"
    assert splitter.feed(b"\n") == b""
    assert splitter.feed(b"\n") == b"data: b\n\n"
    assert splitter.rest() == b""


@pytest.mark.parametrize("ends", [b"\n\n", b"\r\n\r\n", b"\n\r\n", b"\r\n\n"])
def test_every_kind_of_empty_line_ends_an_event_at_once(ends):
    splitter = EventSplitter()
    assert splitter.feed(b"data: a" + ends) == b"data: a" + ends
    assert splitter.rest() == b""


def test_a_lone_carriage_return_ends_an_event_once_it_is_known_to_be_alone():
    """It may be half of a CRLF whose other half is still on its way."""
    splitter = EventSplitter()
    assert splitter.feed(b"data: a\r\r") == b""
    assert splitter.feed(b"data: b\r\n\r") == b"data: a\r\r"
    assert splitter.feed(b"\n") == b"data: b\r\n\r\n"


def test_a_single_line_end_in_three_ways_ends_no_event():
    for end in ENDS:
        assert EventSplitter().feed(b"data: a" + end + b"data: b" + end) == b""


def test_data_without_a_space_and_over_several_lines_is_joined():
    assert payload(b"data:a\ndata: b\nid: 1\ndata:  c\n\n") == b"a\nb\n c"
    assert payload(b": nothing\n\n") == b""


def taken_apart(stream, places):
    """What passed in all, and the payloads of the events that were read."""
    splitter, passed, seen = EventSplitter(), b"", []
    for chunk in cut(stream, places):
        whole = splitter.feed(chunk)
        passed += splitter.unread_before + whole + splitter.unread_after
        seen += [data for part in (splitter.late, whole) for e in events(part) if (data := payload(e))]
    rest = splitter.rest()
    seen += [data for part in (splitter.late, rest) for e in events(part) if (data := payload(e))]
    return passed + rest, seen


EVENT_ENDS = [a + b for a in ENDS for b in ENDS if a + b != b"\r\n"]


@pytest.mark.parametrize("step", [1 << 20, 70_001])
def test_a_long_event_passes_in_pieces_and_is_read_once_it_is_whole(step):
    long = b"y" * (2 * EVENT_BYTES_MAX)
    stream = b"data: x\n\ndata: " + long + b"\n\ndata: z\n\n"
    assert taken_apart(stream, range(step, len(stream), step)) == (stream, [b"x", long, b"z"])


def test_a_long_event_is_not_held_back():
    splitter = EventSplitter()
    assert splitter.feed(b"data: " + b"y" * EVENT_BYTES_MAX) == b""
    assert len(splitter.unread_after) == EVENT_BYTES_MAX + 6
    assert splitter.feed(b"more") == b""
    assert (splitter.unread_before, splitter.late) == (b"more", b"")
    assert splitter.rest() == b""
    assert len(splitter.late) == EVENT_BYTES_MAX + 10


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from([b"a", b"b"]), max_size=3),
    st.lists(st.sampled_from([b"c", b"d"]), max_size=3),
    st.lists(st.sampled_from(EVENT_ENDS), min_size=7, max_size=7),
    st.lists(st.integers(-30, 30), max_size=12),
    st.integers(1, 180),
)
def test_wherever_it_is_cut_only_the_event_that_is_far_too_long_goes_unread(before, after, ends, places, size):
    """Not a byte is lost, and whatever stands before it and after it is read. The bounds are small here, so that cuts
    fall on every side of them."""
    small, late, ends = 40, 120, iter(ends)
    first, last = (b"".join(b"data: " + data + next(ends) for data in some) for some in (before, after))
    long = b"data: " + b"y" * size + next(ends)
    stream = first + long + last
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sse, "EVENT_BYTES_MAX", small)
        patch.setattr(sse, "LATE_BYTES_MAX", late)
        near = [len(first) + edge + place for edge in (len(long), small, late) for place in places]
        passed, seen = taken_apart(stream, [place for place in near if place >= 0])
    assert passed == stream
    read = [*before, b"y" * size, *after]
    assert seen == read if len(long) <= late else seen in (read, [*before, *after])
