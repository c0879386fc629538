"""What goes up and what comes back are the bytes that were sent, but for the few that must change."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from road import PROVIDER_KEY, road, said
from upstream import OK, Reply, upstream

pytestmark = pytest.mark.xdist_group("bytes")

CONFIG = """
providers:
  up: {base_url: UP_URL/plain/v1, prices: sim, key: SECRET, headers: {OpenAI-Organization: ours}}
  odd: {base_url: UP_URL/odd/v1, prices: sim}
  events: {base_url: UP_URL/events/v1, prices: sim}
  crlf: {base_url: UP_URL/crlf/v1, prices: sim}
  wrong: {base_url: UP_URL/wrong/v1, prices: sim}
models:
  mine: {deployments: [up/sim-small]}
aliases: {nick: mine}
"""
ODD = b'  {"usage" : {"total_tokens":11,\n"prompt_tokens": 9 ,"completion_tokens":2}, "later":[1e3, 0.10, '
ODD += b'"\\u00e9\xc3\xa9"],"choices":[ ]  , "model":"sim-small" }\r\n\r\n'
USAGE = b'data: {"id":"x","model":"sim-small","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,'
USAGE += b'"total_tokens":11}}\n\n'
EVENTS = (
    b": ping\n\n"
    b'data:{"id":"x","choices":[{"index":0,"delta":{"content":"\\u00e9 \xf0\x9f\x9a\x8c \\"usage\\": {"}}]}\n\n'
    b'event: odd\r\nid: 7\r\ndata: {"choices" : [{"index":0,"delta":{"content":"b"}}],   "x":1}\r\n\r\n'
    + USAGE
    + b"data: [DONE]\n\n"
)
CRLF = EVENTS.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
MISTAKE = b'{ "error" : {"message":"no such thing", "type": "odd_error","code": 77 } }'
BODY = (
    b' {"messages" : [{"role":"user","content":"\\u00e9 \xc3\xa9 \\/ \\"model\\": \\"nick\\"", '
    b'"x_part":{"model":"nick"}}],\n'
    b'\t"model":"nick", "temperature":0.70, "big":12345678901234567890123, "x_new": {"a":[true,null,1E2]} ,'
    b'"metadata":{"stream":"true"}%s }\n'
)


@pytest.fixture(scope="module")
def up():
    with upstream() as found:
        found.replies = {
            "odd": [Reply(ODD, headers={"x-request-id": "theirs", "x-ratelimit-remaining-requests": "99"})],
            "events": [Reply(EVENTS, content_type="text/event-stream")],
            "crlf": [Reply(CRLF, content_type="text/event-stream; charset=utf-8")],
            "wrong": [Reply(MISTAKE, status=422, headers={"x-request-id": "theirs"})],
        }
        yield found


@pytest.fixture(scope="module")
def way(up, tmp_path_factory):
    with road(tmp_path_factory.mktemp("bytes"), CONFIG.replace("UP_URL", up.url)) as found:
        yield found


def post(way, body, path="/v1/chat/completions", **headers):
    """Send these bytes and return the status, the headers and the bytes that come back."""
    connection = http.client.HTTPConnection(urlsplit(way.url).netloc, timeout=20)
    head = {"Authorization": f"Bearer {way.first}", "Content-Type": "application/json"} | headers
    connection.request("POST", path, body, head)
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return found


def asking(model, **more):
    """A small body."""
    return json.dumps({"model": model, "messages": said("Hi")} | more).encode()


def test_only_the_model_changes_on_the_way_up(way, up):
    body = BODY % b""
    status, _, answer = post(way, body, **{"x-beta": "on", "OpenAI-Beta": "assistants=v9"})
    got = up.got["plain"][-1]
    assert status == 200
    assert got.body == body.replace(b'"model":"nick",', b'"model":"sim-small",')
    assert answer == OK
    assert got.path == "/plain/v1/chat/completions"
    assert got.headers["authorization"] == f"Bearer {PROVIDER_KEY}"
    assert got.headers["x-beta"] == "on"
    assert got.headers["openai-beta"] == "assistants=v9"
    assert way.first not in str(got)


def test_whom_the_provider_bills_is_not_for_callers_to_say(way, up):
    post(way, BODY % b"", **{"OpenAI-Organization": "theirs", "OpenAI-Project": "theirs"})
    got = up.got["plain"][-1]
    assert got.headers["openai-organization"] == "ours"
    assert "openai-project" not in got.headers


def test_a_provider_and_model_for_a_name(way, up):
    body = (BODY % b"").replace(b'"model":"nick",', b'"model" :  "up/sim-small" ,')
    post(way, body)
    assert up.got["plain"][-1].body == body.replace(b'"up/sim-small"', b'"sim-small"')


@pytest.mark.parametrize(
    ("sent", "wanted"),
    [
        (b', "stream": true', b', "stream": true ,"stream_options":{"include_usage":true}'),
        (
            b',"stream_options": {"x":[1]}, "stream":true',
            b',"stream_options": {"x":[1],"include_usage":true}, "stream":true',
        ),
        (
            b',"stream_options" : {"include_usage" : true}, "stream":true',
            b',"stream_options" : {"include_usage" : true}, "stream":true',
        ),
    ],
)
def test_streams_ask_for_usage(way, up, sent, wanted):
    """Where in the body the option is put does not matter, so blanks are left out of the comparison."""
    post(way, BODY % sent)
    got, expected = up.got["plain"][-1].body, (BODY % wanted).replace(b'"model":"nick",', b'"model":"sim-small",')
    assert got.replace(b" ", b"") == expected.replace(b" ", b"")
    assert json.loads(got)["stream_options"]["include_usage"] is True


def test_fields_that_nobody_knows_reach_the_provider(way, up):
    with way.client() as client:
        client.chat.completions.create(
            model="mine", messages=said("Hi"), extra_body={"x_new": {"deep": [1, 2.5]}}, extra_headers={"x-beta": "2"}
        )
    got = up.got["plain"][-1]
    assert json.loads(got.body)["x_new"] == {"deep": [1, 2.5]}
    assert got.headers["x-beta"] == "2"


def test_answers_come_back_as_they_were(way):
    status, headers, body = post(way, asking("odd/sim-small"))
    assert (status, body) == (200, ODD)
    assert headers["x-ratelimit-remaining-requests"] == "99"
    assert headers["x-request-id"] == "theirs"
    assert headers["x-fareway-cost-usd"] == "0.0000017"


@pytest.mark.parametrize(("provider", "events"), [("events", EVENTS), ("crlf", CRLF)])
def test_streams_come_back_as_they_were(way, provider, events):
    """All bytes but the usage that the caller did not ask for."""
    status, headers, body = post(way, asking(f"{provider}/sim-small", stream=True))
    usage = USAGE.replace(b"\n", b"\r\n") if provider == "crlf" else USAGE
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert body == events.replace(usage, b"")
    document = way.document(headers["x-fareway-request-id"])
    assert document["cost_usd"] == "0.0000017"


@pytest.mark.parametrize(("provider", "events"), [("events", EVENTS), ("crlf", CRLF)])
def test_usage_that_was_asked_for_has_its_cost_added(way, provider, events):
    _, _, body = post(way, asking(f"{provider}/sim-small", stream=True, stream_options={"include_usage": True}))
    assert body == events.replace(b'"total_tokens":11}', b'"total_tokens":11,"cost":0.0000017}')


def test_the_providers_own_error_comes_back_as_it_was(way):
    status, headers, body = post(way, asking("wrong/sim-small"))
    assert (status, body) == (422, MISTAKE)
    assert headers["x-request-id"] == "theirs"
    assert way.entries_of(headers["x-fareway-request-id"]) == [], "a refused call costs nothing"
