"""One top-level value changes; every other byte stays, whatever the rest of the object looks like."""

import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import BadRequest
from gateway.dialects import splice
from gateway.dialects.splice import BRACKETS_MAX

NASTY = ["model", '"model":', "}", "]", "{", ",", ":", "\\", '\\"', "a\\", "é", "\u2028", '{"model":"x"}', ""]
names = st.one_of(st.sampled_from(["models", "mode", "model ", "x", "mod\\u0065l", *NASTY[1:]]), st.text(max_size=5))
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


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 10**9)), max_size=6),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", ":"), (",", ": ")]),
)
def test_twins_are_refused_whatever_their_sizes(members, separators):
    """Laid out as libraries do it, one may be exactly as long as what stands in another's place."""
    comma, colon = separators
    body = "{" + comma.join(f'"{name}"{colon}{value}' for name, value in members) + "}"
    names = [name for name, _ in members]
    if len(set(names)) == len(names):
        splice.refuse_twins(body.encode(), ("a", "b", "c"))
    else:
        with pytest.raises(BadRequest):
            splice.refuse_twins(body.encode(), ("a", "b", "c"))


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


@pytest.mark.parametrize(
    "inside",
    [
        b'{"a":"' + b'\\"' * 500_000 + b'"}',
        b"[" + b"1.5, " * 400_000 + b"0]",
        b"[" + b'"a]", ' * 400_000 + b'"}"]',
        b"{" + b'"k": null, ' * 200_000 + b'"k": "\\\\"}',
        b"[" * 40_000 + b'"]"' + b"]" * 40_000,
        b'"' + b"\\\\" * 500_000 + b'"',
        b"9" * 1_000_000,
        b"[{},[]," * 10_000 + b"0" + b"]" * 10_000,
    ],
)
def test_a_large_value_of_any_shape_is_walked_over(inside):
    """A walk that took more than one look at each byte, or a stack, would never come back from here."""
    body = b'{"big": ' + inside + b' ,"model":"m" , "again":' + inside + b"}"
    begin, end = splice.find(body, "model")
    assert body[begin:end] == b'"m"'
    begin, end = splice.find(body, "big")
    assert body[begin:end] == inside
    with pytest.raises(BadRequest):
        splice.find(body[:-1] + b',"mod\\u0065l":"n"}', "model")


def test_many_members_are_each_looked_at():
    body = b"{" + b'"b":1, "c":"x",' * 100_000 + b'"model":"m"}'
    begin, end = splice.find(body, "model")
    assert (begin, end) == (len(body) - 4, len(body) - 1)


def brackets(count):
    """A body that must be walked, with so many brackets: half of them in text, where they cost a count too."""
    text = b"{" * (count // 2)
    return b'{"tag":"model","text":"' + text + b'","list":[' + b"[]," * (count - count // 2 - 2) + b'0],"model":"m"}'


@pytest.mark.parametrize("count", [BRACKETS_MAX, BRACKETS_MAX + 1])
def test_a_body_of_too_many_parts_is_refused_where_it_must_be_walked(count):
    body = brackets(count)
    assert body.count(b"{") + body.count(b"[") == count
    if count == BRACKETS_MAX:
        begin, end = splice.find_string(body, "model")
        assert body[begin:end] == b'"m"'
        return
    for look in (
        lambda: splice.find_string(body, "model"),
        lambda: splice.find(body, "model"),
        lambda: splice.refuse_twins(body.replace(b"{", b"{ ", 1), ("model",)),
    ):
        with pytest.raises(BadRequest, match="too many parts") as refused:
            look()
        assert refused.value.param is None
    assert splice.find_any(body, "model") is None


def test_a_body_of_any_many_parts_passes_where_no_walk_is_needed():
    body = brackets(BRACKETS_MAX + 2).replace(b'"tag":"model",', b"")
    begin, end = splice.find_string(body, "model")
    assert body[begin:end] == b'"m"'
    assert splice.find(body, "stream_options") is None
    splice.refuse_twins(body, ("model", "stream"))


LETTERS = f"{string.ascii_letters}{string.digits}_"


@pytest.mark.parametrize("spelling", ["\\u%04x", "\\u%04X"])
@pytest.mark.parametrize("letter", LETTERS)
def test_every_letter_of_our_keys_is_found_in_its_hiding_place(letter, spelling):
    """All keys that we look for are of these letters."""
    hidden = '{"x": 1, "a' + spelling % ord(letter) + 'z": "found"}'
    begin, end = splice.find(hidden.encode(), f"a{letter}z")
    assert hidden[begin:end] == '"found"'
    twins = hidden[:-1] + f', "a{letter}z": 2}}'
    with pytest.raises(BadRequest):
        splice.refuse_twins(twins.encode(), (f"a{letter}z",))


@pytest.mark.parametrize(
    "text", ["\\u00e9", "\\u0040", "\\u007B", "\\u0022", "\\u1065", "\\\\u0065", "u0065", "\\\\\\\\u0061"]
)
def test_what_hides_no_letter_of_a_key_costs_no_walk(text):
    """Every é of a body from Python is written so; and behind an escaped backslash `u0065` is plain text."""
    body = b'{ "text": "%b", "model": "m", "x": [%b]}' % (text.encode(), b",".join([b"[]"] * BRACKETS_MAX))
    begin, end = splice.find_string(body, "model")
    assert body[begin:end] == b'"m"'
    assert splice.find(body, "stream") is None
    splice.refuse_twins(body, ("model",))


@pytest.mark.parametrize("text", ["\\u0065", "\\\\\\u0065", "x\\u007a", "\\u005F", "\\u0041"])
def test_what_may_hide_a_letter_makes_us_look(text):
    body = b'{"text": "%b", "model": "m"}' % text.encode() + b"[" * (BRACKETS_MAX + 1)
    with pytest.raises(BadRequest, match="too many parts"):
        splice.find(body, "stream")


PIECES = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b'"error"',
    b":",
    b",",
    b"\\",
    b"\\u0065",
    b'"\\u0065rror"',
    b" ",
    b"1",
    b"\xff",
]
garbage = st.one_of(st.binary(max_size=30), st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join))


@settings(max_examples=500)
@given(garbage, garbage, st.booleans())
def test_whatever_a_provider_sends_nothing_is_raised(before, after, within):
    """None, or a place inside it."""
    body = before + (b'"error":' if within else b"") + after
    span = splice.find_any(body, "error")
    assert span is None or 0 <= span[0] <= span[1] <= len(body)


@given(objects(), st.data())
def test_an_object_that_is_cut_off_raises_nothing_either(made, data):
    body, _ = made
    cut = body[: data.draw(st.integers(0, len(body)))]
    span = splice.find_any(cut, "model")
    assert span is None or span[1] <= len(cut)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"error", b'["error"]', b'"error"', b'{"error"', b'{"error":', b'{"error":[']
)
def test_what_is_no_object_has_no_members(body):
    assert splice.find_any(body, "error") is None


@given(objects(times=2))
def test_of_twins_that_a_provider_sends_none_is_taken(made):
    assert splice.find_any(made[0], "model") is None


@given(objects())
def test_what_a_provider_sends_is_found_as_a_callers_is(made):
    body, span = made
    assert splice.find_any(body, "model") == span


@given(
    st.lists(st.sampled_from(["\\", "\\\\", "\\u00", "\\u0065", "\\u005f", "\\u004f", "6", "5", "a", '"'])).map("".join)
)
@settings(deadline=None)
def test_hidden_letters_are_found_fast_as_they_would_be_slowly(text):
    """A body with pictures is searched in milliseconds, and not in a second."""
    body = text.encode()
    assert splice._hides_letters(body) == (splice._HIDDEN_LETTER.search(body) is not None)


@pytest.mark.parametrize("size", [0, splice.LARGE_BYTES + 1])
def test_large_bodies_are_changed_like_small_ones(size):
    body = b'{"a": "%b", "model": "m"  \n}  ' % (b"x" * size)
    span = splice.find_string(body, "model")
    assert splice.replace(body, span, b'"other"') == body.replace(b'"m"', b'"other"')
    assert splice.append(body, "b", b"1") == body.replace(b"\n}", b'\n,"b":1}')
    assert splice.append(b"{ \n}", "b", b"1") == b'{ \n"b":1}'
