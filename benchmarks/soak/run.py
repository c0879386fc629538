"""Does all of it show the same money? A gateway with fifty tenants in every dialect, and its books beside each other.

    python benchmarks/soak/run.py [--short] [--faults] [--hours N] [--seed N]

Ten minutes; one with --short, which is not recorded. With --faults half an hour in which something breaks every 20 s,
at 70 % of what the machine carries (soak_faults.py lists what), and memory, descriptors and tasks are watched; with
--hours so long, with a fault every minute, and so little load that other work can go on beside it. Prints
what was found and writes build/bench/soak.json; exits with 1 if a book differs from the others by a nano-dollar, or a
call failed for no reason. The provider cannot be asked what a call cost whose answer broke off or had no usage: without
faults such calls come in the last third only; they are booked by estimate (docs/money.md), and the difference is told
by how they ended.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks"), str(ROOT / "tests")]

from record import record  # noqa: E402
from soak import TENANTS, Part, Soaked, soak  # noqa: E402
from soak_faulty import Faulty, faulty  # noqa: E402

SECONDS, SHORT_SECONDS = 600, 45
FAULTS_SECONDS, FAULTS_EVERY_S = 1800, 20
SHORT_FAULTS_SECONDS, SHORT_FAULTS_EVERY_S = 60, 3
HOURS_FAULTS_EVERY_S, HOURS_LOAD = 60, 0.12
ERRORS_TOLD = 20
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


def figures_of_faults(found: Faulty) -> dict[str, Any]:
    """For build/bench/soak.json."""
    before, after = found.rest
    return {
        "seed": found.seed,
        "seconds": found.seconds,
        "carried_per_s": round(found.carried),
        "wanted_per_s": round(found.rate),
        "calls": found.seen.calls,
        "faults": dict(sorted(found.faults.items())),
        "excused": dict(found.seen.excused),
        "errors": len(found.seen.errors),
        "books_nano": _nanos(found.books),
        "by_rule": found.by_rule,
        "drift_known_costs": len(found.wrong),
        "store_differs": len(found.store),
        "growth_per_hour_95": {
            f"gateway {number}": {name: [round(one.an_hour, 1), round(one.error, 1)] for name, one in slopes.items()}
            for number, slopes in found.growth.items()
            if all(math.isfinite(one.error) for one in slopes.values())
        },
        "at_rest_before": [round(before.rss_mib), before.descriptors, before.tasks],
        "at_rest_after": [round(after.rss_mib), after.descriptors, after.tasks],
        "broken": found.broken[:ERRORS_TOLD],
    }


def _with_faults(folder: Path, seed: int, *, short: bool) -> list[str]:
    """Why it did not hold."""
    print(f"seed {seed}")
    times = (SHORT_FAULTS_SECONDS, SHORT_FAULTS_EVERY_S) if short else (FAULTS_SECONDS, FAULTS_EVERY_S)
    found = faulty(folder, *times, seed)
    if short:
        print(json.dumps(figures_of_faults(found), indent=2))
    else:
        record("soak", "make bench-soak", {"faults": figures_of_faults(found)})
    return [*found.broken, *found.turned_away]


def _for_hours(folder: Path, seed: int, hours: int) -> list[str]:
    """Why it did not hold."""
    print(f"seed {seed}")
    found = faulty(folder, hours * 3600, HOURS_FAULTS_EVERY_S, seed, HOURS_LOAD)
    record("soak", "make bench-soak", {"hours": figures_of_faults(found)})
    return [*found.broken, *found.turned_away]


def _without(folder: Path, *, short: bool) -> list[str]:
    """Why it did not hold."""
    seconds = SHORT_SECONDS if short else SECONDS
    soaked = soak(folder, seconds)
    if not short:
        record("soak", "make bench-soak", figures(soaked, seconds))
    print(table(soaked))
    return [*broken(soaked), *soaked.known.seen.errors, *soaked.all.seen.errors]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a minute instead")
    parser.add_argument("--faults", action="store_true", help="something breaks all the time")
    parser.add_argument("--hours", type=int, help="the same for so long, at little load")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="what breaks when")
    told = parser.parse_args()
    with TemporaryDirectory(prefix="fareway-soak-") as folder:
        if told.hours:
            wrong = _for_hours(Path(folder), told.seed, told.hours)
        elif told.faults:
            wrong = _with_faults(Path(folder), told.seed, short=told.short)
        else:
            wrong = _without(Path(folder), short=told.short)
    if wrong:
        sys.exit("\n".join(wrong[:ERRORS_TOLD]))


if __name__ == "__main__":
    main()
