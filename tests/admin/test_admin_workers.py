"""Several workers: whichever is asked, all heed what was changed."""

import time

from api import Api, calls
from road import PROVIDERS, eventually, road

TWO = f"server: {{workers: 2}}\n{PROVIDERS}limits:\n  - {{node: all, amount: 1000 usd, window: month}}\n"
GOOD, REVOKED, TOO_MANY = (200, None), (401, "invalid_api_key"), (429, "rate_limit_exceeded")
ENOUGH = 12
"""Connections, so that both workers get some: but for one time in two thousand."""


def test_a_change_made_at_one_worker_counts_at_both(tmp_path):
    with road(tmp_path, TWO) as way:
        admin = Api.of(way, way.admin)
        assert admin.get("/health")["workers"] == 2
        assert len({replica["process"] for replica in admin.get("/replicas")["data"]}) == 2
        admin.post("/teams", {"id": "t"})
        key, token = admin.key(team="t")
        assert {calls(way, token) for _ in range(ENOUGH)} == {GOOD}, "a new key is good everywhere at once"
        turned = admin.post(f"/keys/{key['id']}/rotate", {"grace": "1h"}, status=200)["token"]
        assert {calls(way, turned) for _ in range(ENOUGH)} == {GOOD}, "and so is a new secret"
        admin.put("/limits", {"node": "team:t", "amount": "40 requests", "window": "month"})
        time.sleep(1)  # Within which every worker heeds it.
        answers = [calls(way, token) for _ in range(60)]
        assert answers.count(GOOD) == 40, "what was spent before this limit stood there is not counted"
        assert set(answers) == {GOOD, TOO_MANY}
        admin.delete("/limits/team:t/requests/month")
        eventually(lambda: {calls(way, token) for _ in range(ENOUGH)} == {GOOD})
        admin.post(f"/keys/{key['id']}/revoke", status=200)
        eventually(lambda: {calls(way, token) for _ in range(ENOUGH)} == {REVOKED})
        assert {admin.get(f"/keys/{key['id']}")["state"] for _ in range(ENOUGH)} == {"revoked"}


def test_a_revoked_key_ends_at_all_workers_within_a_second(tmp_path):
    with road(tmp_path, TWO) as way:
        admin = Api.of(way, way.admin)
        key, token = admin.key()
        assert {calls(way, token) for _ in range(ENOUGH)} == {GOOD}
        admin.post(f"/keys/{key['id']}/revoke", status=200)
        time.sleep(1)
        assert {calls(way, token) for _ in range(ENOUGH)} == {REVOKED}
