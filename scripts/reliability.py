"""What the rows of docs/reliability.md showed: build/chaos/<row>/*.json into build/bench/reliability.json and the page.

    python scripts/reliability.py

Rows that were not run this time keep what they showed before; what benchmarks recorded stands beside it. Exits with
1 if a row that was run is missed without a reason.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "chaos"), str(ROOT / "benchmarks"), str(ROOT / "scripts")]

from goals import GOALS  # noqa: E402 - found only now.
from record import machine  # noqa: E402
from shown_by_benchmarks import shown_by_benchmarks  # noqa: E402

TRIALS = ROOT / "build" / "chaos"
FIGURES = ROOT / "build" / "bench" / "reliability.json"
PAGE = ROOT / "docs" / "reliability.md"
MARKS = ("<!-- The table is made by `make chaos`. -->\n", "<!-- End of the table. -->\n")
SIGNS = {True: "yes", False: "**no**", None: "not tried"}

Trial = dict[str, Any]


def trials(folder: Path = TRIALS) -> dict[str, list[Trial]]:
    """By row, what was shown this time."""
    found = {row: sorted((folder / row).glob("*.json")) for row in GOALS}
    return {
        row: [one for path in paths for one in json.loads(path.read_text())] for row, paths in found.items() if paths
    }


def row_of(shown: list[Trial], date: str) -> dict[str, Any]:
    """A row is met if each of its trials is; one that could not be tried leaves it open."""
    verdicts = [one["met"] for one in shown]
    met = False if False in verdicts else None if None in verdicts else True
    return {
        "figure": "; ".join(f"{one['how']}: {one['figure']}" for one in shown),
        "target": "; ".join(dict.fromkeys(one["target"] for one in shown)),
        "met": met,
        "date": date,
        "trials": [{key: value for key, value in one.items() if key != "row"} for one in shown],
    }


def merged(
    known: dict[str, Any], shown: dict[str, list[Trial]], date: str, recorded: dict[str, list[Trial]] | None = None
) -> dict[str, Any]:
    """The figures with this time's rows in place of older ones, and beside them what benchmarks `recorded`."""
    rows = known.get("rows", {}) | {row: row_of(found, date) for row, found in shown.items()}
    for row, found in (recorded or {}).items():
        own = [one for one in rows.get(row, {}).get("trials", []) if "measured" not in one]
        rows[row] = row_of(own + found, rows[row]["date"] if own else found[0]["measured"])
    about = {"command": "make chaos", "date": date, "machine": machine()}
    return {"about": about, "rows": {row: rows[row] for row in GOALS if row in rows}}


def table(figures: dict[str, Any]) -> str:
    """For people: a line for each trial."""
    lines = ["| Row | What | How | Figure | Target | Met | |", "|---|---|---|---|---|---|---|"]
    for row, what in GOALS.items():
        found = figures["rows"].get(row)
        if found is None:
            lines.append(f"| {row} | {what} | – | – | – | not shown | |")
            continue
        for number, one in enumerate(found["trials"]):
            first = (row, what) if number == 0 else ("", "")
            size = "" if one["full"] else ", short form"
            told = (
                one["how"],
                one["figure"],
                one["target"],
                SIGNS[one["met"]],
                f"{one.get('measured', found['date'])}{size}",
            )
            lines.append(f"| {' | '.join(text.replace('|', chr(92) + '|') for text in (*first, *told))} |")
    reasons = [
        f"* {row}, {one['how']}: {one['because']}."
        for row, found in figures["rows"].items()
        for one in found["trials"]
        if one["because"]
    ]
    return "\n".join(["", *lines, "", *reasons]).rstrip() + "\n\n"


def with_table(page: str, made: str) -> str:
    """The page with another table."""
    begin, end = map(re.escape, MARKS)
    return re.sub(f"(?s)({begin}).*({end})", lambda found: found[1] + made + found[2], page)


def main() -> int:
    """Write both, and say what was missed."""
    shown = trials()
    known = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    figures = merged(known, shown, f"{datetime.now(UTC):%Y-%m-%d}", shown_by_benchmarks(FIGURES.parent))
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(with_table(PAGE.read_text(), table(figures)))
    missed = [
        f"{row}, {one['how']}: {one['figure']}" for row, found in shown.items() for one in found if one["met"] is False
    ]
    print(f"{len(shown)} rows, {sum(map(len, shown.values()))} trials, {len(missed)} missed")
    print("\n".join(missed))
    return int(any(one["met"] is False and not one["because"] for found in shown.values() for one in found))


if __name__ == "__main__":
    sys.exit(main())
