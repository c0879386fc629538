"""Which command does what. Exit codes: 0 ok, 1 a check failed, 2 wrong usage, 3 nothing there, 4 refused."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway import __version__
from gateway.cli import (
    alerts,
    cache,
    check,
    doctor,
    explain,
    fleet,
    keys,
    limits,
    reconcile,
    replay,
    serve,
    sim,
    tenants,
    usage,
)
from gateway.cli.plan import command as plan
from gateway.cli.prices import command as prices
from gateway.cli.router import command as routing
from gateway.cli.settings import Unusable
from gateway.cli.top import command as top
from gateway.core.errors import GatewayError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    parsed = parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except Unusable as problem:
        print(problem, file=sys.stderr)
        return problem.status
    except GatewayError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # Somebody piped us into `head`.
        return 0


def parser() -> argparse.ArgumentParser:
    """All commands with their options."""
    whole = argparse.ArgumentParser(
        prog="fareway", description="The LLM gateway that knows the fare before it travels."
    )
    whole.add_argument("--version", action="version", version=f"fareway {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="default: $FAREWAY_CONFIG, ./fareway.yaml, or none: providers from the environment",
    )
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    money = (usage, prices, reconcile, plan)
    keyed = (keys, tenants, limits, alerts)
    for module in (serve, sim, *keyed, check, doctor, explain, routing, replay, cache, fleet, top, *money):
        module.add_to(commands, common)
    return whole
