"""Callers that leave while nobody has taken their call yet: it is sent to no other provider, and nobody charges."""

import http.client
import json
import threading
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from road import eventually, road, said
from upstream import Reply, upstream

pytestmark = pytest.mark.xdist_group("leaving")

CONFIG = """
providers:
  first: {base_url: UP_URL/first/v1, prices: sim}
  second: {base_url: UP_URL/second/v1, prices: sim}
models:
  both: {deployments: [first/sim-small, {to: second/sim-small, weight: 0}]}
routing: {policy: policies.weighted, retry: {rounds: 1, budget: 100%}, breaker: {failures: 1000}}
"""


@pytest.fixture(scope="module")
def up():
    with upstream() as found:
        yield found


@pytest.fixture(scope="module")
def way(up, tmp_path_factory):
    with road(tmp_path_factory.mktemp("leaving"), CONFIG.replace("UP_URL", up.url)) as found:
        yield found


def left(way, up, **headers):
    """The outcomes in the ledger of a call whose caller leaves before its first provider says that it is down."""
    before, may_fail = len(way.entries()), threading.Event()
    up.got.clear()
    up.replies = {"first": [Reply(b'{"error":{"message":"down"}}', 503, once=may_fail)]}
    told = {"Authorization": f"Bearer {way.first}", "Content-Type": "application/json", **headers}
    with closing(http.client.HTTPConnection(urlsplit(way.url).netloc)) as caller:
        caller.request("POST", "/v1/chat/completions", json.dumps({"model": "both", "messages": said("Hi")}), told)
        eventually(lambda: up.got["first"])
    for _ in range(2):  # Answered by the loop that hears of the caller meanwhile.
        way.metrics()
    may_fail.set()
    return [line["outcome"] for line in way.entries()[before:]]


def test_a_call_that_nobody_waits_for_is_sent_to_no_second_provider(way, up):
    assert left(way, up) == []
    assert (len(up.got["first"]), len(up.got["second"])) == (1, 0)


def test_one_that_may_be_asked_for_again_is(way, up):
    """With an Idempotency-Key: its answer is kept."""
    assert left(way, up, **{"Idempotency-Key": "once"}) == ["ok"]
    assert (len(up.got["first"]), len(up.got["second"])) == (1, 1)
