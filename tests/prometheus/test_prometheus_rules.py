"""Rules, alerts and dashboards are sound, and what they name is there."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
import yaml
from harness import ROOT
from test_prometheus_day import BOARDS, PROMETHEUS, RULES, chosen, needs

from scripts.make_dashboards import BOARDS as BOARDS_MADE
from scripts.make_dashboards import written

DOCS = (ROOT / "docs/observability.md").read_text()
ALERTS = [
    rule for group in yaml.safe_load((PROMETHEUS / "alerts.rules.yml").read_text())["groups"] for rule in group["rules"]
]
COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())


def promtool(*arguments: str) -> None:
    needs("promtool")
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False, cwd=PROMETHEUS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_has_no_lint():
    promtool("check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")
    promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, RULES))


def test_each_alert_fires_where_it_must():
    promtool("test", "rules", str(ROOT / "tests/prometheus/alerts.test.yml"))


def test_each_alert_is_unit_tested():
    tested = (ROOT / "tests/prometheus/alerts.test.yml").read_text()
    assert [rule["alert"] for rule in ALERTS if f"alertname: {rule['alert']}" not in tested] == []


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_each_alert_has_a_runbook_that_is_there(rule):
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert path == "docs/observability.md"
    assert anchor == rule["alert"].lower()
    assert f"### {rule['alert']}\n" in DOCS
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_dashboards_are_those_that_are_written():
    """`python scripts/make_dashboards.py` after a change."""
    assert {path.stem for path in BOARDS} == set(BOARDS_MADE)
    for path in BOARDS:
        assert path.read_text() == written(path.stem)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_fits_its_grid_and_names_no_data_source_of_ours(path):
    board = json.loads(path.read_text())
    assert board["schemaVersion"] >= 36
    variables = {variable["name"] for variable in board["templating"]["list"]}
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
        assert at["x"] + at["w"] <= 24
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            assert set(re.findall(r"\$\{?(\w+)", target["expr"])) <= variables
            assert "$" not in chosen(target["expr"])
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_services_find_their_files():
    """Paths of volumes are there, and lead where the programs look for them."""
    for name in ("prometheus", "grafana"):
        service = COMPOSE["services"][name]
        mounted = dict(volume.split(":")[:2] for volume in service["volumes"] if volume.startswith("./"))
        for source in mounted:
            assert (ROOT / "deploy" / source).exists(), source
        if name == "grafana":
            provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/fareway.yaml").read_text())
            assert provider["providers"][0]["options"]["path"] in mounted.values()
    scraped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"][0]
    assert {target.partition(":")[0] for target in scraped["targets"]} <= set(COMPOSE["services"])
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yaml").read_text())
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
