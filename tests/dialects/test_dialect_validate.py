"""What is refused before it is read: reading it would keep all other calls waiting."""

import json

import pytest

from gateway.core.errors import BadRequest
from gateway.dialects.validate import OBJECTS_MAX, refuse_many_objects


def body(objects, text=""):
    """JSON of so many objects, and a text."""
    return json.dumps({"a": [{}] * (objects - 1), "text": text}).encode()


@pytest.mark.parametrize("begin", [b"", b" \n"])
def test_a_body_of_too_many_objects_is_refused(begin):
    refuse_many_objects(begin + body(OBJECTS_MAX))
    with pytest.raises(BadRequest, match="50,000 objects"):
        refuse_many_objects(begin + body(OBJECTS_MAX + 1))


@pytest.mark.parametrize("text", ["{" * 200_000, '{"a": "\\{"}' * 200_000, "\\" * 3 + "{" * 200_000])
def test_braces_in_texts_are_no_objects(text):
    refuse_many_objects(body(2, text))
    with pytest.raises(BadRequest, match="objects"):
        refuse_many_objects(body(OBJECTS_MAX + 1, text))


def test_a_form_is_no_json():
    refuse_many_objects(b"--boundary\r\n" + b"{" * 200_000)


def test_what_is_no_json_is_left_to_who_reads_it():
    """Which ends soon: at the first thing that is wrong, or nested too deeply."""
    refuse_many_objects(b'{"a":' * 200_000)
    refuse_many_objects(body(200_000)[:-1])
