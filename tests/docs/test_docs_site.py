"""The site is built without a warning, and what it says beside peers was measured."""

import json
import re
import subprocess
import sys

from harness import ROOT


def test_it_is_built_without_a_warning(tmp_path):
    """Every page is in the navigation, every link and every anchor leads somewhere."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "index.html").exists()
    assert (tmp_path / "reference" / "config.html").exists()


def measured(name):
    return json.loads((ROOT / "build/bench" / f"{name}.json").read_text())


def row(name):
    """The figures of a row of the comparison, without their thousands' commas."""
    (found,) = re.findall(rf"^\| {name} \| (.*) \|$", (ROOT / "docs/comparison.md").read_text(), re.MULTILINE)
    return [re.sub("[,$% ]", "", cell) for cell in found.split(" | ")]


def test_the_comparison_says_what_was_measured():
    peers = ["nginx", "fareway", "vllm-router", "sglang-router", "smg", "portkey", "litellm"]
    calls = [measured("overhead")["small_chat"][peer] for peer in peers]
    assert row("small chat, CPU µs") == [str(round(one["cpu_us"])) for one in calls]
    assert row("calls/s on one core") == [str(round(one["rps"])) for one in calls]
    budget = [measured("limits")["scenarios"]["strict"][gateway] for gateway in ("fareway", "litellm")]
    assert row("spent of the budget") == [str(one["utilisation_pct"]) for one in budget]
    assert row("spent beyond it") == [f"{one['overspend_usd']:.3f}".replace("0.000", "0") for one in budget]
