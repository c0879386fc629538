"""The verbs of `fareway router`."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.cli.router import report, train


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("router", help="what routing has learned, and what it has saved")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    report.add_to(verbs, common)
    train.add_to(verbs, common)
