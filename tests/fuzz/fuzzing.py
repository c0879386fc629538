"""Fuzzing, in turns: `python -m fuzz.fuzzing [NAME …] --minutes 30 --jobs 2`.

Each target runs until it has had so many minutes of CPU since its last crash. What is found stays in build/fuzz, where
the next run goes on; an input that fails is written to tests/fuzz/crashes/<name>, where the ordinary test tries it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path

from fuzz.figures import WORK, Figures, keep, known, record
from fuzz.target import HERE, NAMES, ROOT, kept, load

PYTHON = WORK / "venv" / "bin" / "python"
TURN_S = 300
OPTIONS = ("-timeout=60", "-rss_limit_mb=2048", "-max_len=8192", "-print_final_stats=1", "-verbosity=1")


def main() -> int:
    """Exits with 1 if something failed."""
    options = argparse.ArgumentParser(prog="fuzz", description="Look for inputs that fail.")
    options.add_argument("names", nargs="*", choices=[[], *NAMES], metavar="NAME", help=", ".join(NAMES))
    options.add_argument("--minutes", type=float, default=1.0, help="of CPU since the last crash, for each target")
    options.add_argument("--jobs", type=int, default=1, help="targets at once")
    options.add_argument("--work", type=Path, default=WORK, help="where corpora and figures are")
    options.add_argument("--python", type=Path, default=PYTHON, help="with atheris and what the gateway needs")
    options.add_argument("--more", action="store_true", help="the minutes are of this run, whatever there was before")
    given = options.parse_args()
    names = given.names or list(NAMES)
    begun = {name: known(name, given.work).cpu_s if given.more else 0.0 for name in names}
    goals = {name: begun[name] + given.minutes * 60 for name in names}
    failed = _run(goals, given.work, given.python, given.jobs)
    record(given.work)
    print(f"failed: {', '.join(failed)}" if failed else "nothing failed")
    return int(bool(failed))


def _run(goals: dict[str, float], work: Path, python: Path, jobs: int) -> list[str]:
    """Turns, first of those who had the least, until each has its seconds or has failed."""
    failed: list[str] = []
    with ThreadPoolExecutor(jobs) as pool:
        under_way: dict[Future[Figures], str] = {}
        while True:
            busy = {*under_way.values(), *failed}
            left = {name: goal - known(name, work).cpu_s for name, goal in goals.items() if name not in busy}
            due = sorted((name for name in left if left[name] > 0), key=lambda name: known(name, work).cpu_s)
            for name in due[: jobs - len(under_way)]:
                under_way[pool.submit(turn, name, work, python, min(TURN_S, left[name] + 20))] = name
            if not under_way:
                return failed
            for done in wait(under_way, return_when=FIRST_COMPLETED).done:
                name, run = under_way.pop(done), done.result()
                keep(name, work, known(name, work).after(run))
                failed += [name] * run.crashes
                print(f"{name}: {known(name, work)}", flush=True)


def turn(name: str, work: Path, python: Path, seconds: float, *options: str) -> Figures:
    """One process of libFuzzer, with these options of its own, on the corpus so far. Raises RuntimeError where it could
    not even begin."""
    corpus, crashes = work / name / "corpus", HERE / "crashes" / name
    corpus.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    for data in (*load(name).seeds(), *kept(name).values()):
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    log = work / name / "log"
    limits = (*OPTIONS, f"-max_total_time={max(1, round(seconds))}", f"-artifact_prefix={crashes}/", *options)
    with log.open("wb") as file:
        run = subprocess.Popen(
            [python, "-m", "fuzz.engine", name, *limits, corpus],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONHASHSEED": "0"},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text(errors="replace")
    executed, branches = re.findall(r"number_of_executed_units: (\d+)", said), re.findall(r"cov: (\d+)", said)
    if not executed or not branches:
        raise RuntimeError(f"{name}: see {log}")
    if not any(crashes.iterdir()):
        crashes.rmdir()
    return Figures(
        cpu_s=round(used.ru_utime + used.ru_stime, 1),
        executions=int(executed[-1]),
        branches=int(branches[-1]),
        inputs=len(list(corpus.iterdir())),
        crashes=int(run.returncode != 0),
        date=f"{datetime.now(UTC):%Y-%m-%d}",
    )


if __name__ == "__main__":
    sys.exit(main())
