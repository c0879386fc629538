"""Orgs, teams and users; usage, the audit log, prices, replicas and health, over the API."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import harness
from api import Api, calls


def test_orgs_teams_and_users_are_made_changed_and_deleted_from_below(admin):
    org = admin.post("/orgs", {"id": "umbrella", "name": "Umbrella", "metadata": {"vat": "CHE-1"}})
    assert {"id": "umbrella", "name": "Umbrella", "metadata": {"vat": "CHE-1"}, "created": org["created"]} == org
    team = admin.post("/teams", {"id": "hive", "org": "umbrella"})
    user = admin.post("/users", {"id": "alice", "team": "hive"})
    assert (user["org"], user["team"]) == ("umbrella", "hive")
    assert admin.patch("/teams/hive", {"name": "The Hive"}) == team | {"name": "The Hive"}
    assert admin.get("/teams/hive")["name"] == "The Hive"
    assert admin.post("/teams", {"id": "hive"}, 409)["code"] == "conflict"
    assert admin.post("/teams", {"id": "x", "org": "nobody"}, 400)["param"] == "org"
    assert admin.post("/users", {"id": "x", "team": "hive", "org": "acme"}, 400)["param"] == "org"
    assert admin.patch("/teams/hive", {"org": "other"}, 400)["code"] == "unknown_field"
    key, _ = admin.key(user="alice")
    assert (key["org"], key["team"]) == ("umbrella", "hive")
    assert admin.post("/keys", {"user": "alice", "team": "default"}, 400)["param"] == "team"
    for path in ("/orgs/umbrella", "/teams/hive", "/users/alice"):
        assert admin.delete(path, 409)["code"] == "conflict"
    admin.post(f"/keys/{key['id']}/revoke", status=200)
    for path in ("/users/alice", "/teams/hive", "/orgs/umbrella"):
        admin.delete(path)
        admin.get(path, 404)


def test_lists_go_on_where_the_page_before_ended(admin):
    made = [f"p{n}" for n in range(5)]
    for name in reversed(made):
        admin.post("/orgs", {"id": name})
    assert [org["id"] for org in admin.all("/orgs") if org["id"] in made] == made


def test_the_command_line_knows_the_same(way, admin):
    way.command("orgs", "create", "cli-org", "--name", "By hand")
    way.command("teams", "create", "cli-team", "--org", "cli-org")
    assert admin.get("/teams/cli-team")["org"] == "cli-org"
    assert "cli-team" in way.command("teams", "list", "--format", "csv")
    assert "belongs to it" in way.command("orgs", "delete", "cli-org", status=1)
    way.command("teams", "delete", "cli-team")
    way.command("orgs", "delete", "cli-org")
    assert "letters" in way.command("users", "create", "a b", status=1)


def test_usage_is_what_the_command_says(way, admin):
    _, token = admin.key(alias="used")
    for model in ("sim-small", "sim-small", "sim-large"):
        assert calls(way, token, model=model) == (200, None)
    way.rest()
    told = admin.get("/usage?by=key,model&since=1d")
    own = {row["by"]["model"]: row for row in told["data"] if row["by"]["key"] == token.split("-")[1]}
    assert {model: row["calls"] for model, row in own.items()} == {"sim-small": 2, "sim-large": 1}
    said = json.loads(way.command("usage", "--by", "key,model", "--since", "1d", "--format", "json"))
    assert [row["cost_usd"] for row in said] == [row["cost_usd"] for row in told["data"]]
    lines = [line for line in way.entries() if line["key_id"] == token.split("-")[1]]
    assert (
        sum(Decimal(row["cost_usd"]) for row in own.values())
        == sum(Decimal(line["cost_picos"]) for line in lines) / 10**12
    )
    today = datetime.now(UTC).date().isoformat()
    assert admin.get(f"/usage?since=2020-01-01&until={today}")["data"] == []


def test_the_audit_log_has_every_change_and_no_secret(admin):
    key, token = admin.key(alias="audited", metadata={"a": "1"})
    admin.patch(f"/keys/{key['id']}", {"alias": "changed"})
    made = admin.post(f"/keys/{key['id']}/rotate", {"grace": "1h"}, status=200)
    admin.post(f"/keys/{key['id']}/revoke", status=200)
    admin.patch("/keys/none", {"alias": "changed"}, 404)
    newest = admin.get("/audit?limit=4")
    actions = [(line["action"], line["of"]) for line in newest["data"]]
    assert actions == [(f"keys.{verb}", key["id"]) for verb in ("revoke", "rotate", "update", "create")]
    update = newest["data"][2]
    assert (update["before"]["alias"], update["after"]["alias"]) == ("audited", "changed")
    assert (update["actor"], update["alias"], update["via"]) == (admin.token.split("-")[1], "admin", "api")
    assert datetime.fromisoformat(update["at"]).tzinfo is not None
    raw = admin.ask("GET", "/audit?limit=200").raw.decode()
    for secret in (token, made["token"]):
        assert secret.split("-", 2)[2] not in raw
    assert "digest" not in raw
    whole = admin.all("/audit")
    assert [line["number"] for line in whole] == sorted((line["number"] for line in whole), reverse=True)
    assert {"start"} == {line["via"] for line in whole[-3:]}, "the first keys, and their team"


def test_prices_are_shown_with_the_feed_that_says_so(admin):
    feed = admin.get("/prices")
    assert (feed["pinned"], feed["quarantined"]) == (False, False)
    assert feed["providers"]["openai"] > 20
    assert admin.get("/prices/quarantine") == {
        "waiting": False,
        "id": None,
        "date": None,
        "sha256": None,
        "reasons": [],
    }
    assert admin.post("/prices/approve", status=200) == {"approved": False}
    page = admin.get("/prices/openai?limit=5")
    assert len(page["data"]) == 5
    assert page["next"] == page["data"][-1]["model"]
    price = admin.get("/prices/openai/gpt-4o-mini")
    assert {"tier": "standard", "above_tokens": 0, "rate": "input", "usd": "0.15", "per": "1M tokens"} in price["rates"]
    assert admin.get("/prices/second?limit=5")["data"][0]["rates"] == page["data"][0]["rates"], "of its kind"
    assert admin.get("/prices/second/gpt-4o-mini")["rates"] == price["rates"]
    assert admin.get("/prices/openai/nothing", 404)["code"] == "not_found"
    assert admin.get("/prices/nobody") == {"data": [], "next": None}


def test_who_carries_calls_and_whether_all_is_well(way, admin):
    health = admin.get("/health")
    assert (health["status"], health["workers"], health["workers_expected"], health["drift_units"]) == ("ok", 1, 1, 0)
    replicas = admin.get("/replicas")
    (replica,) = replicas["data"]
    assert (replica["process"], replica["in_flight"], replicas["others"]) == (way.gate.process.pid, 0, {})


def test_whether_routing_pays(way, admin):
    told = admin.get("/router")
    assert (told["guarded"], told["on"], told["comparisons"]) == (False, True, 0)


def test_it_can_be_off(tmp_path):
    gate = harness.gateway(tmp_path, None, "--admin-port", "off")
    try:
        assert harness.get(f"{gate.url}/v1/models", gate.tokens[1])["data"]
        assert "admin API" not in gate.stderr
    finally:
        assert gate.stop() == 0


def test_it_is_on_loopback_at_the_port_that_is_said(tmp_path):
    from stores.redis_server import free_port

    port = free_port()
    gate = harness.gateway(tmp_path, None, "--admin-port", str(port))
    try:
        api = Api(f"http://127.0.0.1:{port}/admin/v1", gate.tokens[0])
        assert api.get("/health")["status"] == "ok"
    finally:
        assert gate.stop() == 0
