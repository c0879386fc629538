"""A real engine that is paid by the second (tests/engines/live_clock.py): what the ledger's entries of a run sum up to,
beside its price times the time that it took."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = Path(__file__).parents[2] / "tests"
BAR_PCT = 2.0


def figures() -> dict[str, object]:
    """Measure and print. Nothing where the engine is not installed (scripts/setup-engine.sh)."""
    sys.path[:0] = [str(TESTS), str(TESTS / "journey"), str(TESTS / "engines")]
    from engine_bench import ENGINE  # noqa: PLC0415
    from live_clock import run  # noqa: PLC0415

    if not (ENGINE / "bin" / "python").exists():
        print("The engine is not installed: scripts/setup-engine.sh")
        return {}
    with TemporaryDirectory() as folder:
        told = run(Path(folder))
    print(f"{told.calls} calls: ${told.paid:.4f} of time, ${told.booked:.4f} booked, off by {told.error_pct:.3f} %")
    met = told.error_pct <= BAR_PCT
    return {"engine_error_pct": round(told.error_pct, 3), "engine": {"calls": told.calls, "bar": BAR_PCT, "met": met}}
