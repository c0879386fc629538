"""Running one client through all of its cells, in one process of its own environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from features import FEATURES, Feature
from installed import MODULES, NODE, environment
from roster import Client, Deployment
from stage import Evidence, Stage

HERE = Path(__file__).parent
PATIENCE_S = 400  # For all cells of one client.


@dataclass(frozen=True)
class Cell:
    """One feature of one client, with one deployment."""

    client: Client
    deployment: Deployment
    feature: Feature

    @property
    def name(self) -> str:
        """For tests, and unique within a client."""
        return f"{self.deployment.name}: {self.feature.name}"

    @property
    def skipped(self) -> str:
        """Why it cannot be played; empty if it can."""
        return self.client.skips.get(self.feature.name, "")


@dataclass(frozen=True)
class Played:
    """What the client said about a cell, and what was seen of it."""

    said: dict
    seen: Evidence


def cells(client: Client) -> list[Cell]:
    """All that are asked of a client: with providers of its own dialect, and of every one that an edge leads to."""
    return [Cell(client, to, feature) for to in client.deployments for feature in FEATURES]


def play(stage: Stage, client: Client, folder: Path) -> dict[str, Played]:
    """Run the client, and gather the evidence. By the cell's name."""
    playable = [cell for cell in cells(client) if not cell.skipped]
    keys = {cell.name: stage.key(cell.feature.key) for cell in playable}
    calls = [call(stage, cell, keys[cell.name]) for cell in playable]
    said = run(client, calls, folder)
    evidence = stage.evidence(list(keys.values()))
    nothing = {"error": "silence", "message": "it said nothing"}
    return {name: Played(said.get(name, nothing), evidence[key]) for name, key in keys.items()}


def call(stage: Stage, cell: Cell, key: str) -> dict:
    """What a driver is told of one cell."""
    feature = cell.feature
    told = {"cell": cell.name, "action": feature.action, "base": stage.tap.url, "key": key}
    orders = f"[[sim: {cell.client.orders}]]" if feature.action == "tools" else ""
    return told | {"model": cell.deployment.name, "prompt": f"{feature.prompt} {orders}".rstrip()}


def run(client: Client, calls: list[dict], folder: Path) -> dict[str, dict]:
    """One process for all calls, in turn. What it complained of stays in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(one) + "\n" for one in calls)
    environ = {k: v for k, v in os.environ.items() if not k.upper().endswith(("_API_KEY", "_PROXY"))}
    environ |= {"HOME": str(folder), "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"} | QUIET
    environ["PATH"] = f"{NODE.parent}:{environ['PATH']}"
    with (folder / "stderr.txt").open("wb") as complaints:
        try:
            done = subprocess.run(
                command(client),
                input=lines.encode(),
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=environ,
                cwd=folder,
                timeout=PATIENCE_S,
                check=False,
            ).stdout
        except subprocess.TimeoutExpired as late:
            done = late.stdout or b""
    said = [json.loads(line) for line in done.splitlines()]
    return {one["cell"]: one for one in said}


QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANGSMITH_TRACING": "false", "DO_NOT_TRACK": "1"}
"""No calls to anybody else."""


def command(client: Client) -> list[str]:
    """How its driver is started."""
    if client.kind == "python":
        return [str(environment(client) / "bin" / "python"), str(HERE / "python" / "play.py"), client.module]
    if client.kind == "node":
        return [str(NODE), str(HERE / "node" / "play.mjs"), client.module]
    return [sys.executable, str(HERE / "agents" / "drive.py"), client.module, str(MODULES / ".bin")]
