"""An array that comes in pieces: whole elements out as soon as they are there, and every byte of it."""

import json
from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects import json_array
from gateway.dialects.framing import JSON_ARRAY, SSE, framing_of
from gateway.dialects.json_array import ELEMENT_BYTES_MAX

values = st.recursive(
    st.none() | st.integers() | st.text(alphabet='a"\\{}[],é\n', max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='k"\\}]', max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.lists(st.dictionaries(st.text(max_size=2), values, max_size=3), max_size=5)


def pieces(data, places):
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(objects, st.lists(st.integers(0, 10**6), max_size=12), st.sampled_from([(",", None), ("\n,\r\n", 2)]))
def test_cut_anywhere_the_elements_are_the_same(given_objects, places, style):
    comma, indent = style
    data = ("[" + comma.join(json.dumps(o, indent=indent) for o in given_objects) + "\n]\n").encode()
    splitter = JSON_ARRAY.splitter()
    fed = [splitter.feed(piece) for piece in pieces(data, places)]
    assert b"".join(fed) + splitter.rest() == data
    events = [event for whole in fed for event in JSON_ARRAY.events(whole)]
    assert b"".join(events) == b"".join(fed)
    payloads = [JSON_ARRAY.payload(event) for event in events]
    assert [json.loads(payload) for payload in payloads if payload] == given_objects


def test_an_element_passes_as_soon_as_it_is_whole():
    splitter = JSON_ARRAY.splitter()
    assert splitter.feed(b'[{"a": [') == b""
    assert splitter.feed(b'"]}"]}') == b'[{"a": ["]}"]}'
    assert splitter.feed(b'\n,{"b"') == b""
    assert splitter.feed(b": 1}]") == b'\n,{"b": 1}]'


def test_an_element_that_is_too_long_passes_in_pieces_and_is_read_once_it_is_whole():
    splitter = JSON_ARRAY.splitter()
    assert splitter.feed(b'[{"a": 1},{"b": "') == b'[{"a": 1}'
    long = b"x" * (ELEMENT_BYTES_MAX + 1)
    assert splitter.feed(long) == b""
    assert splitter.unread_after == b',{"b": "' + long
    assert splitter.feed(b"yy}]") == b""
    assert splitter.unread_before == b"yy}]"
    assert splitter.feed(b'z"},{"c": 1},{"d"') == b',{"c": 1}'
    assert (splitter.unread_before, splitter.unread_after) == (b'z"}', b"")
    assert splitter.late == b',{"b": "' + long + b'yy}]z"}'
    assert splitter.feed(b": 2}]") == b',{"d": 2}]'
    assert splitter.late == b""


def test_one_that_is_too_long_and_never_ends_is_given_as_far_as_it_came():
    splitter = JSON_ARRAY.splitter()
    begun = b'[{"a": "' + b"x" * ELEMENT_BYTES_MAX
    splitter.feed(begun)
    assert splitter.rest() == b""
    assert (splitter.late, splitter.unread_after) == (begun, b"")
    assert splitter.rest() == splitter.late == b""


def test_one_that_is_too_long_to_be_kept_is_not_read(monkeypatch):
    monkeypatch.setattr(json_array, "LATE_BYTES_MAX", ELEMENT_BYTES_MAX + 10)
    splitter = JSON_ARRAY.splitter()
    splitter.feed(b'[{"a": "' + b"x" * ELEMENT_BYTES_MAX)
    assert splitter.feed(b"xxx") == b""
    assert splitter.feed(b'"},{"b": 1}') == b',{"b": 1}'
    assert (splitter.unread_before, splitter.late) == (b'"}', b"")


@given(objects, st.lists(st.integers(0, 10**6), max_size=12), st.integers(0, 40))
def test_whatever_is_too_long_every_byte_passes_and_every_element_is_read(given_objects, places, held_max):
    data = json.dumps(given_objects).encode()
    splitter, passed, read = JSON_ARRAY.splitter(), [], []
    with mock.patch.object(json_array, "ELEMENT_BYTES_MAX", held_max):
        for piece in pieces(data, places):
            whole = splitter.feed(piece)
            passed += splitter.unread_before, whole, splitter.unread_after
            read += [splitter.late] if splitter.late else []
            read += JSON_ARRAY.events(whole)
        rest = splitter.rest()
    assert b"".join(passed) + rest == data
    assert [json.loads(found) for event in read if (found := JSON_ARRAY.payload(event))] == given_objects


def test_one_object_alone_is_an_element():
    splitter = JSON_ARRAY.splitter()
    assert splitter.feed(b'{"error": {"code": 500}}') == b'{"error": {"code": 500}}'
    assert list(JSON_ARRAY.events(b" \n")) == [b" \n"]


@pytest.mark.parametrize(
    ("content_type", "arrays", "framing"),
    [
        ("application/json; charset=UTF-8", True, JSON_ARRAY),
        ("application/json", False, None),
        ("text/event-stream", True, SSE),
        ("text/html", True, None),
    ],
)
def test_framing_by_content_type(content_type, arrays, framing):
    assert framing_of(content_type, arrays=arrays) is framing
