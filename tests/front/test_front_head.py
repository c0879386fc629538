"""Heads of requests as text, and heads of answers as bytes."""

import http.client
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.front.head import NotHttp, answer_head, check_framing, request_fields, request_target

HOST = {"host": "x"}


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/v1/models", "/v1/models", ""),
        (b"/v1/models?a=/b?c", "/v1/models", "a=/b?c"),
        (b"//v1", "//v1", ""),
        (b"/%2e%2e/a", "/%2e%2e/a", ""),
        (b"http://host/v1/models?a=b", "/v1/models", "a=b"),
        (b"HTTPS://host:443/v1", "/v1", ""),
        (b"http://host", "/", ""),
        (b"http://host?/v1/models", "/", "/v1/models"),
        (b"http://user@host/a", "/a", ""),
    ],
)
def test_the_path_and_the_query_of_a_target(target, path, query):
    assert request_target(target) == (path, query)


@pytest.mark.parametrize(
    "target", [b"", b"*", b"?a", b"v1/models", b"ftp://host/a", b"http:/a", b"host:443", b"?http://x/a"]
)
def test_what_is_no_path_is_refused(target):
    with pytest.raises(NotHttp):
        request_target(target)


def test_names_are_in_lower_case_and_what_came_twice_is_joined():
    assert request_fields([(b"X-A", b"1"), (b"x-a", b"2"), (b"B", b"")]) == {"x-a": "1, 2", "b": ""}


def test_space_behind_a_value_is_no_part_of_it():
    """The parser trims only what stands before."""
    assert request_fields([(b"content-encoding", b"identity \t"), (b"b", b"\t ")]) == {
        "content-encoding": "identity",
        "b": "",
    }


@pytest.mark.parametrize("name", [b"Host", b"content-length", b"AUTHORIZATION", b"x-api-key", b"Content-Type"])
def test_what_may_stand_once_may_not_stand_twice(name):
    with pytest.raises(NotHttp):
        request_fields([(name, b"1"), (name.swapcase(), b"1")])


@given(st.lists(st.tuples(st.from_regex(rb"\A[a-z]{4}\Z"), st.binary())))
def test_any_bytes_of_values_are_kept(raw):
    fields = request_fields(raw)
    kept = {name: text.encode("utf-8", "surrogateescape") for name, text in fields.items()}
    assert kept == {n.decode(): b", ".join(v.rstrip(b" \t") for m, v in raw if m == n) for n, _ in raw}


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("1.1", HOST),
        ("1.1", HOST | {"transfer-encoding": "chunked"}),
        ("1.1", HOST | {"transfer-encoding": "Chunked"}),
        ("1.1", HOST | {"content-length": "0" * 19 + "5"}),
        ("1.0", {}),
        ("1.0", {"content-length": "5"}),
    ],
)
def test_framing_that_all_read_alike_passes(version, fields):
    check_framing(version, fields)


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("1.1", {}),
        ("0.9", HOST),
        ("2.0", HOST),
        ("1.2", HOST),
        ("1.0", {"transfer-encoding": "chunked"}),
        ("1.1", HOST | {"transfer-encoding": "gzip, chunked"}),
        ("1.1", HOST | {"transfer-encoding": ",chunked"}),
        ("1.1", HOST | {"transfer-encoding": "chunked, chunked"}),
        ("1.1", HOST | {"transfer-encoding": "identity"}),
        ("1.1", HOST | {"transfer-encoding": ""}),
        ("1.1", HOST | {"transfer-encoding": "chun\u212aed"}),  # Whose lower case is a k.
        ("1.1", HOST | {"content-length": "0" * 5000 + "5"}),
    ],
)
def test_framing_that_others_may_read_in_another_way_is_refused(version, fields):
    with pytest.raises(NotHttp):
        check_framing(version, fields)


def test_a_status_without_a_name_has_an_empty_one():
    assert answer_head(299, {}, "").startswith(b"HTTP/1.1 299 \r\nDate: ")
    assert answer_head(404, {}, "").startswith(b"HTTP/1.1 404 Not Found\r\nDate: ")


lines = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]) | st.sampled_from("\r\n\0 :"), max_size=20)


@given(st.dictionaries(st.from_regex(r"\Ax-[a-z]{1,6}\Z"), lines, max_size=5))
def test_no_value_ends_its_line(headers):
    head = answer_head(200, headers, "")
    read = http.client.parse_headers(io.BytesIO(head.partition(b"\r\n")[2]))
    assert set(read.keys()) - {"Date"} == set(headers)
    assert head.count(b"\r\n") == len(headers) + 3
    assert b"\0" not in head


@pytest.mark.parametrize("name", ["x\r\ny", "x: 1\r\ny", "x\n", "x\0"])
def test_no_name_ends_its_line(name):
    head = answer_head(200, {name: "1", "z": "2"}, "")
    assert head.count(b"\r") == head.count(b"\n") == 5
    assert b"\0" not in head


def test_the_date_is_one_that_all_can_read():
    date = answer_head(200, {}, "").split(b"\r\n")[1]
    assert date.startswith(b"Date: ")
    assert date.endswith(b" GMT")
    assert len(date) == len("Date: Sun, 06 Nov 1994 08:49:37 GMT")
