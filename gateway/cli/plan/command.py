"""`fareway plan`, whose verbs are loaded only where one is asked for: no other command waits for them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import import_module
from typing import Any


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    known = commands.add_parser("plan", help="what it would cost: own GPUs, training, the month, by whom")
    commands.choices["plan"] = _Plans(known.prog, common)


class _Plans(argparse.ArgumentParser):
    def __init__(self, prog: str, common: argparse.ArgumentParser) -> None:
        super().__init__(prog=prog)
        self._parents = common

    def parse_known_args(  # type: ignore[override] # The stubs overload it by the namespace's type.
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        self.declared()
        return super().parse_known_args(args, namespace)

    def declared(self) -> argparse.ArgumentParser:
        """Itself with its verbs, once."""
        import_module("gateway.cli.plan.verbs").declare(self, self._parents)
        return self
