"""Routing, on public answers of many models to the same prompts, and the time that a decision takes.

    python benchmarks/routing/run.py [SECTION …]

Writes build/bench/routing.json; figures of sections that were not run, or whose data is not there (FAREWAY_SHARED),
stay as an earlier run wrote them. Whatever is chosen, thresholds included, is chosen without the prompts that it is
scored on.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from record import record  # noqa: E402

SECTIONS = ("decisions", "gsm8k", "routerbench")
"""Modules here with a function `figures()`: by data set `baseline`, `ours`, `oracle`, `bar`, `met`."""


def main() -> None:
    """Run the sections and record what they found."""
    parser = argparse.ArgumentParser(description="Routing, measured.")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all without")
    wanted = parser.parse_args().sections or SECTIONS
    figures: dict[str, object] = {}
    for name in wanted:
        if name not in SECTIONS:
            parser.error(f"there is no section {name!r}; there are {', '.join(SECTIONS)}")
        figures |= importlib.import_module(f"routing.{name}").figures()
    record("routing", "python benchmarks/routing/run.py", figures)


if __name__ == "__main__":
    main()
