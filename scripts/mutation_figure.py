"""How many of mutmut's changes a test has noticed, into build/bench/limits.json."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.record import record  # noqa: E402 - found only now.


def main() -> int:
    """Write the figures of the last run."""
    mutmut = Path(sys.executable).with_name("mutmut")
    subprocess.run([mutmut, "export-cicd-stats"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    stats = json.loads((ROOT / "mutants/mutmut-cicd-stats.json").read_text())
    noticed = stats["killed"] + stats["timeout"]
    tried = noticed + sum(stats[how] for how in ("survived", "no_tests", "suspicious", "segfault"))
    figures: dict[str, object] = {
        "mutation_killed_pct": round(100 * noticed / tried, 1),
        "mutations": tried,
        "mutations_of": stats["total"],
        "mutations_survived": stats["survived"],
        "mutations_without_tests": stats["no_tests"],
    }
    record("limits", "make mutate", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
