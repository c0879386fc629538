"""The verbs of `fareway plan`. Exit codes: 0 done, 1 it could not run, 2 wrong usage, 3 nothing there."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from gateway.cli.plan import accounts, choices, forecast, hardware


def declare(parser: argparse.ArgumentParser, common: argparse.ArgumentParser) -> None:
    """Declare all of them."""
    verbs = parser.add_subparsers(title="plans", required=True, metavar="PLAN", parser_class=argparse.ArgumentParser)

    def verb(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        one: argparse.ArgumentParser = verbs.add_parser(name, parents=[common], help=text, description=text)
        one.set_defaults(run=run)
        return one

    hardware.add_gpus(verb)
    hardware.add_training(verb)
    hardware.add_scaling(verb)
    hardware.add_request(verb)
    choices.add_breakeven(verb)
    choices.add_allocation(verb)
    choices.add_optimizations(verb)
    choices.add_decide(verb)
    forecast.add_forecast(verb)
    accounts.add_chargeback(verb)
    accounts.add_carbon(verb)
