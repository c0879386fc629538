"""One top-level value changes; every other byte stays, whatever the rest of the object looks like."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import BadRequest
from gateway.dialects import splice

NASTY = ["model", '"model":', "}", "]", "{", ",", ":", "\\", '\\"', "a\\", "é", "\u2028", '{"model":"x"}', ""]
names = st.one_of(
    st.sampled_from(["models", "mode", "Model", "model ", "x", "mod\\u0065l", *NASTY[1:]]), st.text(max_size=5)
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.sampled_from(NASTY), st.text(max_size=5))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["model", "x", "}"]), inner)),
    max_leaves=6,
)
spaces = st.text(" \t\r\n", max_size=2)


@st.composite
def spelt(draw, text):
    """A JSON string for this text, in one of its many spellings."""
    letters = []
    for letter in text:
        if ord(letter) < 128 and draw(st.integers(0, 4)) == 0:
            code = f"{ord(letter):04x}"
            letters.append("\\u" + draw(st.sampled_from([code, code.upper()])))
        else:
            letters.append(json.dumps(letter, ensure_ascii=draw(st.booleans()))[1:-1])
    return '"' + "".join(letters) + '"'


@st.composite
def objects(draw, times=1):
    """(body, where the value of "model" begins, and ends): twins of other keys, nesting, any spelling and spaces."""
    members = [
        (draw(spelt(n)), json.dumps(draw(values), ensure_ascii=draw(st.booleans())))
        for n in draw(st.lists(names.filter(lambda n: n != "model"), max_size=4))
    ]
    for _ in range(times):
        place = draw(st.integers(0, len(members)))
        members.insert(place, (draw(spelt("model")), json.dumps(draw(values))))
        at = place
    text, span = "{", None
    for i, (name, value) in enumerate(members):
        text += ("," if i else "") + draw(spaces) + name + draw(spaces) + ":" + draw(spaces)
        begin = len(text.encode())
        text += value
        if i == at:
            span = begin, len(text.encode())
        text += draw(spaces)
    return text.encode() + b"}" + draw(spaces).encode(), span


def pairs(body):
    return json.loads(body, object_pairs_hook=list)


@settings(max_examples=200)
@given(objects(), values)
def test_exactly_the_value_changes(made, value):
    body, span = made
    assert splice.find(body, "model") == span
    new = splice.replace(body, span, json.dumps(value).encode())
    assert new == body[: span[0]] + json.dumps(value).encode() + body[span[1] :]
    before, after = pairs(body), pairs(new)
    assert [n for n, _ in before] == [n for n, _ in after]
    assert [b for n, b in before if n != "model"] == [a for n, a in after if n != "model"]
    assert json.loads(new)["model"] == value


@settings(max_examples=150)
@given(objects(times=2))
def test_twins_are_refused_however_they_are_spelt(made):
    body, _ = made
    for look in (lambda: splice.find(body, "model"), lambda: splice.refuse_twins(body, ("stream", "model"))):
        with pytest.raises(BadRequest) as refused:
            look()
        assert refused.value.param == "model"


@settings(max_examples=100)
@given(objects())
def test_one_of_a_name_is_no_twin(made):
    body, _ = made
    splice.refuse_twins(body, ("model",))


@given(objects())
def test_what_is_not_there_is_not_found(made):
    body, _ = made
    assert splice.find(body, "stream_options") is None


@given(st.dictionaries(st.sampled_from(["x", "messages", "y"]), values), st.sampled_from(NASTY), spaces, st.data())
def test_a_string_is_found_the_short_way_and_the_long_way_alike(others, model, space, data):
    """Where the name stands once, no walk is needed; where it also stands inside, the walk finds the right one."""
    text = json.dumps({**others, "model": model}, separators=(f"{space},{space}", f"{space}:{space}"))
    begin, end = splice.find_string(text.encode(), "model")
    assert text.encode()[begin:end] == json.dumps(model).encode()


def test_a_name_that_first_stands_inside_a_value_is_not_taken_for_the_key():
    body = b'{"metadata":{"model":"inner"},"tags":["model","x"],"mod\\u0065l":"outer"}'
    begin, end = splice.find_string(body, "model")
    assert body[begin:end] == b'"outer"'
    body = b'{"tag":"model","mod\\u0065l":"outer"}'
    begin, end = splice.find_string(body, "model")
    assert body[begin:end] == b'"outer"'


def test_asking_for_a_string_that_is_not_there_is_a_bug():
    with pytest.raises(AssertionError):
        splice.find_string(b'{"a":1}', "model")


@given(st.dictionaries(names, values, max_size=3), spaces, spaces)
def test_a_member_is_added_at_the_end_and_nothing_else_changes(others, before, after):
    body = json.dumps(others).encode()[:-1] + before.encode() + b"}" + after.encode()
    new = splice.append(body, "added", b"[1]")
    assert pairs(new) == [*pairs(body), ["added", [1]]] or pairs(new) == [*pairs(body), ("added", [1])]
    assert new.startswith(body[: body.rindex(b"}")])


def test_a_walk_over_a_large_object_is_linear():
    """Each of 200,000 members is looked at once."""
    import time

    body = b'{"a":"' + b'\\"' * 500_000 + b'",' + b'"b":[{},{}],' * 100_000 + b'"model":"m"}'
    began = time.process_time()
    begin, end = splice.find(body, "model")
    assert body[begin:end] == b'"m"'
    assert time.process_time() - began < 3
