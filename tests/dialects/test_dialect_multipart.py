"""Forms are read where they lie: fields by name, files by size, and not a byte but the model's changes."""

import asyncio
import email
import warnings

import pytest
from aiohttp import MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol
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
    assert [(file.name, file.size) for file in read.files] == [("image[]", 15)] * 2
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
        "multipart/form-data;boundary=xx;charset=UTF-8",  # Spring
        "multipart/form-data; charset=ISO-8859-1; boundary=xx",  # Apache's HttpClient 5
        "multipart/form-data; boundary=xx;",
    ],
)
def test_boundaries_are_named_in_many_ways(content_type):
    assert read_form(form(field("a", b"1")), content_type).text("a") == "1"


@pytest.mark.parametrize(
    "head",
    [
        b"content-disposition:form-data; name=a",
        b'X-Part: 1\r\nContent-Disposition: form-data; name="a"\r\nLast-Modified: now',
        b'Content-Type: text/plain\r\nContent-Disposition: form-data; name="a"',
        b'Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: binary',
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=a",  # .NET
        (
            b'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=ISO-8859-1\r\n'
            b"Content-Transfer-Encoding: 8bit"
        ),  # Apache's HttpClient
        b'Content-Type: text/plain;charset=UTF-8\r\nContent-Length: 1\r\nContent-Disposition: form-data; name="a"',
        b'content-disposition: form-data; name="a"\r\ncontent-type: application/json\r\ncontent-id: <a>',
        (
            b'Content-Type: text/plain; charset="us-ascii"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\n'
            b'Content-Disposition: form-data; name="a"'
        ),  # Python's email
    ],
)
def test_heads_are_written_in_many_ways(head):
    assert read_form(form(part(head, b"1")), TYPE).text("a") == "1"


@pytest.mark.parametrize(
    "name",
    [
        *(b"*=utf-8''%e2%82%ac", b'="\xe2\x82\xac"', b'="a\\"b\\"; c.png"', b'="a; b; name c.png"', b'="a; b.mp3"'),
        *(b'="name=a.mp3"', b'="C:\\a.mp3"', b'="a.mp3";', b'="C:\\\\"; '),
    ],
)
def test_a_file_with_a_name_in_any_alphabet_is_a_file(name):
    head = b'Content-Disposition: form-data; name="file"; filename' + name
    assert read_form(form(part(head, b"12")), TYPE).files_bytes == 2


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/mixed; boundary=xx",
        "multipart/form-data; boundary=xx; boundary*=us-ascii''yy",
        'multipart/form-data; x="; boundary=xx;"; boundary=yy',
        "multipart/form-data; boundary=xx; boundary=yy",
        'multipart/form-data; boundary="x;x"',
        "multipart/form-data; boundary=xx; charset=utf-7",
    ],
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
        form(part(b'Content-Disposition: form-data; name="a"\r\nContent-Disposition: attachment; name="b"', b"1")),
        form(part(b'X: y\nContent-Disposition: form-data; name="b"\r\nContent-Disposition: form-data; name="a"', b"1")),
        form(part(b'Content-Disposition: form-data; name="a"\r\n x: y', b"1")),
        form(part(b'Content-Disposition: form-data; name="a"\r\nContent-Encoding: gzip', b"1")),
        form(part(b'Content-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=utf-7', b"1")),
        form(part(b'Content-Disposition: form-data; name="a"\r\nContent-Type: multipart/mixed', b"1")),
        form(part(b'Content-Disposition: attachment; name="a"', b"1")),
        form(part(b'Content-Disposition: form-data; name="a"; filename="b\\";name=c;d="', b"1")),
        form(part(b'Content-Disposition: form-data; a="\\"; x="; name=b; filename=c; y="; name=a; z="', b"1")),
        form(part(b'Content-Disposition: form-data; x="; name=model; y="; name="prompt"', b"1")),
        form(part(b'Content-Disposition: form-data; name="prompt"; filename="a;\tFileName = b"', b"1")),
        form(part(b'Content-Disposition: form-data; name="prompt"; x="a; name*0*=b"', b"1")),
        form(part(b'Content-Disposition: form-data; name="prompt"; filename="C:\\"; name="model"', b"1")),
        form(part(b'Content-Disposition: form-data; name="prompt"; filename="C:\\"; name=model; x="', b"1")),
        form(part(b'Content-Disposition: form-data; name="C:\\a"', b"1")),
        form(part(b'Content-Disposition: form-data; name="a";;', b"1")),
        form(part(b'Content-Disposition: form-data; ;name="a"', b"1")),
        form(field("_charset_", b"utf-7")),
        form(field("+AG0-odel", b"1")),
        form(field("a", b"1\n--xx--\r\n")),
        form(field("a", b"1\r--xx--\r\n")),
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


NAMES = st.sampled_from(
    ["model", '"model"', '"a"', '"url"', "a", '"+AG0-odel"', '"a\\";name=model;b="', '"/a"', '"\\"']
)
MORE = ["", '; filename="a"', '; filename=""', "; filename*=utf-8''a", "; name*=utf-8''b", "; name*0=b", '; x="']
MORE += [";", "; ", '; filename="C:\\a"', '; filename="C:\\"', '; x="\\\\"']
DISPOSITION = st.builds(
    "{}{} {}; name={}{}".format,
    st.sampled_from(["Content-Disposition", "content-disposition", " Content-Disposition"]),
    st.sampled_from([":", ":", " :"]),
    st.sampled_from(["form-data", "form-data", "attachment"]),
    NAMES,
    st.sampled_from(MORE) | NAMES.map("; filename={}".format) | NAMES.map("; x={}".format),
)
LINE = DISPOSITION | st.sampled_from(
    [
        *(
            "Content-Type: text/plain",
            "Content-Type: text/plain; charset=utf-7",
            "Content-Type: multipart/mixed; boundary=y",
        ),
        *("Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: binary"),
        *("Content-Length: 0", "MIME-Version: 1.0", "X: y", " y", "y", "X: y\x0bz"),
    ]
)
HEAD = st.builds(
    lambda first, lines: first + "".join(end + line for end, line in lines),
    DISPOSITION,
    st.lists(st.tuples(st.sampled_from(["\r\n", "\r\n", "\n", "\r"]), LINE), max_size=2),
)
USUAL = st.sampled_from(
    ['Content-Disposition: form-data; name="a"', 'Content-Disposition: form-data; name="b"; filename="c"']
)
INSIDE = 'x{0}--{1}{2}\r\nContent-Disposition: form-data; name="model"\r\n\r\nv'.format
ENDS = st.sampled_from(["\r\n", "\n", "\r", ""])
VALUE = st.sampled_from(["", "v", "\r\n", "\n"]) | st.builds(INSIDE, ENDS, st.sampled_from(["xx", "yy"]), ENDS)
WRITTEN = st.sampled_from(
    [
        *(TYPE, 'multipart/form-data; boundary="xx"', "multipart/form-data; charset=utf-8; boundary=xx"),
        *("multipart/form-data; boundary=xx; boundary=yy", "multipart/form-data; boundary=xx; boundary*=utf-8''yy"),
    ]
)


@given(st.lists(st.tuples(USUAL | HEAD, VALUE), min_size=1, max_size=3), WRITTEN)
def test_whoever_else_reads_a_form_finds_the_same_in_it(parts, content_type):
    body = form(*(part(head.encode(), value.encode()) for head, value in parts))
    try:
        read = read_form(body, content_type)
    except BadRequest:
        return
    found = [(field.name, body[slice(*field.span)]) for field in read.fields]
    assert by_email(body, content_type) == found
    assert asyncio.run(by_aiohttp(body, content_type)) == found


def by_email(body, content_type):
    parts = email.message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body).get_payload()
    return [(p.get_param("name", header="Content-Disposition"), p.get_payload(decode=True)) for p in parts]


async def by_aiohttp(body, content_type):
    stream = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    stream.feed_data(body)
    stream.feed_eof()
    with warnings.catch_warnings(action="ignore"):
        return [(p.name, bytes(await p.read())) async for p in MultipartReader({"Content-Type": content_type}, stream)]
