"""Streams whose callers leave while others may still want them: read on, under the same hold, to the same end."""

import json
from decimal import Decimal
from http.client import HTTPConnection
from urllib.parse import urlsplit

import openai
import pytest
from road import billed, road, said, spent

pytestmark = pytest.mark.xdist_group("streaming")

CONFIG = """
providers:
  sim: {base_url: SIM_URL/v1}
routing: {retry: {rounds: 0}, breaker: {failures: 1000}}
limits:
  - {node: "team:*", amount: 0.01 usd, window: month}
"""
LEFT = Decimal("0.01")
CHATS = "/v1/chat/completions"
LONG = "Go on. [[sim: tokens=2000 tps=400]]"  # Twice what the limit leaves.


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("streaming"), CONFIG) as found:
        yield found


@pytest.fixture
def header(request):
    """Another for every test."""
    return {"Idempotency-Key": f"for {request.node.name}", "x-fareway-cache": "use"}


def begin(way, path, asked, headers):
    """A call whose answer has begun."""
    line = HTTPConnection(urlsplit(way.url).netloc, timeout=30)
    known = {"Authorization": f"Bearer {way.first}", "x-api-key": way.first, "Content-Type": "application/json"}
    line.request("POST", path, json.dumps(asked), known | headers)
    return line, line.getresponse()


def leave(way, path, asked, headers):
    """Ask, and leave after the first bytes. What the gateway is asked next it reads after it has seen that."""
    line, answer = begin(way, path, asked, headers)
    begun = answer.read(20)
    answer.close()
    line.close()
    assert (answer.status, len(begun)) == (200, 20)
    way.metrics()


def last(way):
    return way.entries()[-1]


def assert_stopped_in_time(way, before):
    """By us, at what the limit leaves, and the provider charged no more."""
    line = last(way)
    (charge,) = way.bill()[before:]
    assert (line["outcome"], charge["ended"]) == ("stopped", "aborted")
    assert billed([charge]) <= spent([line]) <= LEFT


def test_a_key_to_come_back_with_does_not_let_a_stream_pass_its_limit(way, header):
    before, asked = len(way.bill()), {"model": "sim-large", "messages": said(LONG), "stream": True}
    with way.client(way.key("--team", "dry")) as client, pytest.raises(openai.APIError, match="team:dry"):
        list(client.chat.completions.create(**asked, extra_headers=header))
    assert_stopped_in_time(way, before)


def test_neither_does_a_caller_by_leaving(way, header):
    before, key = len(way.bill()), way.key("--team", "gone")
    asked = {"model": "sim-large", "messages": said(LONG), "stream": True}
    leave(way, CHATS, asked, header | {"Authorization": f"Bearer {key}", "x-api-key": key})
    assert_stopped_in_time(way, before)
