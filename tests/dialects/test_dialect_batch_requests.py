"""What a batch holds, read as it came: each call by itself, with errors that say which one."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import BadRequest
from gateway.dialects.batch_requests import (
    ENDPOINTS,
    BatchAsked,
    BatchCall,
    Lines,
    is_id,
    read_anthropic,
    read_line,
    read_openai,
    with_params,
)
from gateway.dialects.batch_status import Status, read_id, read_status, with_results_here
from gateway.dialects.spoken import DIALECTS

CHAT = "/v1/chat/completions"


def encoded(**fields):
    return json.dumps(fields).encode()


def line(**changes):
    return encoded(**({"custom_id": "a", "method": "POST", "url": CHAT, "body": {"model": "m"}} | changes))


def test_every_endpoint_speaks_a_dialect():
    assert set(ENDPOINTS.values()) <= set(DIALECTS)


def test_openais_batch_names_its_file():
    assert read_openai(encoded(input_file_id="file-1", endpoint=CHAT, metadata={})) == BatchAsked("file-1", CHAT)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (encoded(endpoint=CHAT), "input_file_id"),
        (encoded(input_file_id="file-1", endpoint="/v1/videos"), "endpoint"),
        (encoded(input_file_id="../keys", endpoint=CHAT), "input_file_id"),
        (b'{"input_file_id":"a","input_file_id":"b","endpoint":"/v1/embeddings"}', "input_file_id"),
        (b"{", None),
    ],
)
def test_a_request_that_names_none_is_refused(body, param):
    with pytest.raises(BadRequest) as refused:
        read_openai(body)
    assert refused.value.param == param


def test_a_line_is_an_ordinary_call():
    assert read_line(line(), 3, CHAT) == BatchCall("line 3", "openai-chat", b'{"model": "m"}')
    assert read_line(b" \r", 1, CHAT) is None


@pytest.mark.parametrize(
    "wrong",
    [
        b"{",
        line(method="GET"),
        line(url="/v1/embeddings"),
        b'{"method":"POST","url":"/v1/chat/completions","body":{},"body":{"model":"dearer"}}',
        encoded(custom_id="a"),
    ],
)
def test_a_line_that_is_none_is_named(wrong):
    with pytest.raises(BadRequest, match="line 7"):
        read_line(wrong, 7, CHAT)


def test_anthropics_calls_stand_in_the_request():
    body = encoded(requests=[{"custom_id": "a", "params": {"model": "m"}}, {"custom_id": "b", "params": {}}])
    assert read_anthropic(body) == [
        BatchCall("requests[0].params", "anthropic-messages", b'{"model": "m"}'),
        BatchCall("requests[1].params", "anthropic-messages", b"{}"),
    ]
    changed = json.loads(with_params(body, [b'{"model":"n"}', b"{}"]))
    assert changed["requests"][0] == {"custom_id": "a", "params": {"model": "n"}}


@pytest.mark.parametrize("body", [b'{"requests":[]}', b"{}", b'{"requests":[],"requests":[{"params":{}}]}'])
def test_a_request_without_calls_is_refused(body):
    with pytest.raises(BadRequest, match="requests"):
        read_anthropic(body)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=6).filter(lambda text: b"\n" not in text)), st.lists(st.integers(0, 40)))
def test_lines_are_the_same_however_they_are_cut(texts, cuts):
    whole = b"\n".join(texts)
    places = sorted({0, *(min(cut, len(whole)) for cut in cuts), len(whole)})
    lines = Lines()
    found = [one for a, b in pairwise(places) for one in lines.feed(whole[a:b])]
    assert [*found, lines.rest()] == whole.split(b"\n")


def test_ids_are_words():
    assert is_id("file-aB_9")
    assert not any(is_id(wrong) for wrong in ("", "..", "a/b", "a?b", "a%2Fb", "a" * 129, "a\n"))


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"id": "b", "status": "in_progress"}, Status("b", ended=False)),
        ({"id": "b", "status": "failed"}, Status("b", ended=True)),
        (
            {"id": "b", "status": "completed", "output_file_id": "f", "request_counts": {"completed": 2}},
            Status("b", ended=True, files=("f",), done=2),
        ),
        (
            {"id": "b", "status": "completed", "error_file_id": "f", "request_counts": {"completed": 2}},
            Status("b", ended=False, files=("f",), done=2),
        ),
        ({"id": "b", "status": "expired", "output_file_id": "../f"}, Status("b", ended=True)),
        ({"id": "b", "processing_status": "canceling"}, Status("b", ended=False)),
        (
            {"id": "b", "processing_status": "ended", "results_url": "u", "request_counts": {"succeeded": 1}},
            Status("b", ended=True, done=1),
        ),
        ({"id": "a/b"}, None),
        ([], None),
    ],
)
def test_a_batch_has_ended_once_its_results_can_be_read(said, status):
    assert read_status(json.dumps(said).encode()) == status


def test_an_object_has_an_id():
    assert read_id(b'{"id":"file-1"}') == "file-1"
    assert [read_id(body) for body in (b"{", b"{}", b'{"id":"a/b"}', b"\xff")] == [None] * 4


def test_results_are_at_our_own_address():
    told = json.loads(with_results_here(b'{"id":"b","results_url":"https://there/x","n":1}', "/here"))
    assert told == {"id": "b", "results_url": "/here", "n": 1}
    for body in (b'{"results_url":null}', b'{"id":"b"}', b"["):
        assert with_results_here(body, "/here") == body
