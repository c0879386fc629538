"""What benchmarks have shown for rows of docs/reliability.md: their recorded figures, and when they ran."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NO_OVERSPENDING = "0 overspent, 0 lost, 0 doubled, 0 wrongly refused"
WITHIN_FORMULA = "overspent no more than the formula, nor than 0.5 % of the limit"
NOTHING_LOST = "0 overspent, 0 lost, 0 doubled"
SCENARIOS: Mapping[str, tuple[str, str]] = {  # Of build/bench/limits.json: its row, and what is wanted.
    "strict": ("B1", NO_OVERSPENDING),
    "strict-4": ("B2", NO_OVERSPENDING),
    "strict-8": ("B2", NO_OVERSPENDING),
    "progressive": ("B3", WITHIN_FORMULA),
    "running-dry": ("B3", WITHIN_FORMULA),
    "trace-x50-4": ("B3", WITHIN_FORMULA),
    "crash": ("B6", NOTHING_LOST),
    "redis-killed": ("B7", NOTHING_LOST),
    "redis-frozen": ("B8", NOTHING_LOST),
    "redis-flushed": ("B9", NOTHING_LOST),
    "rollover": ("B11", NOTHING_LOST),
}
OVERSPENT_PCT_MAX = 0.5  # Beyond none at all, which a formula of $0 asks for.

Trial = dict[str, Any]


def shown_by_benchmarks(folder: Path) -> dict[str, list[Trial]]:
    """Trials by row, in the form in which tests write theirs, and when they were `measured`; none where a benchmark has
    not been run."""
    path = folder / "limits.json"
    if not path.exists():
        return {}
    known = json.loads(path.read_text())
    source, measured = f"`{known['about']['command']}`", known["about"]["date"][:10]
    found: dict[str, list[Trial]] = {}
    for name, (row, target) in SCENARIOS.items():
        figures = known["scenarios"].get(name, {}).get("fareway", {})
        if "overspend_usd" in figures:
            found.setdefault(row, []).append(_trial(f"{source}, {name}", figures, target))
    if "store_calls_per_call" in known:
        found.setdefault("B15", []).append(_decision(f"{source}, near and far from limits", known))
    return {row: [one | {"measured": measured} for one in trials] for row, trials in found.items()}


def _trial(how: str, figures: Mapping[str, Any], target: str) -> Trial:
    refused = figures["wrongly_refused"] or 0
    within = figures["within_formula"] and figures["overspend_pct"] <= OVERSPENT_PCT_MAX
    met = bool(within) and not (figures["lost"] or figures["doubled"] or refused)
    told = f"${figures['overspend_usd']:.7f} overspent"
    if figures["formula_usd"]:
        told += f" (formula ${figures['formula_usd']:.7f})"
    told += f", {figures['lost']} lost, {figures['doubled']} doubled, {refused} wrongly refused"
    if figures["utilisation_pct"] is not None:
        told += f", {figures['utilisation_pct']} % of the limit used"
    if figures["recover_s"] is not None:
        told += f", {figures['recover_s']} s to recover"
    return _as_shown(how, told, target, met=met)


def _decision(how: str, known: Mapping[str, Any]) -> Trial:
    calls = known["store_calls_per_call"] * 1000
    told = f"{calls:.1f} questions to the store for 1,000 calls; a refusal takes {known['refusal_p99_ms']} ms (p99)"
    return _as_shown(how, told, "at most 20 questions, 5 ms", met=calls <= 20 and known["refusal_p99_ms"] <= 5)


def _as_shown(how: str, figure: str, target: str, *, met: bool) -> Trial:
    return {"how": how, "figure": figure, "target": target, "met": met, "because": "", "full": True}
