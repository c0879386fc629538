"""The very first start, with nothing there: what a newcomer meets."""

from __future__ import annotations

import os
import re
import socket
import stat
import subprocess
import sys

from harness import ROOT, Process, get


def command(home, port, *options):
    """`fareway serve` for a home that does not exist yet."""
    arguments = [sys.executable, "-m", "gateway", "serve", "--port", str(port), *options]
    environ = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    environ |= {"FAREWAY_HOME": str(home), "PYTHONPATH": str(ROOT)}
    return subprocess.run(arguments, env=environ, capture_output=True, text=True, timeout=30, check=False)


def test_a_home_that_does_not_exist_is_made_for_its_owner_alone(tmp_path):
    """Nothing prepared: it starts, says that only the simulator answers, and shows two keys."""
    home = tmp_path / "not" / "there"
    process = Process(["serve", "--port", "0"], tmp_path, r"Fareway is at (http://\S+)", {"FAREWAY_HOME": str(home)})
    process.start()
    try:
        assert "only the built-in simulator answers" in process.stderr
        admin, first = process.tokens
        assert {m["id"] for m in get(f"{process.url}/v1/models", first)["data"]} >= {"auto", "premium", "sim-small"}
        assert admin != first
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
    finally:
        assert process.stop() == 0


def test_a_port_that_is_taken_is_said_and_costs_no_key(tmp_path):
    """The keys are shown once: not on a start that fails."""
    home = tmp_path / "home"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        failed = command(home, taken.getsockname()[1])
    assert failed.returncode == 1
    assert "cannot start" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not re.search(r"fw-[0-9a-z]{12}-", failed.stderr)
    process = Process(["serve", "--port", "0"], home, r"Fareway is at (http://\S+)").start()
    try:
        assert len(process.tokens) == 2
    finally:
        process.stop()
