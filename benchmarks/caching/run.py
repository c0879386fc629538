"""Caches that save money, on recorded and public data: each section prints its table and gives its figures.

    python benchmarks/caching/run.py [SECTION …]

Writes build/bench/caching.json; figures of sections that were not run, or whose data is not there (FAREWAY_SHARED),
stay as an earlier run wrote them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from record import record  # noqa: E402

SECTIONS = ("coding", "prefixes", "semantic")
"""Modules here with a function `figures()`: by data set `baseline`, `ours`, `oracle`, `bar`, `met`."""


def main() -> None:
    """Run the sections and record what they found."""
    parser = argparse.ArgumentParser(description="Caches that save money, measured.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all without")
    wanted = parser.parse_args().sections or SECTIONS
    figures: dict[str, object] = {}
    for name in wanted:
        if name not in SECTIONS:
            parser.error(f"there is no section {name!r}; there are {', '.join(SECTIONS)}")
        figures |= importlib.import_module(f"caching.{name}").figures()
    record("caching", "python benchmarks/caching/run.py", figures)


if __name__ == "__main__":
    main()
