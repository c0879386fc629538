"""Keys over the admin API: made, shown, changed, rotated, revoked, and what calls may do with them then."""

import http.client
import json
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import harness
import pytest
from api import PATIENCE_S, calls
from road import eventually

GOOD, REVOKED = (200, None), (401, "invalid_api_key")


def test_a_key_is_made_with_all_that_it_says_and_its_token_is_shown_once(way, admin):
    admin.post("/orgs", {"id": "acme"})
    admin.post("/teams", {"id": "lab", "org": "acme"})
    admin.post("/users", {"id": "ada@acme.example", "team": "lab"})
    expires = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    said = {
        "alias": "Ada's notebook",
        "user": "ada@acme.example",
        "models": ["sim-small"],
        "networks": ["127.0.0.0/8"],
        "tags": ["nightly"],
        "metadata": {"room": "42"},
        "cache": True,
        "expires": expires,
    }
    key, token = admin.key(**said)
    assert key | said == key
    assert (key["org"], key["team"], key["role"], key["state"]) == ("acme", "lab", "caller", "good")
    assert token.startswith(f"fw-{key['id']}-")
    assert admin.get(f"/keys/{key['id']}") == key
    secret = token.split("-", 2)[2]
    for page in ("/keys?limit=200", f"/keys/{key['id']}", "/audit?limit=200"):
        assert secret not in admin.ask("GET", page).raw.decode()
    assert calls(way, token) == GOOD
    assert calls(way, token, model="sim-large") == (403, "permission_denied")
    (entry,) = [line for line in way.entries() if line["key_id"] == key["id"]]
    assert (entry["org"], entry["team"], entry["user"]) == ("acme", "lab", "ada@acme.example")


def test_keys_are_listed_page_by_page_and_by_whom_they_belong_to(admin):
    admin.post("/teams", {"id": "pages"})
    made = {admin.key(team="pages", alias=str(n))[0]["id"] for n in range(5)}
    listed = [key["id"] for key in admin.all("/keys")]
    assert listed == sorted(set(listed))
    assert made <= set(listed)
    assert {key["id"] for key in admin.get("/keys?team=pages&limit=200")["data"]} == made
    assert admin.get("/keys?team=nobody") == {"data": [], "next": None}


def test_what_is_changed_counts_from_the_next_call_on_and_what_is_not_said_stays(way, admin):
    key, token = admin.key(alias="before", tags=["a"], metadata={"x": "1"})
    assert calls(way, token, model="sim-large") == GOOD
    changed = admin.patch(f"/keys/{key['id']}", {"models": ["sim-small"], "tags": ["b"]})
    assert changed == key | {"models": ["sim-small"], "tags": ["b"]}
    assert calls(way, token, model="sim-large") == (403, "permission_denied")
    assert calls(way, token) == GOOD
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    assert admin.patch(f"/keys/{key['id']}", {"expires": past})["state"] == "expired"
    assert calls(way, token) == REVOKED
    assert admin.patch(f"/keys/{key['id']}", {"expires": None})["state"] == "good"
    assert calls(way, token) == GOOD


def test_a_key_may_give_its_calls_time(way, admin):
    key, token = admin.key(deadline="2h", webhook="https://example.com/hook")
    assert (key["deadline_s"], key["webhook"]) == (7200.0, "https://example.com/hook")
    own = harness.get(f"{way.url}/v1/key", token)
    assert (own["deadline_s"], own["webhook"]) == (7200.0, "https://example.com/hook")
    changed = admin.patch(f"/keys/{key['id']}", {"deadline": None, "webhook": ""})
    assert (changed["deadline_s"], changed["webhook"]) == (None, "")
    assert calls(way, token) == GOOD
    for wrong in ({"deadline": "30d"}, {"deadline": "soon"}, {"webhook": "ftp://x"}):
        assert admin.ask("PATCH", f"/keys/{key['id']}", wrong).status == 400


def test_a_rotated_key_is_the_same_key_with_another_secret(way, admin):
    key, old = admin.key(alias="rotated")
    made = admin.post(f"/keys/{key['id']}/rotate", status=200)
    assert made["key"] == key
    assert made["token"].startswith(f"fw-{key['id']}-")
    assert calls(way, made["token"]) == GOOD
    assert calls(way, old) == REVOKED, "no grace was asked for"


def test_the_secret_before_is_good_for_as_long_as_was_asked(way, admin):
    key, old = admin.key()
    made = admin.post(f"/keys/{key['id']}/rotate", {"grace": "2s"}, status=200)
    assert made["key"]["former_secret_until"] is not None
    assert calls(way, made["token"]) == GOOD
    eventually(lambda: calls(way, old) == REVOKED)
    assert calls(way, made["token"]) == GOOD
    again = admin.post(f"/keys/{key['id']}/rotate", {"grace": "1h"}, status=200)
    assert calls(way, made["token"]) == GOOD == calls(way, again["token"])
    assert admin.post(f"/keys/{key['id']}/revoke", status=200)["state"] == "revoked"
    assert calls(way, made["token"]) == REVOKED == calls(way, again["token"])


def test_a_revoked_key_is_refused_at_once_and_for_good(way, admin):
    key, token = admin.key()
    assert calls(way, token) == GOOD
    assert admin.post(f"/keys/{key['id']}/revoke", status=200)["state"] == "revoked"
    assert calls(way, token) == REVOKED
    assert admin.post(f"/keys/{key['id']}/rotate", status=409)["code"] == "conflict"
    assert admin.patch(f"/keys/{key['id']}", {"alias": "y"})["state"] == "revoked"


def test_a_key_is_good_from_its_networks_alone_and_only_trusted_proxies_are_believed(way, admin):
    _, token = admin.key(networks=["10.0.0.0/8", "2001:db8::/32"])
    refused = (403, "permission_denied")
    assert calls(way, token) == refused, "we are at 127.0.0.1"
    for forwarded, told in (
        ("10.1.2.3", GOOD),
        ("192.0.2.1, 10.1.2.3", GOOD),  # The first was written by nobody we know.
        ("10.1.2.3, 192.0.2.1", refused),
        ("10.1.2.3, 127.0.0.1", GOOD),  # Through two proxies of ours.
        ("2001:db8::7", GOOD),
        ("::ffff:10.1.2.3", GOOD),
        ("unknown", refused),
        ("", refused),
    ):
        assert calls(way, token, **{"X-Forwarded-For": forwarded}) == told, forwarded


def test_what_the_command_line_does_the_api_sees_and_the_other_way_round(way, admin):
    token = way.key("--team", "by-hand", "made by hand")
    key = admin.get(f"/keys/{token.split('-')[1]}")
    assert (key["team"], key["alias"]) == ("by-hand", "made by hand")
    assert admin.get("/teams/by-hand")["id"] == "by-hand"
    assert calls(way, token) == GOOD
    admin.post(f"/keys/{key['id']}/revoke", status=200)
    assert '"state": "revoked"' in way.command("keys", "show", key["id"])
    line = admin.get("/audit?limit=200")["data"]
    (made,) = [one for one in line if one["of"] == key["id"] and one["action"] == "keys.create"]
    assert (made["via"], made["before"], made["after"]["alias"]) == ("cli", None, "made by hand")


def test_a_key_tells_its_holder_what_is_left_of_its_limits(way, admin):
    admin.post("/teams", {"id": "telling"})
    admin.put("/limits", {"node": "team:telling", "amount": "3 requests", "window": "month"})
    key, token = admin.key(team="telling", alias="teller", models=["sim-small"])
    assert calls(way, token) == GOOD
    told = harness.get(f"{way.url}/v1/key", token)
    assert (told["id"], told["alias"], told["models"], told["expires"]) == (key["id"], "teller", ["sim-small"], None)
    limits = {limit["node"]: limit for limit in told["limits"]}
    assert set(limits) == {"all", "team:telling", f"key:{key['id']}"}
    requests = limits["team:telling"]
    assert {name: requests[name] for name in ("unit", "window", "amount", "spent", "held", "left")} == {
        "unit": "requests",
        "window": "month",
        "amount": "3",
        "spent": "1",
        "held": "0",
        "left": "2",
    }
    assert datetime.fromisoformat(requests["resets_at"]).timestamp() > time.time()
    own = limits[f"key:{key['id']}"]
    assert own["unit"] == "usd"
    assert float(own["spent"]) + float(own["left"]) == 50
    assert told["object"] == "key"


def session(host, token):
    """The cookie of somebody who has logged in at the dashboard."""
    line = http.client.HTTPConnection(host, timeout=PATIENCE_S)
    line.request("POST", "/dashboard/session", json.dumps({"token": token}), {"Origin": f"http://{host}"})
    cookie = line.getresponse().headers["set-cookie"].partition(";")[0]
    line.close()
    return cookie


@pytest.mark.parametrize(
    "change",
    [("POST", "/revoke", None), ("POST", "/rotate", {}), ("PATCH", "", {"role": "caller"})],
    ids=["revoked", "rotated", "demoted"],
)
@pytest.mark.parametrize("port", ["calls", "admin"])
def test_who_watches_all_calls_sees_none_once_its_key_is_good_for_that_no_more(way, admin, port, change):
    key, token = admin.key(role="viewer")
    host = urlsplit(way.url if port == "calls" else admin.url).netloc
    path, shown = "/live", {"Authorization": f"Bearer {token}"}
    if port == "admin":
        path, shown = "/dashboard/api/live", {"Cookie": session(host, token)}
    line = http.client.HTTPConnection(host, timeout=PATIENCE_S)
    line.request("GET", path, headers=shown)
    events = line.getresponse()
    assert events.readline() == b": watching\n"
    method, verb, said = change
    assert admin.ask(method, f"/keys/{key['id']}{verb}", said).status == 200
    assert calls(way, way.first) == (200, None)
    while said := events.readline():  # Until it ends.
        assert not said.startswith(b"data:")
    line.close()
