"""S10: what Fareway is made of. The checks are tests/supply and tests/test_wheel.py; here they become figures."""

import re
import subprocess
import sys
import tomllib

from harness import ROOT

CHECKS = ("tests/supply", "tests/test_wheel.py")
AUDITOR = ROOT / "build" / "supply" / "bin" / "python"
AUDIT_S_MAX = 200


def test_what_it_is_made_of_is_locked_free_and_built_the_same_twice(shown, full):
    """Wheels are built with all of it: that takes half a minute."""
    checks = CHECKS if full else CHECKS[:1]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *checks]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
    direct = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    locked = re.findall(r"^[a-z0-9-]+==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    figure = f"{len(direct)} direct, {len(locked)} locked; {counts.get('passed', 0)} checks hold, "
    figure += f"{counts.get('failed', 0) + counts.get('error', 0)} do not"
    shown(
        "S10",
        f"locked by digest, free licences, no .pth{', the same wheel twice' if full else ''}",
        figure,
        target="at most 15 direct, all checks hold",
        met=done.returncode == 0 and len(direct) <= 15,
    )


def test_no_part_has_a_known_fault(shown):
    """`make audit` asks those who know of faults; they are on the Internet."""
    how, target = "make audit", "0 known faults"
    if not AUDITOR.exists():
        shown.untried("S10", how, target=target, lacking="pip-audit (scripts/setup-supply.sh)")
    command = [AUDITOR, ROOT / "scripts" / "audit.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=AUDIT_S_MAX, check=False)
    last = done.stdout.strip().splitlines()[-1]
    if last.startswith("NOT AUDITED"):
        shown.untried("S10", how, target=target, lacking="neither OSV nor PyPI's JSON API answers from here")
    shown("S10", how, last, target=target, met=done.returncode == 0)
