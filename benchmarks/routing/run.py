"""Routing, on public answers of many models to the same prompts, and the time that a decision takes.

    python benchmarks/routing/run.py [SECTION …]

Writes build/bench/routing.json; figures whose data is not there (FAREWAY_SHARED) stay as an earlier run wrote them.
What a run chooses, thresholds included, is chosen without the prompts that it is scored on.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from sections import run  # noqa: E402

if __name__ == "__main__":
    run("routing", "Routing, measured.", ("decisions", "gsm8k", "routerbench"))
