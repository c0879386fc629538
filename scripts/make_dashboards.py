"""Writes deploy/grafana/dashboards/*.json: a line of this file is a panel, which is easier to read and to review.

    python scripts/make_dashboards.py

The JSON is Grafana's classic dashboard model, which it provisions from files
(https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

OUT = Path(__file__).parent.parent / "deploy/grafana/dashboards"

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
HEIGHT = 8

PICKED = 'team=~"$team",provider=~"$provider",model=~"$model",tier=~"$tier"'
MODEL = 'model=~"$model"'


class Panel(NamedTuple):
    """One panel. `kind`: timeseries, stat, bargauge or table."""

    title: str
    queries: tuple[tuple[str, str], ...]  # Expression and legend.
    unit: str = "currencyUSD"
    kind: str = "timeseries"
    width: int = 8
    about: str = ""
    stacked: bool = False


def one(title: str, expression: str, legend: str = "", **more: Any) -> Panel:
    """A panel of one query."""
    return Panel(title, ((expression, legend),), **more)


def hourly(by: str) -> str:
    """Dollars an hour."""
    return f"sum by ({by}) (fareway:spend_dollars:rate5m{{{PICKED}}}) * 3600"


COST = (
    one("Spend now", f"sum(fareway:spend_dollars:rate5m{{{PICKED}}}) * 3600", kind="stat", width=6, about="an hour"),
    one("Last 24 hours", f"sum(fareway:spend_dollars:increase1d{{{PICKED}}})", kind="stat", width=6),
    one("Projected month", "max(fareway:inference_cost_dollars:projection_month)", kind="stat", width=6),
    one("Requests per dollar", "max(fareway:requests_per_dollar:ratio1h)", unit="short", kind="stat", width=6),
    one("Inference cost trend", hourly("model"), "{{model}}", width=12, about="dollars an hour", stacked=True),
    one(
        "Monthly projection",
        "max(fareway:inference_cost_dollars:projection_month)",
        "at the pace of the last day",
        width=12,
    ),
    one("Training cost trend", "sum(ml_training_job_cost_dollars)", "all jobs so far", width=12),
    one(
        "Training to inference",
        "max(fareway:training_to_inference:ratio1d)",
        "of the last day",
        unit="percentunit",
        width=12,
    ),
    one("By team", hourly("team"), "{{team}}", stacked=True),
    one("By provider", hourly("provider"), "{{provider}}", stacked=True),
    one("By tier", hourly("tier"), "{{tier}}", stacked=True),
    one(
        "API and own machines",
        f"sum by (deployment) (rate(ml_inference_requests_total{{{MODEL}}}[5m]))",
        "{{deployment}}",
        unit="reqps",
    ),
    one("Tokens by class", "sum by (class) (rate(fareway_tokens_total[5m]))", "{{class}}", unit="short", stacked=True),
    one(
        "Tokens by model",
        f"sum by (model, direction) (rate(ml_inference_tokens_total{{{MODEL}}}[5m]))",
        "{{model}} {{direction}}",
        unit="short",
    ),
    one("Requests per dollar, over time", "max(fareway:requests_per_dollar:ratio1h)", "requests", unit="short"),
    one("Cost since the start", f"sum by (model) (ml_inference_cost_dollars{{{MODEL}}})", "{{model}}"),
    one("Nobody knows the price", f"sum by (model) (fareway_unpriced_total{{{MODEL}}})", "{{model}}", unit="short"),
)

BUDGETS = (
    one("Used", "fareway:budget_used:ratio", "{{node}} / {{window}}", unit="percentunit", kind="bargauge", width=12),
    one("Left", "fareway:budget_left_dollars:max", "{{node}} / {{window}}", kind="bargauge", width=12),
    Panel(
        "Spent, held and limit",
        (
            ("sum by (window) (fareway:budget_spent_dollars:max)", "spent / {{window}}"),
            ("sum by (window) (max by (node, window, mode) (fareway_budget_held_dollars))", "held / {{window}}"),
            ("sum by (window) (fareway:budget_limit_dollars:max)", "limit / {{window}}"),
        ),
        width=12,
    ),
    one(
        "Burn rate",
        "fareway:budget_spent_dollars:rate1h * 3600",
        "{{node}} / {{window}}",
        width=12,
        about="dollars an hour, over the last hour",
    ),
    one(
        "Lasts for",
        "fareway:budget_left_dollars:max / (fareway:budget_spent_dollars:rate1h > 0)",
        "{{node}} / {{window}}",
        unit="s",
        width=12,
        about="at the pace of the last hour",
    ),
    one("Resets in", "fareway:budget_reset_seconds:max", "{{node}} / {{window}}", unit="s", width=12),
    one(
        "Refusals",
        "sum by (unit, reason) (rate(fareway_refusals_total[5m]))",
        "{{unit}}: {{reason}}",
        unit="reqps",
        width=12,
    ),
    one("Limits of any unit, spent", "sum by (limit) (fareway_limit_spent)", "{{limit}}", unit="short", width=12),
)

SAVINGS = (
    one(
        "Saved, last 24 hours",
        "sum by (cause) (increase(fareway_cost_saved_dollars_total[1d]))",
        "{{cause}}",
        kind="stat",
        width=12,
    ),
    one(
        "Share of what calls would have cost",
        "sum(increase(fareway_cost_saved_dollars_total[1d])) / (sum(increase(fareway_cost_saved_dollars_total[1d])) "
        "+ sum(fareway:spend_dollars:increase1d))",
        unit="percentunit",
        kind="stat",
        width=12,
    ),
    one(
        "Saved",
        "sum by (cause) (rate(fareway_cost_saved_dollars_total[5m])) * 3600",
        "{{cause}}",
        width=12,
        about="dollars an hour",
        stacked=True,
    ),
    one("Response cache", "sum by (result) (rate(fareway_cache_total[5m]))", "{{result}}", unit="reqps", width=12),
    one(
        "Prompt caches, share of input read",
        'sum(rate(fareway_tokens_total{class=~"cache_read.*"}[5m])) '
        '/ sum(rate(fareway_tokens_total{class!~"output.*"}[5m]))',
        "all providers",
        unit="percentunit",
        width=12,
    ),
    one("By tier", "sum by (tier) (fareway:spend_dollars:rate5m) * 3600", "{{tier}}", width=12, stacked=True),
)

SERVICE = (
    one("Up", 'sum(up{job="fareway"})', unit="short", kind="stat", width=6),
    one("In flight", "sum(fareway_inflight_requests)", unit="short", kind="stat", width=6),
    one("Errors", "max(fareway:errors:ratio5m)", unit="percentunit", kind="stat", width=6),
    one("Drift of the books", "max(fareway_drift_units)", unit="short", kind="stat", width=6),
    one("Answers", "fareway:upstream_answers:rate5m", "{{provider}}", unit="reqps"),
    one(
        "Failed attempts", "sum by (provider, kind) (rate(fareway_upstream_errors_total[5m]))", "{{provider}}: {{kind}}"
    ),
    one("Errors told", "sum by (code) (rate(fareway_errors_total[5m]))", "{{code}}", unit="reqps"),
    one("Whole answers, p95", "fareway:request_duration_seconds:p95", "{{provider}}", unit="s"),
    one("First token, p95", "fareway:time_to_first_token_seconds:p95", "{{provider}}", unit="s"),
    one("The gateway itself, p99", "fareway:overhead_seconds:p99", "overhead", unit="s"),
    one("Fallbacks", "sum(rate(fareway_fallbacks_total[5m]))", "attempts", unit="reqps"),
    one("Left alone", "max by (deployment) (fareway_breaker_open)", "{{deployment}}", unit="short"),
    one("How calls ended", "sum by (outcome) (rate(fareway_entries_total[5m]))", "{{outcome}}", unit="reqps"),
    one(
        "How sure costs are", "sum by (cost_status) (rate(fareway_entries_total[5m]))", "{{cost_status}}", unit="reqps"
    ),
    one("Age of the prices", "max(fareway_price_age_seconds)", "oldest", unit="s"),
    one("Journal", "sum(fareway_journal_entries)", "entries on their way", unit="short"),
    one("Disk of the home", "min by (instance) (fareway_home_free_bytes)", "{{instance}}", unit="bytes"),
    one("Workers", "sum by (instance) (fareway_workers)", "{{instance}}", unit="short"),
)

FLEET = (
    one("GPU hours", "sum(ml_training_gpu_hours_total)", unit="h", kind="stat", width=8),
    one("Training so far", "sum(ml_training_job_cost_dollars)", kind="stat", width=8),
    one("Model FLOPs utilisation", "max(ml_training_mfu)", unit="percentunit", kind="stat", width=8),
    one(
        "Own machines",
        'sum by (model) (rate(ml_inference_requests_total{deployment="selfhosted"}[5m]))',
        "{{model}}",
        unit="reqps",
        width=12,
    ),
    one("Backends by state", "sum by (state) (fareway_fleet_backend_state)", "{{state}}", unit="short", stacked=True),
    one("Running", "fareway_fleet_backend_running", "{{backend}}", unit="short"),
    one("Waiting", "fareway_fleet_backend_waiting", "{{backend}}", unit="short"),
    one("KV cache in use", "fareway_fleet_backend_cache_used_ratio", "{{backend}}", unit="percentunit"),
    one("Machines, an hour", "sum(fareway_fleet_backend_dollars_per_hour)", "dollars", about="what they cost now"),
    one("Paid and not used", 'sum by (provider) (fareway_spend_dollars_total{model="idle"})', "{{provider}}"),
    one("Machines that serve", "fareway_fleet_replicas", "{{provider}}", unit="short"),
    one("Machines that would cost least", "fareway_fleet_replicas_desired", "{{provider}}", unit="short"),
    one("Gone elsewhere", "fareway_fleet_spilled_dollars_per_hour", "{{provider}}", about="dollars an hour"),
    one(
        "Cost of own machines",
        'sum by (model, tier) (ml_inference_cost_dollars{deployment="selfhosted"})',
        "{{model}} {{tier}}",
        width=12,
    ),
)

BOARDS = {
    "cost": ("Fareway: cost", COST),
    "budgets": ("Fareway: budgets", BUDGETS),
    "savings": ("Fareway: savings", SAVINGS),
    "service": ("Fareway: service", SERVICE),
    "fleet": ("Fareway: fleet and training", FLEET),
}


def _panel(number: int, panel: Panel, x: int, y: int) -> dict[str, Any]:
    custom = {"fillOpacity": 20, "stacking": {"mode": "normal" if panel.stacked else "none"}}
    return {
        "id": number,
        "title": panel.title,
        "description": panel.about,
        "type": panel.kind,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": HEIGHT // 2 if panel.kind == "stat" else HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "custom": custom if panel.kind == "timeseries" else {}},
            "overrides": [],
        },
        "options": {},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
            for at, (expression, legend) in enumerate(panel.queries)
        ],
    }


def _panels(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    """From left to right, a new row where one is full."""
    placed, x, y, tallest = [], 0, 0, 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > WIDTH:
            x, y = 0, y + tallest
            tallest = 0
        placed.append(_panel(number, panel, x, y))
        x, tallest = x + panel.width, max(tallest, placed[-1]["gridPos"]["h"])
    return placed


def _variable(name: str) -> dict[str, Any]:
    query = f"label_values(fareway_spend_dollars_total, {name})"
    return {
        "name": name,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": "All", "value": "$__all"},
    }


def board(uid: str) -> dict[str, Any]:
    """One dashboard. Its data source is chosen in Grafana: whatever is Prometheus there."""
    title, panels = BOARDS[uid]
    chosen = {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}}
    picked = [_variable(name) for name in ("team", "provider", "model", "tier")] if uid == "cost" else []
    return {
        "uid": f"fareway-{uid}",
        "title": title,
        "tags": ["fareway"],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [chosen, *picked]},
        "annotations": {"list": []},
        "links": [
            {"type": "dashboards", "tags": ["fareway"], "title": "Fareway", "asDropdown": True, "includeVars": True}
        ],
        "panels": _panels(panels),
    }


def written(uid: str) -> str:
    """The file of one dashboard."""
    return json.dumps(board(uid), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    for name in BOARDS:
        (OUT / f"{name}.json").write_text(written(name))
