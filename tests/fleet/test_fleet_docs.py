"""What docs/fleet.md gives to Kubernetes can be read, and asks for figures that there are."""

import re
from pathlib import Path

import pytest
import yaml

from gateway.assembly.fleet import add_fleet_gauges
from gateway.core.money import Money
from gateway.fleet.backend import Backend, State
from gateway.fleet.fleet import Fleet
from gateway.fleet.machine import Machine
from gateway.fleet.rate import constant
from gateway.planning.gpus import Tier
from gateway.telemetry.metrics import Gauges

DOCS = Path(__file__).parents[2] / "docs" / "fleet.md"
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)]
KINDS = {block["kind"]: block for block in BLOCKS if "apiVersion" in block}


@pytest.fixture
def figures():
    """By name, as /metrics tells them, of one machine that is asked a little."""
    machine = Machine("H100", 1, Tier.ON_DEMAND, constant(4 * 10**12))
    fleet = Fleet([Backend("local", "a:8000", "http://a", machine=machine, seen=State.READY)])
    demand = fleet.demands["local"]
    demand.asked(1_000, 0.0)
    demand.elsewhere.learn(1_000, Money.usd("0.0006"))
    demand.spilled(Money.usd("0.0006"), 0.0)
    demand.pace = 10_000.0
    gauges = Gauges()
    add_fleet_gauges(gauges, fleet, dict, lambda: 1.0)
    return {family.name: family.samples for family in gauges.families()}


def test_every_figure_of_the_docs_is_told(figures):
    told = {name for name in figures if re.match("fareway_fleet_(?!backend_)", name)}
    assert set(re.findall(r"fareway_fleet_(?!backend_)[a-z_]+", DOCS.read_text())) == told
    for name in told:
        (sample,) = figures[name]
        assert sample.labels == {"provider": "local"}


def test_one_machine_more_than_needed_costs_its_price(figures):
    (more,) = figures["fareway_fleet_one_more_dollars_per_hour"]
    assert more.value == 4.0


def test_keda_asks_for_the_number_desired(figures):
    (trigger,) = KINDS["ScaledObject"]["spec"]["triggers"]
    assert trigger["type"] == "prometheus"
    assert all(isinstance(value, str) for value in trigger["metadata"].values())  # As KEDA wants them.
    (name,) = re.findall(r"fareway_\w+", trigger["metadata"]["query"])
    assert name in figures


def test_an_autoscaler_asks_for_the_number_desired(figures):
    spec = KINDS["HorizontalPodAutoscaler"]["spec"]
    (metric,) = [each["external"]["metric"] for each in spec["metrics"]]
    assert metric["name"] in figures
    assert spec["minReplicas"] < spec["maxReplicas"]
