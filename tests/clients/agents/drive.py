"""Plays one coding agent: a command for each call. The same lines in and out as the other drivers.

`drive.py <agent> <folder of its program>`; a failure is told by its exit status.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

PATIENCE_S = 100  # For one command.
AT_ONCE = 2


def play(agent, call, programs: Path) -> dict:
    """What came of one call."""
    folder = Path(tempfile.mkdtemp(prefix="agent-", dir=Path.cwd()))
    (folder / "home").mkdir()
    command, environ = agent.command(call, programs)
    with (folder / "said.jsonl").open("w+b") as said, (folder / "stderr.txt").open("w+b") as complaints:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"HOME": str(folder / "home")} | environ,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complaints,
            start_new_session=True,
        )
        try:
            if call.action == "cancel":
                _wait_for_a_stream(call)
                process.send_signal(signal.SIGINT)
            status = process.wait(PATIENCE_S)
        except (subprocess.TimeoutExpired, TimeoutError) as late:
            return {"error": "late", "message": str(late)}
        finally:
            _end(process)
        said.seek(0)
        lines = [json.loads(line) for line in said.read().splitlines() if line.startswith(b"{")]
        complaints.seek(0)
        trouble = complaints.read().decode()[-800:]
    if call.action == "cancel":
        return {"exit": status}
    if status:
        return {"error": status, "message": (json.dumps(lines[-3:]) + trouble)[-1500:]}
    return agent.understood(lines)


def _end(process) -> None:
    """With everything that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_for_a_stream(call) -> None:
    """Until the gateway has held money for the call for a second. Not every agent shows text as it comes."""
    request = urllib.request.Request(f"{call.base}/v1/key", headers={"Authorization": f"Bearer {call.key}"})
    deadline, running = time.monotonic() + PATIENCE_S, 0
    while running < 10:
        if time.monotonic() > deadline:
            raise TimeoutError("no stream has begun")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            limits = json.load(answer)["limits"]
        running += any(float(limit["held"]) for limit in limits)
        time.sleep(0.1)


def main() -> None:
    """Two commands at a time."""
    agent, programs = importlib.import_module(sys.argv[1]), Path(sys.argv[2])
    calls = [SimpleNamespace(**json.loads(line)) for line in sys.stdin]
    with ThreadPoolExecutor(AT_ONCE) as at_once:
        for call, made in zip(calls, at_once.map(lambda call: play(agent, call, programs), calls), strict=True):
            print(json.dumps({"cell": call.cell} | made), flush=True)


if __name__ == "__main__":
    main()
