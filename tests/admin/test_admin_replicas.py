"""Gateways on several machines: what is changed at one counts at all, and is told by all in the same way."""

import sys
from pathlib import Path

import pytest
from api import Api, calls
from road import eventually
from stores.redis_server import BINARY

sys.path[:0] = [str(Path(__file__).parents[1] / "replicas")]

from replica_fleet import fleet  # noqa: E402

pytestmark = pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")

GOOD, REVOKED, TOO_MANY = (200, None), (401, "invalid_api_key"), (429, "rate_limit_exceeded")


def test_a_change_made_at_one_gateway_counts_at_the_other(tmp_path):
    with fleet(tmp_path) as made:
        one, two = made.gates
        here, there = Api.of(one, one.admin), Api.of(two, one.admin)
        here.post("/teams", {"id": "t"})
        key, token = there.key(team="t")
        assert [calls(gate, token) for gate in made.gates] == [GOOD, GOOD]
        here.put("/limits", {"node": "team:t", "amount": "3 requests", "window": "month"})
        eventually(lambda: there.get("/limits")["data"][0]["state"] is not None)
        eventually(lambda: calls(two, token) == TOO_MANY)
        eventually(lambda: calls(one, token) == TOO_MANY)
        made.gates[0].rest()
        for api in (here, there):
            assert api.get("/limits/team:t/requests/month")["state"]["spent"] == "3"
        turned = there.post(f"/keys/{key['id']}/rotate", {}, 200)["token"]
        there.delete("/limits/team:t/requests/month")
        eventually(lambda: [calls(gate, turned) for gate in made.gates] == [GOOD, GOOD])
        here.post(f"/keys/{key['id']}/revoke", status=200)
        eventually(lambda: [calls(gate, turned) for gate in made.gates] == [REVOKED, REVOKED])
        assert here.all("/audit") == there.all("/audit")
        assert len(here.get("/replicas")["others"]) == 1


def test_without_the_store_nothing_is_changed_and_calls_go_on(tmp_path):
    with fleet(tmp_path, count=1) as made:
        (one,) = made.gates
        admin = Api.of(one, one.admin)
        assert admin.get("/health")["status"] == "ok"
        eventually(lambda: calls(one, one.first) == GOOD)
        made.redis.kill()
        assert admin.post("/orgs", {"id": "x"}, 503)["code"] == "service_unavailable"
        assert admin.get("/keys", 503)["code"] == "service_unavailable"
        assert admin.get("/health")["status"] == "ok"
        assert calls(one, one.first) == GOOD
        made.redis.start()
        eventually(lambda: admin.ask("GET", "/keys").status == 200)
