"""What every figure is to be, and the table of all of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Figures = dict[str, Any]

COLUMNS = (
    ("overspend_usd", "over $"),
    ("overspend_pct", "over %"),
    ("formula_usd", "formula $"),
    ("wrongly_refused", "wrong 429"),
    ("utilisation_pct", "used %"),
    ("cut_pct", "cut %"),
    ("lost", "lost"),
    ("doubled", "doubled"),
    ("recover_s", "recover s"),
    ("calls", "calls"),
    ("admitted", "admitted"),
    ("refused", "refused"),
    ("failed", "failed"),
)
OTHERS = {
    "Bifrost": "its open version counts spend in each process and does not share it between several",
    "LiteLLM's virtual keys": "they need PostgreSQL and an engine that is downloaded at the first start",
    "Kong, Portkey, Envoy AI Gateway, TensorZero": "budgets need a licence, a cluster or a database; none is set up",
}
LIMITS: tuple[tuple[str, str, float], ...] = (  # Of every scenario: figure, sign, bar.
    ("wrongly_refused", "<=", 0),
    ("utilisation_pct", ">=", 97),
    ("cut_pct", "<=", 1),
    ("lost", "<=", 0),
    ("doubled", "<=", 0),
    ("refusal_p99_ms", "<=", 5),
    ("refusal_store_calls", "<=", 0.05),
    ("store_calls_per_call", "<=", 0.02),
    ("waited_too_long", "<=", 0),
    ("wrong_window", "<=", 0),
)
MEMORY_MB_MAX = 200


def bars(scenarios: Mapping[str, Mapping[str, Figures]], memory_mb: float | None) -> Figures:
    """Of our own figures: each with its value, its bar, and whether it is met."""
    found: Figures = {}
    for scenario, gateways in scenarios.items():
        figures = gateways.get("fareway", {})
        if "overspend_usd" in figures:
            met = figures["within_formula"]
            found[f"{scenario}.overspend_usd"] = _bar(figures["overspend_usd"], "<=", figures["formula_usd"], met)
        for name, sign, bar in LIMITS:
            value = figures.get(name)
            if value is not None:
                found[f"{scenario}.{name}"] = _bar(value, sign, bar, value <= bar if sign == "<=" else value >= bar)
    if memory_mb is not None:
        found["memory_10k_tenants_mb"] = _bar(memory_mb, "<=", MEMORY_MB_MAX, memory_mb <= MEMORY_MB_MAX)
    return found


def broken(scenarios: Mapping[str, Mapping[str, Figures]]) -> list[str]:
    """What must never be: money spent above the formula, and books that lack a charge or have one twice."""
    return [
        f"{scenario} {gateway}: {name} {value}"
        for scenario, gateways in scenarios.items()
        for gateway, figures in gateways.items()
        for name, value, good in (
            ("overspend_usd", figures.get("overspend_usd"), figures.get("within_formula", False)),
            ("lost", figures.get("lost"), figures.get("lost") == 0),
            ("doubled", figures.get("doubled"), figures.get("doubled") == 0),
        )
        if not good
    ]


def _bar(value: float, sign: str, bar: float, met: bool) -> Figures:
    return {"value": value, "sign": sign, "bar": bar, "met": met}


def table(scenarios: Mapping[str, Mapping[str, Figures]], found: Figures, notes: Mapping[str, str]) -> str:
    rows = [["scenario", "gateway", *(title for _, title in COLUMNS)]]
    for scenario, gateways in scenarios.items():
        for gateway, figures in gateways.items():
            if "skipped" not in figures:
                rows.append([scenario, gateway, *(_cell(figures.get(name)) for name, _ in COLUMNS)])
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines += ["", *(f"{name}: {note}" for name, note in notes.items())]
    lines += [f"{name}: not run: {why}" for name, why in OTHERS.items()]
    for scenario, gateways in scenarios.items():
        lines += [f"{scenario} {name}: not run: {f['skipped']}" for name, f in gateways.items() if "skipped" in f]
    missed = {name: bar for name, bar in found.items() if not bar["met"]}
    lines += ["", f"{len(found) - len(missed)} of {len(found)} bars met"]
    lines += [f"NOT met: {name} = {bar['value']} (bar {bar['sign']} {bar['bar']})" for name, bar in missed.items()]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return str(sum(value.values()))
    return "-" if value is None else f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
