"""What the suite found: build/bench/clients.json for programs, and the table in docs/clients.md for people."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from features import FEATURES
from harness import ROOT
from installed import version_of
from playing import Cell
from roster import CLIENTS, Client

HERE = Path(__file__).parent
FIGURES = ROOT / "build" / "bench" / "clients.json"
PAGE = ROOT / "docs" / "clients.md"
MARKS = ("<!-- The table is made by `make test-clients`. -->\n", "<!-- End of the table. -->\n")
SIGNS = {"pass": "✓", "fail": "**fails**", "skip": "–"}


class Report:
    """Gathers what became of each cell."""

    def __init__(self) -> None:
        self._results: dict[str, list[dict]] = {}

    def add(self, cell: Cell, result: str, reason: str = "") -> None:
        """`result`: pass, fail or skip; the last two have a reason."""
        found = {"deployment": cell.deployment.name, "dialect": cell.deployment.dialect, "feature": cell.feature.name}
        found |= {"result": result} | ({"reason": reason} if reason else {})
        self._results.setdefault(cell.client.name, []).append(found)

    def write(self) -> None:
        """Both files, but only if every client was run."""
        if set(self._results) != {client.name for client in CLIENTS}:
            return
        clients = [
            {
                "client": client.name,
                "dialect": client.dialect,
                "versions": {package: version_of(client, package) for package in client.packages},
                "results": self._results[client.name],
            }
            for client in CLIENTS
        ]
        made = {"at": f"{datetime.now(UTC):%Y-%m-%d}", "python": platform.python_version(), "clients": clients}
        FIGURES.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
        PAGE.write_text(with_table(PAGE.read_text(), table(made)))


def with_table(page: str, made: str) -> str:
    """The page with another table."""
    begin, end = map(re.escape, MARKS)
    return re.sub(f"(?s)({begin}).*({end})", lambda found: found[1] + made + found[2], page)


def table(figures: dict) -> str:
    """One line for each client and kind of provider."""
    names = [feature.name for feature in FEATURES]
    lines = [f"| Client | speaks | to a provider of | {' | '.join(names)} |", f"|---|---|---|{'---|' * len(names)}"]
    reasons: dict[str, None] = {}
    for client in figures["clients"]:
        versions = ", ".join(f"{package} {version}" for package, version in client["versions"].items())
        for deployment, results in _by_deployment(client["results"]):
            shown = [f"`{client['client']}`<br>{versions}", client["dialect"], deployment]
            lines.append(f"| {' | '.join([*shown, *(SIGNS[one['result']] for one in results)])} |")
            told = {f"{client['client']}, {deployment}": one["reason"] for one in results if "reason" in one}
            reasons |= dict.fromkeys(f"* {where}: {why}." for where, why in told.items())
    return "\n".join(["", *lines, "", *reasons, ""]) + f"\nRun on {figures['at']}.\n\n"


def _by_deployment(results: list[dict]) -> Iterable[tuple[str, list[dict]]]:
    dialects = dict.fromkeys(one["dialect"] for one in results)
    return [(dialect, [one for one in results if one["dialect"] == dialect]) for dialect in dialects]


def pinned(client: Client) -> dict[str, str]:
    """By package, the version that the suite is written for."""
    if client.kind != "python":
        return json.loads((HERE / "node" / "package.json").read_text())["dependencies"]
    return dict(line.split("==") for line in (HERE / f"python/requirements-{client.home}.txt").read_text().splitlines())
