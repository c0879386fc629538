"""Plans over HTTP: the same as the command prints, of the same table."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from api import calls

from gateway.core.caller import Role
from gateway.plans.table import PLANS

FREE = [
    (
        "training",
        {"params": "7B", "dataset": "50", "epochs": "3", "gpus": "4", "hours": "12"},
        {"total_usd": "93.080833333333"},
    ),
    ("scaling", {"params": "7B", "tokens": "1T"}, {"total_usd": "72842.93899561847"}),
    ("request", {}, {"requests_per_dollar": 122060}),
    ("breakeven", {"price": "0.0004"}, {"break_even_requests_a_month": 92105263, "advice": "API"}),
    (
        "allocation",
        {"initial": "5000", "retraining": "1000", "every": "3", "requests": "500000", "request_cost": "0.0002"},
        {"total_usd": "10200.00"},
    ),
    ("optimizations", {"current": "10000", "target": "1000"}, {"reached": "yes"}),
    ("decide", {"data": "much", "quality_critical": "true"}, {"model": "full training"}),
    ("gpus", {"params": "7B", "bits": "4"}, {"cheapest": "1 x T4"}),
]
OF_THE_LEDGER = [
    ("gpus", {"params": "7B", "from_ledger": "true"}),
    ("request", {"from_ledger": "true"}),
    ("breakeven", {"from_ledger": "true"}),
    ("allocation", {"from_ledger": "true", "initial": "5"}),
    ("optimizations", {"from_ledger": "true"}),
    ("forecast", {"by": "team", "growth": "20%"}),
    ("chargeback", {"shared": "10"}),
    ("carbon", {"by": "model"}),
]


@pytest.fixture(scope="module")
def called(way):
    """A gateway that has answered."""
    for _ in range(3):
        assert calls(way, way.first) == (200, None)
    way.rest()
    return way


def plan(api, name, status=200, **said):
    return api.get(f"/plan/{name}?{urlencode(said)}", status)


@pytest.mark.parametrize(("name", "said", "figures"), FREE, ids=lambda value: value if isinstance(value, str) else "")
def test_a_plan_without_a_ledger(admin, name, said, figures):
    told = plan(admin, name, **said)
    assert {figure: told[figure] for figure in figures} == figures


@pytest.mark.parametrize(("name", "said"), OF_THE_LEDGER, ids=lambda value: value if isinstance(value, str) else "")
def test_a_plan_from_the_ledger_is_what_the_command_prints(called, admin, name, said):
    flags = [f"--{key.replace('_', '-')}" + ("" if value == "true" else f"={value}") for key, value in said.items()]
    until = ["--until=2099-01-01"] if name != "forecast" else []
    more = {"until": "2099-01-01"} if until else {}
    printed = json.loads(called.command("plan", name, *flags, *until, "--json"))
    told = plan(admin, name, **said, **more)
    if name == "forecast":  # Of the rest of the month, which is shorter by now.
        assert [row["team"] for row in told["rows"]] == [row["team"] for row in printed["rows"]]
        assert told["rows"][0]["spent_usd"] == printed["rows"][0]["spent_usd"]
    else:
        assert told == printed


@pytest.mark.parametrize(
    ("name", "said", "refusal"),
    [
        ("training", {"params": "7B", "dataset": "50"}, (400, "missing_field", "$.hours")),
        ("training", {"params": "7", "dataset": "50", "hours": "1"}, (400, "invalid_value", "params")),
        ("training", {"params": "7B", "dataset": "5", "hours": "1", "gpu": "B200"}, (400, "invalid_value", "gpu")),
        ("gpus", {"tier": "stolen"}, (400, "invalid_value", "$.tier")),
        ("gpus", {"nonsense": "1"}, (400, "unknown_field", "$.nonsense")),
        ("breakeven", {}, (400, "invalid_value", "price")),
        ("forecast", {"switch": "a=b,c"}, (400, "invalid_value", "switch")),
        ("forecast", {"since": "yesterday"}, (400, "invalid_value", "since")),
        ("chargeback", {"since": "2001-01-01", "until": "2001-01-02"}, (404, "not_found", None)),
        ("nothing", {}, (404, "not_found", None)),
    ],
)
def test_what_cannot_be_planned_is_refused(admin, name, said, refusal):
    status, code, param = refusal
    refused = plan(admin, name, status, **said)
    assert (refused["code"], refused["param"]) == (code, param)


def test_plans_are_listed(admin):
    listed = admin.get("/plan")["data"]
    assert [one["name"] for one in listed] == [plan.name for plan in PLANS]
    assert all(one["text"] for one in listed)


def test_a_viewer_may_plan_and_a_teams_admin_sees_no_other_teams_money(admin):
    admin.post("/teams", {"id": "planners"})
    viewer, lead = (admin.key(team="planners", role=role.value)[1] for role in (Role.VIEWER, Role.TEAM_ADMIN))
    assert plan(admin.by(viewer), "decide")["serving"] == "API"
    assert plan(admin.by(lead), "chargeback", 403)["code"] == "permission_denied"


def test_every_plan_of_the_command_is_there(admin):
    described = admin.get("/openapi.json")["paths"]
    assert {f"/admin/v1/plan/{one.name}" for one in PLANS} <= set(described)
    (hours,) = [one for one in described["/admin/v1/plan/training"]["get"]["parameters"] if one["name"] == "hours"]
    assert hours["required"]
