"""Training jobs at a running gateway: over its admin API, by the context manager, with workers and restarts."""

from __future__ import annotations

import time
from contextlib import contextmanager
from decimal import Decimal

import pytest
from api import PATIENCE_S, Api, calls
from road import PROVIDERS, road

from gateway.core.caller import Role
from gateway.training.client import Refused, job

CONFIG = f"""
{PROVIDERS}
training: {{approve_above: 500 usd, interval: 1s, silent_after: 1h}}
limits:
  - {{node: "team:*", amount: 1000 usd, window: month}}
  - {{node: "tag:poor", amount: 0.05 usd, window: month}}
"""
SMALL = {"model": "llama-7b", "job_type": "finetune", "gpu_type": "H100", "tier": "spot", "planned_hours": 1}
COST = Decimal("2.47") / 3600 / 1000  # A millisecond of one.


def until(true):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@contextmanager
def gateway(home, config=CONFIG):
    with road(home, config) as way:
        admin = Api.of(way, way.admin)
        admin.post("/teams", {"id": "red"})
        admin.post("/teams", {"id": "blue"})
        yield way, admin


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with gateway(tmp_path_factory.mktemp("training")) as both:
        yield both


@pytest.fixture
def way(running):
    return running[0]


@pytest.fixture
def admin(running):
    return running[1]


def beat(api, name, **said):
    return api.post(f"/training-jobs/{name}/heartbeat", said, 200)


def end(api, name, **said):
    return api.post(f"/training-jobs/{name}/end", said, 200)


def cost_of(way, name):
    """What the ledger has of a job, in dollars."""
    return sum(Decimal(entry["cost_picos"]) for entry in way.entries() if entry["request_id"] == name) / 10**12


def test_a_job_from_its_start_to_its_end(way, admin):
    made = admin.post("/training-jobs", SMALL | {"gpus": 8, "team": "red", "project": "atlas", "params": 7 * 10**9})
    assert (made["state"], made["stop"], made["team"], made["project"]) == ("running", False, "red", "atlas")
    assert (made["price_usd"], made["planned_usd"], made["heartbeat_s"]) == ("2.47", "19.76", 0.25)
    name = made["id"]
    until(lambda: beat(admin, name, steps=3, tokens=10**6)["gpu_hours"] > 8 * 1.1 / 3600)
    over = end(admin, name)
    assert (over["state"], over["steps"], over["tokens"]) == ("done", 3, 10**6)
    assert over["mfu"] > 0
    booked = until(lambda: admin.get(f"/training-jobs/{name}")["ended"] and cost_of(way, name))
    until(lambda: cost_of(way, name) == Decimal(over["cost_usd"]))
    assert booked <= Decimal(over["cost_usd"])
    assert Decimal(over["cost_usd"]) % (8 * COST) < Decimal("1e-11"), "whole milliseconds"
    labels = {"model": "llama-7b", "gpu_type": "H100"}
    assert way.metric("ml_training_job_cost_dollars", **labels, job_type="finetune") == float(over["cost_usd"])
    assert way.metric("ml_training_gpu_hours_total", **labels) == pytest.approx(over["gpu_hours"])
    assert way.metric("ml_training_mfu", model="llama-7b") > 0
    (row,) = [row for row in admin.get("/usage?by=team,tier")["data"] if row["by"]["tier"] == "training"]
    assert (row["by"]["team"], row["calls"], row["cost_usd"]) == ("red", 0, over["cost_usd"])
    (bill,) = [row for row in admin.get("/plan/chargeback")["rows"] if row["team"] == "red"]
    assert (bill["training_usd"], bill["calls"]) == (over["cost_usd"], 0)
    actions = [line["action"] for line in admin.get("/audit")["data"] if line["of"] == name]
    assert actions == ["jobs.end", "jobs.start"]


def test_a_limit_stops_it(admin):
    """Fifty GPUs cost 3.4 cents a second: one second is held, two are not."""
    said = SMALL | {"gpus": 50, "project": "poor", "planned_hours": 0.5}
    name = admin.post("/training-jobs", said)["id"]
    told = until(lambda: (found := beat(admin, name))["stop"] and found)
    assert "tag:poor" in told["reason"]
    assert end(admin, name)["state"] == "done"
    assert admin.post("/training-jobs", said | {"gpus": 200}, 429)["code"]


def test_an_admin_says_yes_or_stop(way, admin):
    dear = SMALL | {"budget_usd": "501"}
    name = admin.post("/training-jobs", dear)["id"]
    assert beat_refused(admin, name) == (409, "conflict")
    _, token = admin.key(team="red")
    assert admin.by(token).post(f"/training-jobs/{name}/approve", None, 403)["code"] == "permission_denied"
    assert admin.post(f"/training-jobs/{name}/approve", None, 200)["state"] == "approved"
    assert beat(admin, name)["state"] == "running"
    assert admin.post(f"/training-jobs/{name}/stop", {"reason": "enough"}, 200)["reason"] == "enough"
    assert beat(admin, name)["stop"]
    end(admin, name, outcome="failed")
    refused = admin.post("/training-jobs", dear)["id"]
    assert admin.post(f"/training-jobs/{refused}/stop", {}, 200)["state"] == "rejected"


def beat_refused(api, name):
    said = api.ask("POST", f"/training-jobs/{name}/heartbeat", {})
    return said.status, said.error["code"]


def test_who_has_which_jobs(admin):
    keys = {team: admin.by(admin.key(team=team)[1]) for team in ("red", "blue")}
    lead = admin.by(admin.key(team="red", role=Role.TEAM_ADMIN.value)[1])
    viewer = admin.by(admin.key(role=Role.VIEWER.value)[1])
    made = keys["red"].post("/training-jobs", SMALL)
    path = f"/training-jobs/{made['id']}"
    assert made["team"] == "red"
    assert keys["blue"].get(path, 404)["code"] == "not_found"
    assert keys["blue"].ask("POST", f"{path}/heartbeat", {}).status == 404
    assert keys["blue"].post("/training-jobs", SMALL | {"team": "red"}, 403)["code"] == "permission_denied"
    assert keys["blue"].get("/training-jobs")["data"] == []
    assert [one["id"] for one in keys["red"].get("/training-jobs")["data"]] == [made["id"]]
    for api in (lead, viewer, admin):
        assert made["id"] in [one["id"] for one in api.get("/training-jobs?limit=200")["data"]]
    assert viewer.ask("POST", f"{path}/stop", {}).status == 403
    assert lead.post(f"{path}/stop", {}, 200)["stop"]
    end(keys["red"], made["id"])


@pytest.mark.parametrize(
    ("said", "param"),
    [
        ({"gpu_type": "B200"}, "$.gpu_type"),
        ({"price_usd": "free"}, "$.price_usd"),
        ({"price_usd": "0"}, "$.price_usd"),
        ({"budget_usd": "0.0000001"}, "$.budget_usd"),
        ({"job_type": "play"}, "$.job_type"),
        ({"gpus": 0}, "$.gpus"),
        ({"team": "nobody"}, "team"),
        ({"project": "a b"}, "$.project"),
    ],
)
def test_what_cannot_be_started_is_refused(admin, said, param):
    assert admin.post("/training-jobs", SMALL | said, 400)["param"] == param


def test_a_gpu_of_ones_own_has_a_price_of_its_own(admin):
    made = admin.post("/training-jobs", SMALL | {"gpu_type": "B200", "price_usd": "6.25"})
    assert (made["price_usd"], made["price_from"]) == ("6.25", "price as told")
    assert end(admin, made["id"])["mfu"] is None


def test_the_context_manager(way, admin):
    url = admin.url.removesuffix("/admin/v1")
    with job(url, way.admin, **SMALL, gpus=2) as told:
        told.progress(steps=7, tokens=100)
        until(lambda: told.told["steps"] == 7)
    assert (told.told["state"], told.told["tokens"]) == ("done", 100)
    with pytest.raises(ZeroDivisionError), job(url, way.admin, **SMALL) as broken:
        1 / 0  # noqa: B018
    assert broken.told["state"] == "failed"
    with job(url, way.admin, **SMALL) as closed:
        end(admin, closed.told["id"])
        until(lambda: closed.stop)
    assert "does not run" in closed.told["reason"]
    with pytest.raises(Refused, match="job_type"), job(url, way.admin, **SMALL | {"job_type": "x"}):
        pass


def test_a_job_goes_on_after_a_restart_and_among_workers(tmp_path):
    """Whoever hears of it, and whoever died meanwhile: the ledger has price times time in the end, and no limit holds
    anything any more."""
    with gateway(tmp_path, "server: {workers: 2}" + CONFIG) as (way, api):
        made = api.post("/training-jobs", SMALL | {"gpus": 8, "team": "blue"})
        name = made["id"]
        until(lambda: beat(api, name, steps=1)["gpu_hours"] > 8 * 1.2 / 3600)
        way.gate.kill()
        way.gate.start()
        admin = Api.of(way, way.admin)
        until(lambda: beat(admin, name, steps=2)["steps"] == 2)
        until(lambda: beat(admin, name)["gpu_hours"] > 8 * 5.5 / 3600)
        over = end(admin, name)
        until(lambda: cost_of(way, name) == Decimal(over["cost_usd"]))
        assert calls(way, way.first) == (200, None)
        (limit,) = [one for one in admin.all("/limits") if one["node"] == "team:*"]
        assert limit["amount"] == "1000.00"
        way.rest()
        health = until(lambda: admin.get("/health")["drift_units"] == 0 and admin.get("/health"))
        assert health["workers"] == 2
