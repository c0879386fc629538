"""Where a benchmark's figures go: build/bench/<name>.json, with what one needs to judge them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent


def record(name: str, command: str, figures: dict[str, object]) -> None:
    """Write the figures, and print them."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    path = ROOT / "build" / "bench" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "command": command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "machine": machine(),
    }
    written = {"about": about} | figures
    if path.exists():  # Figures of other parts of the same benchmark stay.
        written = json.loads(path.read_text()) | written
    path.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n")
    print(json.dumps(written, indent=2, ensure_ascii=False))


def machine() -> str:
    """One line about where this ran."""
    models = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    processor = models[0] if models else platform.machine()
    return f"{os.cpu_count()} × {processor}, {platform.system()}, Python {platform.python_version()}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
