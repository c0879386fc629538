"""What the runs of a target came to: CPU time, executions, branches, and what failed.

A figure counts since the last crash: one that was mended does not lend its hours to the code that mends it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from fuzz.target import NAMES, ROOT

WORK = ROOT / "build" / "fuzz"
RECORD = ROOT / "build" / "bench" / "fuzz.json"


@dataclass(frozen=True)
class Figures:
    """Of one target."""

    cpu_s: float = 0.0  # Since the last crash,
    executions: int = 0  # as these.
    branches: int = 0  # Of the gateway's code, reached by the corpus.
    inputs: int = 0  # In the corpus, each of which reaches what no other does.
    crashes: int = 0  # Ever.
    date: str = ""  # Of the last run.

    def after(self, run: Figures) -> Figures:
        """With another run."""
        if run.crashes:
            return replace(run, cpu_s=0.0, executions=0, crashes=self.crashes + run.crashes)
        return replace(
            run, cpu_s=self.cpu_s + run.cpu_s, executions=self.executions + run.executions, crashes=self.crashes
        )


def known(name: str, work: Path) -> Figures:
    """What a target came to so far."""
    path = work / name / "figures.json"
    return Figures(**json.loads(path.read_text())) if path.exists() else Figures()


def keep(name: str, work: Path, figures: Figures) -> None:
    """For the next run."""
    path = work / name / "figures.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(figures)) + "\n")


def recorded() -> dict[str, Figures]:
    """What the repository says of all targets."""
    found = json.loads(RECORD.read_text())["targets"] if RECORD.exists() else {}
    return {name: Figures(**figures) for name, figures in found.items() if name in NAMES}


def record(work: Path) -> None:
    """Write what was worked out there into the repository, for each target that ran later than what it says."""
    before, now = recorded(), {name: known(name, work) for name in NAMES}
    newest = {
        name: max(now[name], before.get(name, Figures()), key=lambda one: (one.crashes, one.date, one.cpu_s))
        for name in NAMES
    }
    told = {
        "command": "make fuzz MINUTES=30",
        "targets": {name: asdict(one) for name, one in newest.items() if one.date},
    }
    RECORD.write_text(json.dumps(told, indent=1) + "\n")
