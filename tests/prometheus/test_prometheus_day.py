"""A real Prometheus that has seen a day of a real gateway: every query of the rules and dashboards finds something."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
import yaml
from harness import ROOT
from simulated_day import Day

PROMETHEUS = ROOT / "deploy/prometheus"
BOARDS = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
RULES = [*PROMETHEUS.glob("*.rules.yml")]
PATIENCE_S = 60

ELSEWHERE = {
    "fareway_store_down": "gateways that share a store",
    "fareway_clock_offset_seconds": "gateways that share a store",
    "fareway_otel_dropped_total": "a gateway that sends spans",
}
"""Metrics of what this gateway has not. Unit tests of the rules show their alerts."""


def needs(*commands):
    missing = [command for command in commands if shutil.which(command) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"{missing[0]} is not on this machine: scripts/setup-prometheus.sh")
    assert not missing


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


class Prometheus:
    """A real one, with the rules of deploy/, that scrapes a gateway every second."""

    def __init__(self, folder, pages, gateway_url: str) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(PROMETHEUS / name) for name in config["rule_files"]]
        (scrape,) = config["scrape_configs"]
        scrape["static_configs"] = [
            {"targets": [gateway_url.removeprefix("http://")], "labels": {"instance": "gateway"}},
        ]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        data = folder / "data"
        backfill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(pages), str(data)]
        subprocess.run(backfill, check=True, capture_output=True)
        options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={data}"]
        self.log = folder / "prometheus.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", *options, f"--web.listen-address={self.url.removeprefix('http://')}"],
                stdout=log,
                stderr=log,
            )

    def get(self, path: str, **params: str):
        """What its API says."""
        query = f"?{urllib.parse.urlencode(params)}" if params else ""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}{query}", timeout=30) as answer:
            return json.load(answer)["data"]

    def find(self, expression: str) -> list:
        """What an expression comes to now."""
        return self.get("query", query=expression)["result"]

    def wait(self) -> None:
        """Until every rule was evaluated since the gateway was scraped for some seconds."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            try:
                # The last group of each file has run, after what it reads was there.
                scraped = self.find('count_over_time(up{job="fareway"}[1m]) > 5 and up == 1')
                rules = [rule for group in self.get("rules")["groups"] for rule in group["rules"]]
                if scraped and rules and all(rule["health"] == "ok" for rule in rules):
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.2)

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=PATIENCE_S)


async def test_every_query_finds_data_after_a_simulated_day(tmp_path):
    needs("prometheus", "promtool")
    day = Day(tmp_path / "gateway")
    async with day.lived() as url:
        await asyncio.to_thread(_has_no_lint, url)
        prometheus = await asyncio.to_thread(Prometheus, tmp_path, day.pages, url)
        try:
            await asyncio.to_thread(prometheus.wait)
            await asyncio.to_thread(_all_find_data, prometheus)
        finally:
            await asyncio.to_thread(prometheus.stop)


def _has_no_lint(url: str) -> None:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as page:
        text = page.read()
    linted = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert linted.returncode == 0, (linted.stdout + linted.stderr).decode()


def _all_find_data(prometheus: Prometheus) -> None:
    empty = [(where, query) for where, query in queries() if not figures(prometheus.find(query))]
    assert empty == []
    firing = {alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"]}
    broken = {"FarewayDown", "FarewayLedgerDrift", "FarewayJournalGrows", "FarewayStoreDown", "FarewayErrors"}
    assert not firing & broken, "nothing is wrong with this gateway"


def figures(result: list) -> list[str]:
    """What it found that is a number."""
    return [series["value"][1] for series in result if series["value"][1] != "NaN"]


def queries() -> list[tuple[str, str]]:
    """Everything that is asked: what rules record, what dashboards show, and what alerts look at."""
    found = []
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if "record" in rule:
                    found += [(path.name, rule["expr"]), (path.name, rule["record"])]
                else:
                    found += [(rule["alert"], name) for name in sorted(metrics_in(rule["expr"]) - set(ELSEWHERE))]
    for path in BOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            found += [(f"{path.stem}: {panel['title']}", chosen(target["expr"])) for target in panel["targets"]]
    return found


def metrics_in(expression: str) -> set[str]:
    """The metrics that it reads."""
    return set(re.findall(r"\b(?:up|(?:fareway|ml)[_:][a-z0-9_:]+)\b", re.sub(r"\{[^}]*\}", "", expression)))


def chosen(expression: str) -> str:
    """With everything chosen in every variable of a dashboard."""
    return re.sub(r"\$(team|provider|model|tier)\b", ".*", expression)
