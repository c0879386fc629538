"""Limits that are set while the gateway runs: they count at once, and what is spent stays."""

import pytest
from api import calls
from road import eventually

GOOD, TOO_MANY = (200, None), (429, "rate_limit_exceeded")


@pytest.fixture
def team(admin, request):
    """A team of its own for each test."""
    name = request.node.name[:60].replace("[", "-").rstrip("]")
    admin.post("/teams", {"id": name})
    return name


def test_a_limit_counts_from_now_on_with_what_was_spent_before(way, admin, team):
    _, token = admin.key(team=team)
    limit = {"node": f"team:{team}", "amount": "2 requests", "window": "month"}
    made = admin.put("/limits", limit)
    assert (made["id"], made["source"], made["set_by"]) == (f"team:{team}/requests/month", "api", "admin")
    assert [calls(way, token) for _ in range(3)] == [GOOD, GOOD, TOO_MANY]
    admin.put("/limits", limit | {"amount": "3 requests"})
    shown = admin.get(f"/limits/team:{team}/requests/month")
    assert (shown["state"]["spent"], shown["state"]["left"], shown["amount"]) == ("2", "1", "3")
    assert shown == admin.get(f"/limits/team%3A{team}%2Frequests%2Fmonth")
    eventually(lambda: calls(way, token) == GOOD)  # More is to be had once it is leased.
    assert calls(way, token) == TOO_MANY
    admin.delete(f"/limits/{made['id']}")
    assert calls(way, token) == GOOD
    admin.get(f"/limits/{made['id']}", 404)
    admin.delete(f"/limits/{made['id']}", 404)
    again = admin.put("/limits", limit | {"amount": "5 requests"})
    assert again["state"]["spent"] == "3", "what was spent while it stood there"


def test_the_configurations_limits_are_shown_and_stay_and_can_be_replaced(way, admin):
    name = "key:*/usd/month"
    shown = admin.get(f"/limits/{name}")
    assert (shown["source"], shown["set_by"], shown["amount"], shown["state"]) == ("configuration", None, "50.00", None)
    assert admin.delete(f"/limits/{name}", 409)["code"] == "conflict"
    replaced = admin.put("/limits", {"node": "key:*", "amount": "$60", "window": "month", "mode": "soft"})
    assert (replaced["id"], replaced["source"], replaced["mode"]) == (name, "api", "soft")
    assert [limit["amount"] for limit in admin.all("/limits") if limit["id"] == name] == ["60.00"]
    assert f"{name}" in way.command("limits", "list")
    admin.delete(f"/limits/{name}")
    assert admin.get(f"/limits/{name}") == shown


def test_limits_are_listed_with_what_is_left_of_them(way, admin, team):
    admin.put("/limits", {"node": f"team:{team}", "amount": "8 concurrent"})
    listed = {limit["id"]: limit for limit in admin.all("/limits")}
    assert listed["all/usd/month"]["state"]["amount"] == "1000.00"
    running = listed[f"team:{team}/concurrent/while running"]
    assert (running["state"]["held"], running["state"]["resets_at"]) == ("0", None)


def test_a_limit_has_all_that_the_configuration_can_say(admin, team):
    limit = {"node": f"team:{team}", "amount": "5 usd", "timezone": "Asia/Tokyo", "mode": "soft", "hold": "strict"}
    made = admin.put("/limits", limit | {"window": "week", "start": "sunday 06:00", "alert": ["50%", "100%"]})
    assert (made["window"], made["start"], made["alert"]) == ("week", {"day": 6, "minute": 360}, [50, 100])
    assert (made["timezone"], made["mode"], made["hold"], made["store_outage"]) == (
        "Asia/Tokyo",
        "soft",
        "strict",
        None,
    )
    rolling = admin.put("/limits", {"node": f"team:{team}", "amount": "9 usd", "window": "rolling 30d"})
    assert (rolling["id"], rolling["window"]) == (f"team:{team}/usd/rolling 30d", "rolling 30d")
    assert admin.get(f"/limits/team:{team}/usd/rolling%2030d") == rolling
    admin.delete(f"/limits/team:{team}/usd/rolling%2030d")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"node": "teem:x"}, "$.node"),
        ({"node": None}, "$.node"),
        ({"amount": "5"}, "$.amount"),
        ({"amount": 5}, "$.amount"),
        ({"window": "fortnight"}, "$.window"),
        ({"window": None}, "$.window"),
        ({"timezone": "Mars/Olympus"}, "$.timezone"),
        ({"mode": "harsh"}, "$.mode"),
        ({"colour": "red"}, "$.colour"),
        ({"node": "${HOME}"}, "$.node"),
    ],
)
def test_what_is_wrong_with_a_limit_is_said_as_for_the_configuration(admin, change, param):
    limit = {"node": "team:x", "amount": "5 usd", "window": "day"} | change
    error = admin.put("/limits", {name: value for name, value in limit.items() if value is not None}, 400)
    assert error["param"] == param
    assert error["message"]


def test_the_command_line_sets_limits_that_a_running_gateway_heeds(way, admin, team):
    _, token = admin.key(team=team)
    assert calls(way, token) == GOOD
    way.command("limits", "set", f"team:{team}", "1 requests", "--window", "month")
    eventually(lambda: calls(way, token) == TOO_MANY)
    assert admin.get(f"/limits/team:{team}/requests/month")["source"] == "api"
    way.command("limits", "unset", f"team:{team}/requests/month")
    eventually(lambda: calls(way, token) == GOOD)
    actions = [(line["action"], line["via"]) for line in admin.get("/audit?limit=4")["data"]]
    assert ("rules.set", "cli") in actions
    assert ("rules.unset", "cli") in actions
    assert "there is no limit" in way.command("limits", "unset", "team:none/usd/day", status=1).lower()
    assert "must be" in way.command("limits", "set", "nobody", "1 usd", status=1)
