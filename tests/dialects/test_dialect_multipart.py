"""Forms are read where they lie: fields by name, files by size, and not a byte but the model's changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import BadRequest
from gateway.dialects.multipart import PARTS_MAX, VALUE_BYTES_MAX, read_form

TYPE = "multipart/form-data; boundary=xx"


def part(head, value):
    return b"--xx\r\n" + head + b"\r\n\r\n" + value + b"\r\n"


def field(name, value):
    return part(b'Content-Disposition: form-data; name="' + name.encode() + b'"', value)


def form(*parts, end=b"--xx--\r\n"):
    return b"".join(parts) + end


FILE = part(
    b'Content-Disposition: form-data; name="image[]"; filename="a.png"\r\nContent-Type: image/png',
    b"\r\n\0PNG--xx\r\n--x",
)


def test_fields_are_text_and_files_are_sized():
    read = read_form(form(field("model", b"m-1"), FILE, field("n", b"2"), FILE), TYPE)
    assert (read.text("model"), read.number("n"), read.text("prompt"), read.number("size")) == ("m-1", 2, None, None)
    assert [file.size for file in read.files("image", "mask")] == [15, 15]
    assert read.files("mask") == []
    assert read.files_bytes == 30


@given(st.binary(max_size=60).filter(lambda b: b"--xx" not in b), st.text(max_size=20), st.text(min_size=1))
def test_only_the_value_changes(value, text, new):
    if "--xx" in text:
        return
    before, after = field("a", value), FILE + field("b", value)
    body = form(before, field("model", text.encode()), after)
    read = read_form(body, TYPE)
    assert read.text("model") == text
    assert read.with_text("model", new) == form(before, field("model", new.encode()), after)


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="xx"',
        "Multipart/Form-Data; charset=utf-8; Boundary=xx",
        "multipart/form-data; boundary=xx; charset=utf-8",
    ],
)
def test_boundaries_are_named_in_many_ways(content_type):
    assert read_form(form(field("a", b"1")), content_type).text("a") == "1"


@pytest.mark.parametrize(
    "head",
    [
        b"content-disposition:form-data; name=a",
        b'Content-Type: text/plain\r\nContent-Disposition: form-data; name="a"',
        b'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: binary',
    ],
)
def test_heads_are_written_in_many_ways(head):
    assert read_form(form(part(head, b"1")), TYPE).text("a") == "1"


def test_a_file_with_a_name_in_any_alphabet_is_a_file():
    head = b"Content-Disposition: form-data; name=\"file\"; filename*=utf-8''%e2%82%ac"
    assert read_form(form(part(head, b"12")), TYPE).files_bytes == 2


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=xx"]
)
def test_what_says_that_it_is_no_form_is_refused(content_type):
    with pytest.raises(BadRequest):
        read_form(form(field("a", b"1")), content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--xx--\r\n",
        b"preamble\r\n" + form(field("a", b"1")),
        field("a", b"1"),
        form(field("a", b"1"), end=b"--xx"),
        form(field("a", b"1"), end=b"--xxy--\r\n"),
        form(field("a", b"1"), end=b"--xx--\r\nepilogue"),
        form(b"--xx\r\nno head\r\n"),
        form(part(b"Content-Type: text/plain", b"1")),
        form(part(b'Content-Disposition: form-data; filename="a"', b"1")),
        form(part(b"Content-Disposition: form-data; name*=utf-8''a", b"1")),
        form(part(b'Content-Disposition: form-data; name="a"; name="b"', b"1")),
        form(part(b'Content-Disposition: form-data; name="a" b', b"1")),
        form(part(b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"', b"1")),
        form(part(b'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64', b"MQ==")),
        form(*[field("a", b"1")] * (PARTS_MAX + 1)),
        form(part(b"X: " + b"y" * 5000 + b'\r\nContent-Disposition: form-data; name="a"', b"1")),
    ],
)
def test_what_parsers_may_read_in_different_ways_is_refused(body):
    with pytest.raises(BadRequest):
        read_form(body, TYPE)


@pytest.mark.parametrize(
    "parts",
    [[field("a", b"1"), field("a", b"2")], [FILE], [field("a", b"\xff")], [field("a", b"1" * VALUE_BYTES_MAX * 2)]],
)
def test_a_field_that_is_no_single_text_is_refused_when_it_is_asked_for(parts):
    read = read_form(form(*parts), TYPE)
    with pytest.raises(BadRequest):
        read.text("a" if parts != [FILE] else "image[]")


@pytest.mark.parametrize("value", [b"", b"-1", b"1.5", b"x", b"1" * 10, "\u0663".encode()])
def test_a_number_is_digits(value):
    with pytest.raises(BadRequest):
        read_form(form(field("n", value)), TYPE).number("n")
