"""`fareway alerts`: send a trial, and see what was told to whom."""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import time
from datetime import UTC, datetime
from typing import Any

from gateway.alerts.delivering import send
from gateway.alerts.outbox import Delivery, history
from gateway.alerts.sending import NotSentError, Target
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import FORMATS, print_rows
from gateway.core.alert import Alert, AlertKind

_COLUMNS = ("at", "kind", "target", "state", "attempts", "sentence", "problem")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    parser = commands.add_parser("alerts", help="try alerts, and see what was told to whom")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    test = verbs.add_parser("test", parents=[common], help="send a trial to every target, or to some")
    test.add_argument("targets", nargs="*", metavar="TARGET", help="by name; all if left out")
    test.set_defaults(run=_test)
    shown = verbs.add_parser("history", parents=[common], help="what was told, the newest first")
    shown.add_argument("--count", type=int, default=20, help="at most (default: 20)")
    shown.add_argument("--format", choices=FORMATS, default="table")
    shown.set_defaults(run=_history)


def _test(parsed: argparse.Namespace) -> int:
    known = {target.name: target for target in settings(parsed).alerts}
    unknown = [name for name in parsed.targets if name not in known]
    if unknown or not known:
        raise Unusable(f"no alert is configured by the name {unknown[0]}" if unknown else "no alerts are configured", 3)
    chosen = [known[name] for name in parsed.targets or known]
    problems = asyncio.run(_tried(chosen, time.time()))
    for target, problem in zip(chosen, problems, strict=True):
        print(f"{target.name}: {problem or 'sent'}")
    return int(any(problems))


async def _tried(targets: list[Target], now: float) -> list[str]:
    """What went wrong at each; empty where nothing did."""
    trial = Alert(f"test/{now:.3f}", AlertKind.TEST, now, "This is a trial: alerts arrive here.")

    async def tried(target: Target) -> str:
        try:
            await send(target, [trial], now)
        except NotSentError as error:
            return str(error)
        return ""

    return list(await asyncio.gather(*[tried(target) for target in targets]))


def _history(parsed: argparse.Namespace) -> int:
    try:
        found = history(settings(parsed).home / "alerts.db", parsed.count)
    except sqlite3.Error as error:
        raise Unusable(f"cannot read what was told: {error}") from None
    if not found and parsed.format == "table":
        print("Nothing was told yet.")
        return 0
    print_rows([_row(one) for one in found], _COLUMNS, parsed.format)
    return 0


def _row(one: Delivery) -> dict[str, object]:
    state = "delivered" if one.delivered is not None else "waiting" if one.due is not None else "given up"
    return {
        "at": datetime.fromtimestamp(one.alert.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "kind": one.alert.kind,
        "target": one.target,
        "state": state,
        "attempts": one.attempts,
        "sentence": one.alert.sentence,
        "problem": one.problem,
    }
