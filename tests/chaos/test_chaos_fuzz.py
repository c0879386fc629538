"""Row C6: what a fuzzer thinks of. Seconds of each target here, and what `make fuzz MINUTES=30` came to before."""

import subprocess

import pytest
from fuzz.figures import recorded
from fuzz.fuzzing import PYTHON, turn
from fuzz.target import NAMES, kept, load
from harness import ROOT

SECONDS = 20
ALWAYS_THE_SAME = ("-seed=1", "-runs=1000")
"""Of the short form: what it finds must hang on the code, and not on luck."""

MINUTES_MIN = 30
TARGET = f"0 crashes; at least {MINUTES_MIN} minutes of CPU for each target since its last one"


@pytest.fixture(scope="module")
def python():
    """The environment with a fuzzer in it; None where it cannot be made."""
    made = subprocess.run([ROOT / "scripts" / "setup-fuzz.sh"], capture_output=True, check=False).returncode == 0
    return PYTHON if made else None


def test_nothing_fails_now(shown, python, full, tmp_path):
    how = f"{len(NAMES)} targets, each {f'for {SECONDS} s' if full else 'a thousand times'}"
    if python is None:
        shown.untried("C6", how, target=TARGET, lacking="atheris could not be installed")
    runs = {name: turn(name, tmp_path, python, SECONDS, *(() if full else ALWAYS_THE_SAME)) for name in NAMES}
    crashed = [name for name, run in runs.items() if run.crashes]
    executions, cpu_s = (sum(getattr(run, what) for run in runs.values()) for what in ("executions", "cpu_s"))
    figure = f"{len(crashed)} crashes in {executions:,} executions, {cpu_s:.0f} s of CPU"
    shown("C6", how, figure, target="0 crashes", met=not crashed, crashed=crashed)


def test_long_runs_found_nothing_since_their_last_crash(shown):
    found = recorded()
    figures = [found[name] for name in NAMES if name in found]
    least = min((one.cpu_s / 60 for one in figures), default=0.0) if len(figures) == len(NAMES) else 0.0
    executions = sum(one.executions for one in figures)
    figure = (
        f"{sum(one.cpu_s for one in figures) / 60:,.0f} minutes of CPU, at least {least:.1f} for each, "
        f"{executions:,} executions, {sum(one.crashes for one in figures)} crashes before that were mended "
        f"({max((one.date for one in figures), default='never')})"
    )
    numbers = {name: vars(one) for name, one in found.items()}
    enough = least >= MINUTES_MIN  # Where one has just crashed, and was mended: `make fuzz MINUTES=30`.
    shown("C6", "long runs", figure, target=TARGET, met=len(figures) == len(NAMES), bounded=enough, targets=numbers)


def test_what_failed_once_does_not_again(shown):
    tried = [(name, data) for name in NAMES for data in kept(name).values()]
    for name, data in tried:
        load(name).check(data)
    shown("C6", "inputs that are kept", f"0 of {len(tried)} fail", target="0", met=bool(tried))
