"""What a gateway costs: CPU, latency and memory of Fareway with everything on, beside peers in the same run.

These machines are shared and noisy, so gateways take turns within every round, medians of the rounds
count, and only ratios travel. Each gateway has core 0 to itself; the provider and the load are on core 1.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from bars import bars
from gateways import GATEWAYS, PEERS, TOKEN, Gateway, fareway, fareway_keys
from measure import Running, Wrong, closed_loop, latency, open_streams, stream
from process import GATEWAY_CORE, OTHER_CORE, Program, answers, free_port
from table import plot, table
from workloads import CHUNK_EVERY_S, WORKLOADS

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from record import record  # noqa: E402 - it lies one folder up

START_S_MAX = 90
SLOW_EVERY_S = 5.0  # Chunks of the streams that are only held open.
GUARD = 36.0  # Times nginx, in one run: more than twice of what it is, so that noise is no alarm and a doubling is.
ONCE = ("latency", "open_streams", "two_workers")


class Bench:
    """One run over all gateways."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.seconds = 1.0 if options.quick else 3.0
        self.folder = Path(tempfile.mkdtemp(prefix="fareway-bench-"))
        self.upstream, self.slow_upstream = free_port(), free_port()
        self.direct = Running(Gateway("direct", "", print, print), None, self.folder, self.upstream, self.upstream)
        self.programs: list[Program] = []
        self.running: list[Running] = []
        self.skipped: dict[str, str] = {}
        self.seen: defaultdict[str, Any] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))

    def run(self) -> dict[str, Any]:
        """All figures."""
        try:
            for port, every_s in ((self.upstream, CHUNK_EVERY_S), (self.slow_upstream, SLOW_EVERY_S)):
                command = [sys.executable, str(HERE / "upstream.py"), str(port), str(every_s)]
                self.programs.append(Program(command, self.folder, {}, OTHER_CORE))
            for gateway in GATEWAYS:
                if gateway.name in self.options.only and (one := self.start(gateway, self.upstream)) is not None:
                    self.running.append(one)
            for number in range(self.options.rounds):
                for one in self.running:
                    print(f"round {number + 1} of {self.options.rounds}: {one.gateway.name}", file=sys.stderr)
                    self.turn(one)
            for one in self.running:
                self.last_turn(one)
            return self.figures() | {"two_workers_ratio": self.two_workers()}
        finally:
            for program in self.programs:
                program.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, gateway: Gateway, upstream: int, core: str = GATEWAY_CORE) -> Running | None:
        """Install one and start it, until it has answered a call; then it sleeps until its turn."""
        print(f"starting {gateway.name}", file=sys.stderr)
        try:
            gateway.install(PEERS / gateway.name)
        except (OSError, subprocess.SubprocessError) as error:
            self.skipped[gateway.name] = f"cannot be installed: {error}"
            return None
        port = free_port()
        home = self.folder / f"{gateway.name}-{port}"
        program = gateway.start(home, port, upstream, core)
        self.programs.append(program)
        one = Running(gateway, program, self.folder, port, upstream)
        if gateway.name == "fareway":
            while len(TOKEN.findall(program.said)) < 2 and not program.ended:
                time.sleep(0.005)
            one.startup_s = time.monotonic() - program.began
            one.keys = fareway_keys(gateway, program, home)
        began = answers(one.url(), one.headers(), WORKLOADS[0].body, START_S_MAX, program)
        if began is None:
            self.skipped[gateway.name] = f"does not answer: {program.said[-300:]!r}"
            return None
        one.startup_s = one.startup_s or began
        one.idle_mb = program.memory_mb()
        program.pause()
        return one

    def turn(self, one: Running) -> None:
        """One round of every workload that it can do."""
        one.program.resume()
        time.sleep(0.2)
        for workload in WORKLOADS:
            if workload.name in self.options.workload and (one.keys or not workload.ours):
                self.note(workload.name, one, lambda w=workload: closed_loop(one, w, self.seconds))
        if "stream" in self.options.workload:
            self.note("stream", one, lambda: stream(one, self.direct, self.seconds))
        one.program.pause()

    def last_turn(self, one: Running) -> None:
        """What is measured once."""
        one.program.resume()
        seen = self.seen["small_chat"][one.gateway.name]
        if "latency" in self.options.workload and seen["rps"]:
            rps = statistics.median(seen["rps"])
            for _ in range(self.options.rounds):
                self.note("small_chat", one, lambda: latency(one, self.direct, rps, self.seconds))
        one.program.pause()
        if "open_streams" in self.options.workload:
            slow = self.start(one.gateway, self.slow_upstream)
            if slow is not None:
                slow.program.resume()
                self.note("open_streams", slow, lambda: open_streams(slow))
                slow.program.stop()
                self.programs.remove(slow.program)

    def note(self, workload: str, one: Running, measured: Any) -> None:
        try:
            for name, value in measured().items():
                self.seen[workload][one.gateway.name][name].append(value)
        except Wrong as error:
            self.skipped[f"{workload} of {one.gateway.name}"] = str(error)

    def two_workers(self) -> float | None:
        """How much more two workers can do on two cores than one on one: what a call costs says it, since the load
        needs a part of these cores as well. 2.0 if a call costs the same."""
        if "two_workers" not in self.options.workload or "fareway" not in self.options.only:
            return None
        alone, both = self.start(fareway(1), self.upstream), self.start(fareway(2), self.upstream, "0,1")
        if alone is None or both is None:
            return None
        ratios = []
        for _ in range(self.options.rounds):
            costs = []
            for one in (alone, both):
                one.program.resume()
                costs.append(closed_loop(one, WORKLOADS[0], self.seconds)["cpu_us"])
                one.program.pause()
            ratios.append(2 * costs[0] / costs[1])
        return round(statistics.median(ratios), 2)

    def figures(self) -> dict[str, Any]:
        """Medians of the rounds, by workload and gateway."""
        medians = {
            workload: {
                gateway: {name: round(statistics.median(values), 2) for name, values in seen.items() if values}
                for gateway, seen in gateways.items()
            }
            for workload, gateways in self.seen.items()
        }
        return medians | {
            "startup_s": {one.gateway.name: round(one.startup_s, 2) for one in self.running},
            "rss_idle_mb": {one.gateway.name: round(one.idle_mb, 1) for one in self.running},
            "install_mb": {one.gateway.name: one.gateway.install_mb for one in self.running if one.gateway.weighs},
            "off": {one.gateway.name: one.gateway.off for one in self.running},
            "skipped": self.skipped,
        }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names, kinds = [g.name for g in GATEWAYS], [*(w.name for w in WORKLOADS), "stream", *ONCE]
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--only", type=lambda text: text.split(","), default=names, help=f"of {','.join(names)}")
    parser.add_argument("--workload", type=lambda text: text.split(","), default=kinds, help=f"of {','.join(kinds)}")
    parser.add_argument("--guard", action="store_true", help="fail if a small chat costs far more than it did")
    parser.add_argument("--first-run", action="store_true", help="CPU of a call and memory into first-run.json only")
    found = parser.parse_args()
    found.rounds = found.rounds or (1 if found.quick else 5)
    return found


def main() -> None:
    asked = options()
    if asked.first_run or asked.guard:
        asked.only, asked.workload = ["nginx", "fareway"], ["small_chat"]
        asked.rounds = 3
    bench = Bench(asked)
    figures = bench.run()
    if asked.first_run:
        seen = figures["small_chat"]["fareway"]
        record(
            "first-run",
            "make bench-first-run",
            {"chat_cpu_us": seen["cpu_us"], "rss_idle_mb": figures["rss_idle_mb"]["fareway"]},
        )
        return
    figures["bars"] = bars(figures)
    if asked.guard:
        ratio = figures["bars"]["small_chat_to_nginx"]["value"]
        print(f"a small chat costs {ratio} times what nginx needs to forward it; alarm above {GUARD}")
        sys.exit(ratio > GUARD)
    print(table(figures))
    if asked.only == [g.name for g in GATEWAYS] and not asked.quick:
        record("overhead", "make bench-overhead", figures)
        (HERE.parents[1] / "docs" / "overhead.svg").write_text(plot(figures))
    else:
        print(json.dumps(figures, indent=2))


main()
