"""How well are input tokens known before the call? Against what providers reported for RouterArena's prompts.

    python -m benchmarks.money.tokens [DATA]

The shipped weights were fitted to one half of the prompts (scripts/fit_tokens.py); all figures are of the other half.
`before`: the shipped weights alone. `after`: with what a gateway has learned from the first half. `counted`: the
tokenizer. `above`: calls above the learned bound, of all. Gemini's "usage" in this data is no provider's: it is the
number of words times 1.3, in all 633 rows; its line shows what calibration makes even of that, and no more.
"""

from __future__ import annotations

import os
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.core.request import Countable, Facts
from gateway.tokens.calibration import Calibration
from gateway.tokens.count import count_now
from gateway.tokens.families import family_of
from gateway.tokens.size import measure
from scripts.fit_tokens import body, rows, trains

SHARED = Path(os.environ.get("FAREWAY_SHARED") or Path(__file__).parents[3] / "shared")
DATA = SHARED / "data" / "routerarena"
MODELS = {
    "anthropic": "claude-3-haiku-20240307",
    "google": "gemini-2.0-flash-001",
    "openai": "gpt-4o-mini",
    "mistral": "mistral-medium",
}
PASSES = 3  # Over the first half, where it has fewer calls than a bound needs.


@dataclass(frozen=True)
class Measured:
    """One vendor. Errors are medians of |said - reported| / reported, in percent."""

    calls: int
    quarter: float  # Characters / 4.
    before: float
    after: float
    counted: float
    above: int
    slack: float  # The learned bound over the truth, the median.


def measured(data: Path = DATA) -> dict[str, Measured]:
    """Every vendor whose file is there."""
    found = {vendor: data / f"{model}.jsonl.gz" for vendor, model in MODELS.items()}
    return {vendor: _measure(list(rows(path)), MODELS[vendor]) for vendor, path in found.items() if path.exists()}


def token_error_median_pct(data: Path = DATA) -> dict[str, float]:
    """By vendor, after calibration."""
    return {vendor: round(m.after, 2) for vendor, m in measured(data).items()}


def _measure(said: list[dict[str, Any]], model: str) -> Measured:
    facts = Facts(model=model)
    sized = [(measure(body(r["question"]), facts), r["token_usage"]["input_tokens"], r) for r in said]
    calibration, fresh = Calibration(), Calibration()
    for size, actual, _ in [s for s in sized if trains(s[2])] * PASSES:
        calibration.learn(size, model, actual, bound=size.body)
    held = [s for s in sized if not trains(s[2])]
    bounds = [(min(size.body, calibration.most(size, model) or size.body), actual) for size, actual, _ in held]
    return Measured(
        calls=len(held),
        quarter=_error([(len(row["question"]) / 4, actual) for _, actual, row in held]),
        before=_error([(fresh.likely(size, model), actual) for size, actual, _ in held]),
        after=_error([(calibration.likely(size, model), actual) for size, actual, _ in held]),
        counted=_error([(_counted(row["question"], model), actual) for _, actual, row in held]),
        above=sum(actual > bound for bound, actual in bounds),
        slack=statistics.median(bound / actual for bound, actual in bounds),
    )


def _counted(text: str, model: str) -> int:
    return count_now(Countable(texts=(text,), messages=1), family_of(model))


def _error(pairs: list[tuple[float, int]]) -> float:
    return 100 * statistics.median(abs(guess - actual) / actual for guess, actual in pairs)


def main() -> None:
    """Print the table."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    print("vendor      calls  chars/4  before  after  counted  above  bound/true   (median error in %)")
    for vendor, m in measured(data).items():
        errors = f"{m.quarter:7.1f}  {m.before:6.1f}  {m.after:5.1f}  {m.counted:7.1f}"
        print(f"{vendor:10}  {m.calls:5}  {errors}  {m.above:5}  {m.slack:10.2f}")


if __name__ == "__main__":
    main()
