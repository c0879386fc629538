"""Caches that save money, on recorded and public data: each section prints its table and gives its figures.

    python benchmarks/caching/run.py [SECTION …]

Writes build/bench/caching.json; figures whose data is not there (FAREWAY_SHARED) stay as an earlier run wrote them.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from sections import run  # noqa: E402

if __name__ == "__main__":
    run("caching", "Caches that save money, measured.", ("coding", "prefixes", "semantic"))
