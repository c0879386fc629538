"""`fareway limits list | set | unset`: the limits in force, and those that are set while gateways run."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.assembly.stores import directory
from gateway.cli.kept import anything, kept_in
from gateway.cli.settings import Unusable, settings_of_books
from gateway.cli.table import FORMATS, print_rows
from gateway.config.limit import limit_of
from gateway.config.problems import ConfigError
from gateway.core.limit import amount_text
from gateway.core.tenant import Rule
from gateway.directory.actor import Actor
from gateway.directory.rules import in_force

SETTINGS = ("window", "start", "timezone", "mode", "hold")
_COLUMNS = ("id", "amount", "mode", "hold", "source")


def add_to(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Declare the verbs."""
    listing = verbs.add_parser("list", parents=[common], help="all limits in force")
    listing.add_argument("--format", choices=FORMATS, default="table")
    listing.set_defaults(run=_list_rules)
    setting = verbs.add_parser("set", parents=[common], help="set a limit, also of gateways that run")
    setting.add_argument("node", help="all, org:x, team:x, user:x, key:<id> and so on, as in the configuration")
    setting.add_argument("amount", help="500usd, '60000 tokens', '8 concurrent'")
    for option in SETTINGS:
        setting.add_argument(f"--{option}", help="as in the configuration")
    setting.set_defaults(run=_set)
    unsetting = verbs.add_parser("unset", parents=[common], help="forget a limit that was set")
    unsetting.add_argument("id", help="as `fareway limits list` shows it")
    unsetting.set_defaults(run=_unset)


def _list_rules(parsed: argparse.Namespace) -> int:
    found = settings_of_books(parsed)
    stored: dict[str, Rule] = {}
    if anything(found):
        with kept_in(found) as kept:
            stored = kept.rules()
    rows: list[dict[str, object]] = []
    for limit in in_force(found.limits, stored.values()):
        amount = amount_text(limit.amount, limit.unit)
        source = f"set by {stored[limit.id].by}" if limit.id in stored else "configuration"
        rows.append({"id": limit.id, "amount": amount, "mode": limit.mode, "hold": limit.hold, "source": source})
    print_rows(rows, _COLUMNS, parsed.format)
    return 0


def _set(parsed: argparse.Namespace) -> int:
    given = {name: getattr(parsed, name) for name in ("node", "amount", *SETTINGS)}
    try:
        limit = limit_of({name: value for name, value in given.items() if value is not None})
    except ConfigError as error:
        raise Unusable(str(error)) from None
    found = settings_of_books(parsed)
    with directory(found) as kept:
        kept.set_rule(Actor.of_machine(), limit, found.limits)
    print(f"set {limit.id}: {amount_text(limit.amount, limit.unit)}")
    return 0


def _unset(parsed: argparse.Namespace) -> int:
    with kept_in(settings_of_books(parsed)) as kept:
        kept.unset_rule(Actor.of_machine(), parsed.id)
    print(f"unset {parsed.id}")
    return 0
