"""Who may do what: every route for every role, and where a team's admin ends."""

import json
import re
import socket
from urllib.parse import urlsplit

import pytest
from api import PATIENCE_S, calls
from road import eventually

from gateway.admin.server import ROUTES
from gateway.core.caller import Role

FORBIDDEN = "permission_denied"


@pytest.fixture(scope="module")
def cast(way):
    """One key of each role, by role, and what they belong to."""
    from api import Api

    admin = Api.of(way, way.admin)
    for team in ("red", "blue"):
        admin.post("/teams", {"id": team})
        admin.post("/users", {"id": f"{team}-user", "team": team})
    made = {role: admin.key(team="red", role=role.value) for role in Role}
    other, _ = admin.key(team="blue")
    return {role: admin.by(token) for role, (_, token) in made.items()} | {
        "keys": {role: key["id"] for role, (key, _) in made.items()},
        "other": other["id"],
    }


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_is_for_the_roles_that_it_names_and_for_no_other(cast, route, role):
    """Before anything else is looked at: what is asked for need not be there."""
    path = re.sub(r"\{\w+(:[^}]*)?\}", "nothing-of-that-name", route.path)
    said = cast[role].ask(route.method, path, {"no such field": 1} if route.body is not None else None)
    if role in route.roles:
        assert said.status != 401
        assert said.status != 403, said.raw
    else:
        assert (said.status, said.error["code"]) == (403, FORBIDDEN)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_comes_in_without_a_good_key(admin, route):
    path = re.sub(r"\{\w+(:[^}]*)?\}", "x", route.path)
    for shown in ({"Authorization": None}, {"Authorization": "Bearer fw-nobody"}, {"Authorization": "Basic YTpi"}):
        said = admin.ask(route.method, path, headers=shown)
        assert (said.status, said.error["code"]) == (401, "invalid_api_key")


def test_a_teams_admin_sees_and_has_what_is_below_its_team(cast, admin, way):
    lead = cast[Role.TEAM_ADMIN]
    key, token = lead.key(team="red", alias="by the team's admin")
    assert calls(way, token) == (200, None)
    assert lead.patch(f"/keys/{key['id']}", {"alias": "x"})["alias"] == "x"
    assert lead.post(f"/keys/{key['id']}/rotate", status=200)["key"]["alias"] == "x"
    lead.post("/users", {"id": "red-two", "team": "red"})
    lead.patch("/users/red-two", {"name": "Two"})
    lead.delete("/users/red-two")
    lead.put("/limits", {"node": "user:red-user", "amount": "5 usd", "window": "day"})
    lead.put("/limits", {"node": f"key:{key['id']} model:sim-small", "amount": "5 usd", "window": "day"})
    lead.delete("/limits/user:red-user/usd/day")
    assert {seen["team"] for seen in lead.get("/keys?limit=200")["data"]} == {"red"}
    assert {user["team"] for user in lead.get("/users")["data"]} == {"red"}
    admin.put("/limits", {"node": "team:red", "amount": "500 usd", "window": "month"})
    nodes = {limit["node"] for limit in lead.all("/limits")}
    assert nodes == {"team:red", f"key:{key['id']} model:sim-small"}
    way.rest()
    assert {row["by"]["team"] for row in lead.get("/usage?by=team")["data"]} == {"red"}
    assert lead.post(f"/keys/{key['id']}/revoke", status=200)["state"] == "revoked"


def test_a_teams_admin_ends_where_its_team_does(cast):
    lead, other, keys = cast[Role.TEAM_ADMIN], cast["other"], cast["keys"]
    for said in (
        lead.post("/keys", {"team": "blue"}, 403),
        lead.post("/keys", {}, 403),
        lead.post("/keys", {"user": "blue-user"}, 403),
        lead.post("/keys", {"team": "red", "role": "admin"}, 403),
        lead.post("/keys", {"team": "red", "role": "viewer"}, 403),
        lead.patch(f"/keys/{other}", {"alias": "mine"}, 403),
        lead.post(f"/keys/{other}/rotate", {}, 403),
        lead.post(f"/keys/{other}/revoke", None, 403),
        lead.patch(f"/keys/{keys[Role.CALLER]}", {"role": "admin"}, 403),
        lead.post(f"/keys/{keys[Role.ADMIN]}/rotate", {}, 403),
        lead.post(f"/keys/{keys[Role.VIEWER]}/rotate", {}, 403),
        lead.patch(f"/keys/{keys[Role.TEAM_ADMIN]}", {"role": "admin"}, 403),
        lead.post("/users", {"id": "x", "team": "blue"}, 403),
        lead.post("/users", {"id": "x"}, 403),
        lead.patch("/users/blue-user", {"name": "mine"}, 403),
        lead.delete("/users/blue-user", 403),
    ):
        assert said["code"] == FORBIDDEN
    assert lead.get(f"/keys/{other}", 404)["code"] == lead.get("/users/blue-user", 404)["code"] == "not_found"


def test_a_teams_admin_loosens_nothing_that_others_have_set(cast, admin):
    lead, own = cast[Role.TEAM_ADMIN], f"key:{cast['keys'][Role.CALLER]}"
    month = {"window": "month"}  # The configuration gives every key 50 usd a month.
    for limit in (
        {"node": "all", "amount": "1 usd"},
        {"node": "key:*", "amount": "1 usd"},
        {"node": "team:red", "amount": "1 usd"},
        {"node": "team:red model:sim-small", "amount": "1 usd"},
        {"node": "tag:x", "amount": "1 usd"},
        {"node": "user:blue-user", "amount": "1 usd"},
        {"node": f"key:{cast['other']}", "amount": "1 usd"},
        {"node": own, "amount": "51 usd"},
        {"node": own, "amount": "40 usd", "mode": "soft"},
        {"node": own, "amount": "40 usd", "timezone": "Asia/Tokyo"},
    ):
        assert lead.put("/limits", limit | month, 403)["code"] == FORBIDDEN, limit
    lead.put("/limits", {"node": own, "amount": "40 usd"} | month)
    lead.put("/limits", {"node": own, "amount": "45 usd"} | month)
    lead.delete(f"/limits/{own}/usd/month")
    admin.put("/limits", {"node": own, "amount": "10 usd"} | month)
    assert lead.put("/limits", {"node": own, "amount": "9 usd"} | month, 403)["code"] == FORBIDDEN
    assert lead.delete(f"/limits/{own}/usd/month", 403)["code"] == FORBIDDEN
    admin.delete(f"/limits/{own}/usd/month")


def test_a_teams_admin_loosens_no_limit_of_one_model_with_one_for_all_models(cast, admin):
    lead, every = cast[Role.TEAM_ADMIN], f"key:{cast['keys'][Role.CALLER]} model:*"
    admin.put("/limits", {"node": "key:* model:sim-small", "amount": "10 usd", "window": "month"})
    for limit in ({"amount": "11 usd"}, {"amount": "9 usd", "mode": "shadow"}):
        assert lead.put("/limits", {"node": every, "window": "month"} | limit, 403)["code"] == FORBIDDEN
    lead.put("/limits", {"node": every, "window": "month", "amount": "9 usd"})
    lead.delete(f"/limits/{every.replace(' ', '%20')}/usd/month")
    admin.delete("/limits/key:*%20model:sim-small/usd/month")


def test_what_an_admin_lowers_is_lower_for_whom_a_teams_admin_has_set_a_limit_before(cast, admin, way):
    key, token = cast[Role.TEAM_ADMIN].key(team="red")
    every, window = {"node": f"key:{key['id']}"}, {"window": "lifetime"}
    cast[Role.TEAM_ADMIN].put("/limits", every | window | {"amount": "5 requests"})
    assert calls(way, token) == (200, None)
    admin.put("/limits", {"node": "key:*", "amount": "1 requests"} | window)
    assert calls(way, token) == (429, "rate_limit_exceeded")
    admin.delete("/limits/key:*/requests/lifetime")
    eventually(lambda: calls(way, token) == (200, None))


@pytest.mark.parametrize(
    ("change", "status"), [(("POST", "/revoke", None), 401), (("PATCH", "", {"role": "viewer"}), 403)]
)
def test_who_is_revoked_or_demoted_while_its_request_arrives_changes_nothing(admin, change, status):
    """The head was taken, and the rest of the body comes later."""
    key, token = admin.key(role="admin")
    before, body = len(admin.all("/keys")), json.dumps({"role": "admin"}).encode()
    method, path, said = change
    place = urlsplit(admin.url)
    head = (
        f"POST {place.path}/keys HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port), timeout=PATIENCE_S) as line:
        line.sendall(head.encode())
        answer = line.makefile("rb")
        assert answer.readline().startswith(b"HTTP/1.1 100 ")
        assert admin.ask(method, f"/keys/{key['id']}{path}", said).status == 200
        line.sendall(body)
        assert answer.read().lstrip().startswith(f"HTTP/1.1 {status} ".encode())
    assert len(admin.all("/keys")) == before


def test_a_viewer_sees_everybodys_calls_and_a_teams_admin_its_teams(cast, admin, way):
    from urllib.error import HTTPError

    import harness

    token = way.key("--team", "blue")
    assert calls(way, token) == (200, None)
    lines = [line for line in way.entries() if line["key_id"] == token.split("-")[1]]
    name = lines[0]["request_id"]
    assert harness.get(f"{way.url}/v1/requests/{name}", cast[Role.VIEWER].token)["id"] == name
    for role in (Role.TEAM_ADMIN, Role.CALLER):
        with pytest.raises(HTTPError, match="404"):
            harness.get(f"{way.url}/v1/requests/{name}", cast[role].token)


def test_a_teams_admin_belongs_to_a_team(admin):
    assert admin.post("/keys", {"role": "team-admin"}, 400)["param"] == "team"
