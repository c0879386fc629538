"""Does all of it show the same money? A gateway with fifty tenants in every dialect, and its books beside each other.

    python benchmarks/soak/run.py [--short]

Ten minutes; one with --short, which is not recorded. Prints a table and writes build/bench/soak.json; exits with 1 if
a book differs from the others by a nano-dollar. The provider cannot be asked what a call cost whose answer broke off or
had no usage: such calls come in the last third only, are booked by estimate (docs/money.md), and the difference is told
by how they ended.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests")]

from record import record  # noqa: E402
from soak import TENANTS, Part, Soaked, soak  # noqa: E402

SECONDS, SHORT_SECONDS = 600, 45
OF_THE_PAGE = ("first_paint_ms", "page_kb", "csp_violations")
PICOS_PER_NANO = 1000


def figures(soaked: Soaked, seconds: int) -> dict[str, Any]:
    """For build/bench/soak.json."""
    before, after = soaked.memory_mb
    return {
        "seconds": seconds,
        "tenants": TENANTS,
        "calls": soaked.known.seen.calls + soaked.all.seen.calls,
        "errors": len(soaked.known.seen.errors) + len(soaked.all.seen.errors),
        "books_nano": _nanos(soaked.known.books),
        "books_equal": not soaked.known.broken and len(set(soaked.known.books.values())) == 1,
        "with_unknown_costs": {
            "books_nano": _nanos(soaked.all.books),
            "by_rule": soaked.all.by_rule,
            "explained": not soaked.all.broken,
        },
        "memory_start_mb": round(before),
        "memory_end_mb": round(after),
        **_of_the_page(),
    }


def _nanos(books: dict[str, int]) -> dict[str, int]:
    """Rounded once, at the end."""
    return {name: round(picos / PICOS_PER_NANO) for name, picos in books.items()}


def _of_the_page() -> dict[str, Any]:
    """What `make test-browser` measured, if it was run here; null where not."""
    path = ROOT / "build" / "bench" / "dashboard.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    return {name: known.get(name) for name in OF_THE_PAGE}


def table(soaked: Soaked) -> str:
    """For people."""
    lines = [f"{'':16}{'costs known':>22}{'all kinds of calls':>22}   nano-dollars"]
    known, both = _nanos(soaked.known.books), _nanos(soaked.all.books)
    lines += [f"{name:16}{known[name]:>22,}{both[name]:>22,}" for name in known]
    for end, one in soaked.all.by_rule.items():
        apart = (one["booked_picos"] - one["billed_picos"]) / PICOS_PER_NANO
        lines.append(f"  {one['calls']} calls {end}: booked {apart:+,.0f} beside the bill")
    return "\n".join(lines)


def broken(soaked: Soaked) -> list[str]:
    """Why it did not hold; empty where it did."""
    parts: dict[str, Part] = {"costs known": soaked.known, "all kinds": soaked.all}
    wrong = [f"{name}: {why}" for name, part in parts.items() for why in part.broken]
    if soaked.known.by_rule:
        wrong.append(f"costs known: these are not: {soaked.known.by_rule}")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="one minute instead of ten")
    short = parser.parse_args().short
    seconds = SHORT_SECONDS if short else SECONDS
    with TemporaryDirectory(prefix="fareway-soak-") as folder:
        soaked = soak(Path(folder), seconds)
    if not short:
        record("soak", "make bench-soak", figures(soaked, seconds))
    print(table(soaked))
    for error in (soaked.known.seen.errors + soaked.all.seen.errors)[:20]:
        print(f"error: {error}")
    if wrong := broken(soaked):
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
