"""Own GPUs: what a mixed fleet costs beside simpler ways to choose, and whether the books of machines add up.

    python benchmarks/fleet/run.py [SECTION …]

Writes build/bench/fleet.json; figures whose data is not there (FAREWAY_SHARED) stay as an earlier run wrote them.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from sections import run  # noqa: E402

if __name__ == "__main__":
    run("fleet", "A fleet of own machines, measured.", ("mixed", "conservation", "live"))
