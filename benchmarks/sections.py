"""A benchmark of several sections: each prints its table and gives its figures."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from record import record


def run(name: str, about: str, sections: Sequence[str]) -> None:
    """Run the sections that the command line names, all without any: modules in the folder of that name with a function
    `figures()`, by data set `baseline`, `ours`, `oracle`, `bar`, `met`. Figures of others stay as an earlier run wrote
    them."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(sections)}; all without")
    figures: dict[str, object] = {}
    for wanted in parser.parse_args().sections or sections:
        if wanted not in sections:
            parser.error(f"there is no section {wanted!r}; there are {', '.join(sections)}")
        figures |= importlib.import_module(f"{name}.{wanted}").figures()
    record(name, f"python benchmarks/{name}/run.py", figures)
