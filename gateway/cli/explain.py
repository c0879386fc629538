"""`fareway explain request.json`: where a call would go, why, at what cost, and what would be held."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Collection
from functools import partial
from typing import Any

from gateway.assembly.simulated import with_simulator
from gateway.cli.books import reading
from gateway.cli.explained import Desk, Explained
from gateway.cli.moments import moment
from gateway.cli.params import add_params, failed, with_policy
from gateway.cli.request import add_request, read_request
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import print_rows
from gateway.cli.told import document, shown
from gateway.cli.whose import key_and_limits, load
from gateway.config.settings import Settings
from gateway.core.errors import GatewayError, PolicyFailed
from gateway.journey.signals import Stated
from gateway.limits.accounts import Account
from gateway.tenants import tagged

_NUMBERS: dict[str, type[int | float]] = {
    "success": float,
    "warm_tokens": int,
    "wait_ms": float,
    "first_token_ms": float,
    "first_token_p95_ms": float,
    "error_rate": float,
    "in_flight": int,
}
"""Fields of a candidate that nobody knows without a running gateway."""


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    text = "candidates, costs, limits and the decision for a request, without asking anybody"
    parser = commands.add_parser("explain", parents=[common], help=text, description=text)
    add_request(parser)
    parser.add_argument("--key", default="", metavar="ID", help="whose call it is; its limits, and what is left")
    parser.add_argument("--policy", default="", metavar="policies.x", help="in the place of the configured one")
    add_params(parser)
    since = "take latency, errors and lengths of answers from the ledger's calls since then"
    parser.add_argument("--since", default="", metavar="1h", help=since)
    given = f"a number of a candidate that is not known here: {', '.join(_NUMBERS)}"
    parser.add_argument("--given", action="append", default=[], metavar="CANDIDATE:NUMBER=VALUE", help=given)
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.set_defaults(run=_explain)


def _explain(parsed: argparse.Namespace) -> int:
    found = with_policy(with_simulator(settings(parsed), ""), parsed.policy, parsed.params)
    try:
        told = explained(found, parsed)
    except PolicyFailed as error:
        raise failed(error) from None
    except GatewayError as error:
        raise Unusable(f"the call would be refused with status {error.status}: {error}") from None
    if parsed.format == "json":
        print(json.dumps(document(told), indent=2))
        return 0
    for lines, (rows, columns) in shown(told):
        print("\n".join(lines))
        if rows:
            print_rows(rows, columns, "table")
    return 0


def explained(found: Settings, parsed: argparse.Namespace) -> Explained:
    """Everything that the pipeline would decide on. Raises the GatewayError that it would answer with, or Unusable."""
    dialect, asked, headers = read_request(parsed, found.providers)
    key, limits = key_and_limits(found, parsed.key)
    desk = Desk(found, limits, partial(load, found) if parsed.key else _untouched, _given(parsed.given))
    if parsed.since:
        now = time.time()
        with reading(found) as ledger:
            desk.see(ledger.entries(moment(parsed.since, now), now))
    return desk.explain(dialect, asked, headers, tagged(key, headers))


def _untouched(accounts: Collection[Account]) -> None:
    """Nobody's: nothing is spent."""
    del accounts


def _given(texts: list[str]) -> Stated:
    found: dict[str, dict[str, object]] = {}
    for text in texts:
        named, equals, value = text.partition("=")
        name, _, number = named.rpartition(":")
        if not equals or not name or number not in _NUMBERS:
            raise Unusable(f"--given: {text!r} is not as in openai/gpt-4o-mini:warm_tokens=2000", 2)
        try:
            found.setdefault(name, {})[number] = _NUMBERS[number](value)
        except ValueError:
            raise Unusable(f"--given: {value!r} is not a number", 2) from None
    return found
