"""`fareway cache …`: what caches do."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.cli import cache_explain


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("cache", help="caches: explain")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    cache_explain.add_to(verbs, common)
