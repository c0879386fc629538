"""Can a budget be overspent? A fake provider that bills, many callers, faults, and three books compared.

    python benchmarks/money/suite/run.py [--short] [--only SCENARIO,…] [--gateway NAME,…]

Prints a table and writes build/bench/limits.json, where figures of scenarios that were not run stay. `--short`: our own
gateway, four scenarios, a minute; exits with 1 if more was spent than the formula allows, or if the books lack a charge
or have one twice.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import azure  # noqa: E402
import uvloop  # noqa: E402
from adapter import Kind  # noqa: E402
from bars import OTHERS, Figures, bars, broken, table  # noqa: E402
from of_fareway import OfFareway  # noqa: E402
from of_litellm import OfLiteLLM  # noqa: E402
from record import record  # noqa: E402
from scenarios import SCENARIOS, SHORT, Scenario  # noqa: E402
from servers import REDIS, NotReady  # noqa: E402

from gateway.cli.running import allow_many_sockets  # noqa: E402

KINDS: dict[str, Kind] = {kind.name: kind for kind in (OfFareway(), OfLiteLLM())}


def one(kind: Kind, name: str, scenario: Scenario) -> Figures:
    """The figures of one gateway in one scenario, or why there are none."""
    why = kind.cannot.get(name)
    if name.startswith("trace"):
        why = why or azure.missing()
    if why:
        return {"skipped": why}
    folder = Path(tempfile.mkdtemp(prefix="fareway-limits-"))
    began = time.monotonic()
    try:
        figures = uvloop.run(scenario(kind, folder))
    except (NotReady, OSError, subprocess.SubprocessError) as error:
        return {"skipped": f"{type(error).__name__}: {error}"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{name} {kind.name}: {time.monotonic() - began:.0f} s {figures}", file=sys.stderr)
    return figures


def memory() -> dict[str, Any]:
    """Measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(HERE / "memory.py")],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    size, accounts, sync_ms = done.stdout.split()
    return {
        "memory_10k_tenants_mb": round(float(size), 1),
        "accounts": int(accounts),
        "sync_of_all_accounts_ms": round(float(sync_ms), 1),
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names, kinds = list(SCENARIOS), list(KINDS)
    parser.add_argument("--short", action="store_true", help=f"{', '.join(SHORT)}, and fail where money is lost")
    parser.add_argument("--only", type=lambda t: t.split(","), help=f"of {','.join(names)},memory")
    parser.add_argument("--gateway", type=lambda t: t.split(","), default=kinds, help=f"of {','.join(kinds)}")
    return parser.parse_args()


def main() -> None:
    asked = options()
    if REDIS is None:
        sys.exit("redis-server is not installed; on Debian: apt-get install redis-server")
    allow_many_sockets()
    chosen = SHORT if asked.short else SCENARIOS
    wanted = [name for name in chosen if asked.only is None or name in asked.only]
    kinds = [KINDS["fareway"]] if asked.short else [KINDS[name] for name in asked.gateway]
    scenarios = {name: {kind.name: one(kind, name, chosen[name]) for kind in kinds} for name in wanted}
    more = memory() if not asked.short and (asked.only is None or "memory" in asked.only) else {}
    found = bars(scenarios, more.get("memory_10k_tenants_mb"))
    notes = {kind.name: kind.note for kind in kinds}
    if not asked.short:
        known = _known()
        figures = {
            "scenarios": known["scenarios"] | {n: known["scenarios"].get(n, {}) | f for n, f in scenarios.items()},
            **more,
            **_of_all(scenarios),
            "bars": known["bars"] | found,
        }
        record("limits", "make bench-limits", figures | {"notes": notes, "not_run": OTHERS})
    print(table(scenarios, found, notes))
    if asked.short and (wrong := broken(scenarios)):
        sys.exit("\n".join(wrong))


def _known() -> dict[str, Figures]:
    """What an earlier run wrote."""
    path = ROOT / "build" / "bench" / "limits.json"
    return json.loads(path.read_text()) if path.exists() else {"scenarios": {}, "bars": {}}


def _of_all(scenarios: dict[str, dict[str, Figures]]) -> Figures:
    """The figures of one scenario that others look for at the top."""
    told = {}
    for name, scenario in (("refusal_p99_ms", "strict-4"), ("store_calls_per_call", "store-calls")):
        if name in (figures := scenarios.get(scenario, {}).get("fareway", {})):
            told[name] = figures[name]
    return told


if __name__ == "__main__":
    main()
