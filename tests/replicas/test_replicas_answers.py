"""Gateways that share a Redis give each other's answers, forget together, and do without it when it is gone."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
from admin.api import Api
from replica_fleet import fleet
from road import PATIENCE_S, eventually
from stores.redis_server import BINARY

pytestmark = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")

CACHE = "cache: {exact: {store: shared}}\n"


def ask(way, token, text):
    """The status, and what the cache did."""
    parts = urlsplit(way.url)
    line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)
    body = {"model": "sim-small", "messages": [{"role": "user", "content": text}], "max_tokens": 20}
    head = {"Authorization": f"Bearer {token}", "x-fareway-cache": "use"}
    try:
        line.request("POST", "/v1/chat/completions", json.dumps(body), head)
        answer = line.getresponse()
        answer.read()
        return answer.status, answer.headers["x-fareway-cache"]
    finally:
        line.close()


def test_one_s_answer_is_the_other_s_and_both_forget(tmp_path):
    with fleet(tmp_path, CACHE) as found:
        one, other = found.gates
        assert ask(one, found.first, "Shared.") == (200, "miss")
        eventually(lambda: ask(other, found.first, "Shared.") == (200, "hit"))
        before = len(one.bill())
        assert ask(other, found.first, "Shared.") == (200, "hit")
        assert len(one.bill()) == before
        Api.of(one, one.admin).delete("/cache")
        eventually(lambda: ask(other, found.first, "Shared.") == (200, "miss"))
        eventually(lambda: ask(one, found.first, "Shared.") == (200, "hit"))


def test_a_frozen_redis_is_a_miss_and_no_call_fails(tmp_path):
    with fleet(tmp_path, CACHE, patient=False, count=1) as found:
        (way,) = found.gates
        eventually(lambda: ask(way, found.first, "Before.") == (200, "hit"))
        found.redis.freeze()
        try:
            assert ask(way, found.first, "Before.") == (200, "hit"), "from memory"
            assert [ask(way, found.first, f"While it hangs {n}.") for n in range(6)] == [(200, "miss")] * 6
            assert ask(way, found.first, "While it hangs 5.") == (200, "hit")
        finally:
            found.redis.thaw()
