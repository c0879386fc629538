"""Many seeds, on every core: `make simulate SEEDS=5000`, or one of them again: `make simulate SEED=17`."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed

from simulation.world import World

from benchmarks.record import record

TOGETHER = 10


def main() -> int:
    parsed = _arguments()
    if parsed.seed is not None:
        return _one(parsed.seed)
    began, done, failed, counts = time.monotonic(), 0, [], Counter()
    with ProcessPoolExecutor(parsed.processes) as pool:
        last = parsed.first + parsed.seeds
        waiting = [pool.submit(several, n, min(n + TOGETHER, last)) for n in range(parsed.first, last, TOGETHER)]
        for finished in as_completed(waiting):
            seeds, found, counted = finished.result()
            done, counts = done + seeds, counts + counted
            failed += found
            for seed, what in found:
                print(f"seed {seed}: {what}\n    again: make simulate SEED={seed}", flush=True)
            if time.monotonic() - began > parsed.seconds:
                pool.shutdown(cancel_futures=True)
                break
    took = time.monotonic() - began
    print(f"{done} seeds in {took:.0f} s, {done / took * 3600:,.0f} an hour; {len(failed)} failed; {dict(counts)}")
    if parsed.record:
        figures = {"simulator_seeds": done, "simulator_seeds_failed": len(failed)}
        figures |= {"simulator_seeds_per_hour": round(done / took * 3600), "simulator_holds": counts["holds"]}
        record("limits", f"make simulate SEEDS={parsed.seeds}", figures)
    return 1 if failed or not done else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin none after so long")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--record", action="store_true", help="write the figures to build/bench/limits.json")
    return parser.parse_args()


def _one(seed: int) -> int:
    world = World(seed)
    print(world.plan.describe())
    try:
        world.run()
    except Exception:  # noqa: BLE001 - whatever it is, it is what one wants to see.
        traceback.print_exc()
        return 1
    truth = world.truth
    print(
        f"{truth.holds} holds, {truth.refusals} refused, {world.stranded_at_the_end} stranded with the dead: all well"
    )
    return 0


def several(first: int, end: int) -> tuple[int, list[tuple[int, str]], Counter]:
    """How many were run, which failed and why, and what they did together."""
    found, counts = [], Counter()
    for seed in range(first, end):
        world = World(seed)
        try:
            world.run()
        except Exception as error:  # noqa: BLE001 - a fault of any kind is what is looked for.
            found.append((seed, f"{world.plan.describe()}: {error!r}"))
        counts.update(holds=world.truth.holds, refusals=world.truth.refusals, stranded=world.stranded_at_the_end)
    return end - first, found, counts


if __name__ == "__main__":
    sys.exit(main())
