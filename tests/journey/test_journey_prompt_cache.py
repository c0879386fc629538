"""A provider that keeps what is marked: marks that pay, what a broken prompt costs, and the same on the bill."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from road import road

CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
cache: {prompt: HOW}
"""
SYSTEM = "Today is Monday. " + "Be brief and kind. " * 800


@pytest.fixture(scope="module", params=["keep", "watch", "improve"])
def way(request, tmp_path_factory):
    with road(tmp_path_factory.mktemp("prompts"), CONFIG.replace("HOW", request.param)) as found:
        yield request.param, found


def ask(found, body, session):
    url = urlsplit(found.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    headers = {"Authorization": f"Bearer {found.first}", "x-fareway-session": session}
    connection.request("POST", "/v1/messages", json.dumps(body), headers)
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, said
    return answer.headers["x-fareway-request-id"], said


def talk(found, session, turns, *, system=SYSTEM, marked=False):
    """A conversation, each call of which has the one before in it; the ids of its calls."""
    messages, ids = [], []
    mark = {"cache_control": {"type": "ephemeral"}} if marked else {}
    for number in range(turns):
        messages.append({"role": "user", "content": f"Question {number}: " + "word " * 300})
        body = {"model": "sim-small", "max_tokens": 50, "system": system, "messages": messages} | mark
        request_id, said = ask(found, body, session)
        messages.append({"role": "assistant", "content": said["content"]})
        ids.append(request_id)
    return ids


def entry_of(found, request_id):
    (line,) = found.entries_of(request_id)
    return line["entry"]


def test_marks_are_set_where_they_pay(way):
    how, found = way
    ids = talk(found, "marks", 10)
    last = entry_of(found, ids[-1])
    if how == "improve":
        assert last["prompt"]["marks"].startswith("head 5m")
        assert last["usage"]["cache_read"] > 10 * last["usage"]["input"]
    else:
        assert last["usage"]["cache_write"] == last["usage"]["cache_read"] == 0
        assert not (last["prompt"] or {}).get("marks")


def test_a_break_is_told(way):
    how, found = way
    talk(found, "broken", 3, marked=True)
    ids = talk(found, "broken", 1, system=SYSTEM.replace("Monday", "Friday"), marked=True)
    prompt = entry_of(found, ids[0])["prompt"]
    if how == "keep":
        assert prompt is None
    else:
        assert prompt["broken"] == "system, bytes 0 to 2,047"
        assert prompt["dropped"] > 1000
        told = found.document(ids[0])["entries"][0]["prompt"]
        assert (told["broken"], told["dropped_tokens"]) == (prompt["broken"], prompt["dropped"])
        assert float(told["lost_usd"]) == prompt["lost_nanos"] / 1e9 > 0
        said = found.command("cache", "explain", "--config", "fareway.yaml", ids[0])
        assert "the prompt does not go on from the last one" in said
        assert "system, bytes 0 to 2,047" in said


def test_what_was_read_is_explained(way):
    how, found = way
    ids = talk(found, "explained", 3, marked=True)
    told = json.loads(found.command("cache", "explain", "--config", "fareway.yaml", "--format", "json", ids[-1]))
    assert told["verdict"].endswith("and was read from the cache")
    assert told["read_from_cache"] > 1000
    if how != "keep":
        assert told["expected_tokens"] > 0
        assert told["unread_tokens"] < told["expected_tokens"] / 2
    first = found.command("cache", "explain", "--config", "fareway.yaml", ids[0])
    assert "nothing to go on from" in first
    assert "the ledger knows no request" in found.command(
        "cache", "explain", "--config", "fareway.yaml", "req_0", status=3
    )


def test_what_the_caller_marks_is_let_alone(way):
    _, found = way
    ids = talk(found, "own", 3, marked=True)
    last = entry_of(found, ids[-1])
    assert last["usage"]["cache_read"] > 1000
    assert not (last["prompt"] or {}).get("marks")
