"""Alerts: how often the one for odd spending cries wolf, and what it finds.

    python benchmarks/alerts/run.py [SECTION …]

Writes build/bench/alerts.json; needs data that is not part of the repository (FAREWAY_SHARED).
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from sections import run  # noqa: E402

if __name__ == "__main__":
    run("alerts", "Alerts, measured.", ("anomalies",))
