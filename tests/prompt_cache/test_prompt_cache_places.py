"""Where a byte of a body lies, as people write it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prompt_cache.places import place

BODY = b'[ {"role":"user","content":[{"type":"text","text":"Hello \\u00e9"}]} , {"role": "assistant"}]'


@pytest.mark.parametrize(
    ("needle", "path"),
    [
        (b"Hello", "[0].content[0].text"),
        (b"assistant", "[1].role"),
        (b'"user"', "[0].role"),
        (b"type", "[0].content[0].type"),
    ],
)
def test_the_innermost_value(needle, path):
    at = BODY.index(needle)
    found, inside = place(BODY, at)
    assert found == path
    assert inside >= 0


def test_how_far_inside():
    assert place(b'{"a":"012345"}', 9) == (".a", 3)
    assert place(b'"012345"', 3) == ("", 2)


@pytest.mark.parametrize("text", [b"", b"{", b"[1", b"nonsense", b"[]", b'{"a":1}'])
def test_what_is_no_json_or_ends_before_has_no_inner_place(text):
    assert place(text, 50) == ("", 50)


def test_what_is_nested_deeply_is_told_as_far_as_that_goes():
    deep = b"[" * 20 + b"]" * 20
    assert place(deep, 19) == ("[0]" * 8, 11)


VALUES = st.recursive(
    st.one_of(st.integers(), st.text(max_size=4), st.booleans(), st.none()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.integers(0, 200), st.booleans())
def test_it_never_fails(value, offset, compact):
    text = json.dumps(value, separators=(",", ":") if compact else None).encode()
    path, inside = place(text, offset)
    assert inside >= 0
    assert isinstance(path, str)
