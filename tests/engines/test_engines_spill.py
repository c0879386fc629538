"""Two simulated engines with a price by the hour, and an API: who takes calls, and what the gateway tells of it."""

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import harness
import pytest
from engine_bench import fleet, vllm
from road import metric

CONFIG = """
providers:
  local: {kind: vllm, base_urls: ENGINES, gpu: {type: h100, patience: 50ms}}
  api: {kind: sim, base_url: API/v1}
models:
  chat: {deployments: [local/sim-8b, api/sim-medium], policy: policies.POLICY}
"""
CALLERS = 8
LONG = "word " * 6_000 + "[[sim: tokens=5]]"


@pytest.fixture
def api(tmp_path):
    process = harness.simulator(tmp_path / "api")
    yield process
    process.stop()


def ask(client, said):
    client.chat.completions.create(model="chat", max_tokens=5, messages=[{"role": "user", "content": said}])


def answered(running):
    """The lines of calls; the ledger has others of machines' hours."""
    return [line for line in running.entries() if line["outcome"] == "ok"]


def slow(engine):
    """Steps take long, so that nobody who comes meanwhile finds it idle."""
    request = urllib.request.Request(f"{engine.url}/sim/fault?slow=4", method="POST")
    urllib.request.urlopen(request, timeout=20).close()


def capacity(running):
    (url,) = [line.split()[-1] for line in running.gate.stderr.splitlines() if "admin API" in line]
    request = urllib.request.Request(f"{url}/fleet", headers={"Authorization": f"Bearer {running.admin}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["capacity"]


@pytest.mark.parametrize("policy", ["cheapest", "affinity"])
def test_a_crowd_is_shared_with_an_api_and_one_caller_alone_is_not(policy, tmp_path, api):
    config = CONFIG.replace("API", api.url).replace("POLICY", policy)
    with fleet(tmp_path, vllm, config) as running, running.client(timeout=120) as client:
        ask(client, "Hello! [[sim: tokens=5]]")
        (alone,) = answered(running)
        assert capacity(running)[0]["provider"] == "local"
        for engine in running.engines:
            slow(engine)
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(lambda caller: ask(client, f"{caller}. {LONG}"), range(CALLERS)))
        lines, page, (told,) = answered(running), running.metrics(), capacity(running)

    assert alone["entry"]["provider"] == "local"
    assert alone["entry"]["occupied"]["marginal_picos"] == 0  # Nobody stood before it.
    assert {line["entry"].get("backend", "") for line in lines} > {""}  # Elsewhere, and at engines of ours.
    assert len(lines) == 1 + CALLERS
    assert told["replicas"] == 2
    assert float(told["usd_per_hour_spilled"]) > 0
    labels = {"provider": "local"}
    assert metric(page, "fareway_fleet_replicas", **labels) == 2
    assert metric(page, "fareway_fleet_spilled_dollars_per_hour", **labels) > 0
    assert "fareway_fleet_replicas_desired" in page
