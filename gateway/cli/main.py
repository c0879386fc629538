"""Which command does what. Exit codes: 0 ok, 1 a check failed, 2 wrong usage, 3 nothing there, 4 refused."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

from gateway import __version__
from gateway.cli.settings import Unusable
from gateway.core.errors import GatewayError

COMMANDS = {
    "serve": ("serve", "demo"),
    "sim": ("sim",),
    "keys": ("keys",),
    "tenants": ("orgs", "teams", "users"),
    "limits": ("limits",),
    "alerts": ("alerts",),
    "check": ("check", "schema"),
    "doctor": ("doctor",),
    "explain": ("explain",),
    "router.command": ("router",),
    "replay": ("replay",),
    "cache": ("cache",),
    "fleet": ("fleet",),
    "top.command": ("top",),
    "usage": ("usage",),
    "prices.command": ("prices",),
    "reconcile": ("reconcile",),
    "plan.command": ("plan",),
}
"""By module of this package, the commands that it declares. Only what is asked for is imported: all takes a second."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parsed = parser(words[:1]).parse_args(words)
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


def parser(asked: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The commands that are `asked` for with their options; all of them, where none of these is one."""
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
    for module in _declaring(asked) or COMMANDS:
        import_module(f"gateway.cli.{module}").add_to(commands, common)
    return whole


def _declaring(asked: Iterable[str]) -> list[str]:
    return [module for module, declared in COMMANDS.items() if set(declared) & set(asked)]
