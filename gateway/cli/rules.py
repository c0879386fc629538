"""`fareway limits list | set | unset`: the limits in force, and those that are set while gateways run."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection
from typing import Any

from gateway.assembly.stores import directory
from gateway.cli.kept import anything, kept_in
from gateway.cli.settings import Unusable, settings_of_books
from gateway.cli.table import FORMATS, print_rows
from gateway.cli.whose import load
from gateway.config.limit import WHERE, limit_of
from gateway.config.problems import ConfigError, Problem, did_you_mean
from gateway.config.settings import Settings
from gateway.core.limit import Limit, amount_text
from gateway.core.node import kind_of, part_of, parts
from gateway.core.tenant import Rule
from gateway.directory.actor import Actor
from gateway.directory.directory import Directory
from gateway.directory.rules import in_force
from gateway.front.own_key import figure
from gateway.limits.accounts import Account
from gateway.limits.series import Series
from gateway.limits.windows import utc_text
from gateway.stores.registry import Kind

SETTINGS = ("window", "start", "timezone", "mode", "hold")
_COLUMNS = (
    *("id", "amount", "spent", "held", "left", "resets_at", "timezone"),
    *("mode", "hold", "on_reached", "alert", "source"),
)


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
    limits = in_force(found.limits, stored.values())
    accounts = _accounts(found, limits)
    rows: list[dict[str, object]] = []
    for limit in limits:
        source = f"set by {stored[limit.id].by}" if limit.id in stored else "configuration"
        rows.append(_said(limit) | _figures(accounts.get(limit.id)) | {"source": source})
    print_rows(rows, _COLUMNS, parsed.format)
    return 0


def _accounts(found: Settings, limits: Collection[Limit]) -> dict[str, Account]:
    """By limit, in the window that runs. Of one for a whole kind there are many, and none is here."""
    alone = [limit for limit in limits if "*" not in limit.node]
    accounts = {limit.id: Series(limit, limit.node, time.time, _unknown).at(time.time()) for limit in alone}
    try:
        load(found, accounts.values())
    except Unusable as error:  # What the limits are can be told all the same.
        print(error, file=sys.stderr)
        return {}
    return accounts


def _unknown(name: str) -> None:
    """No call uses any account here."""
    del name


def _said(limit: Limit) -> dict[str, object]:
    return {
        "id": limit.id,
        "amount": amount_text(limit.amount, limit.unit),
        "timezone": limit.timezone,
        "mode": limit.mode,
        "hold": limit.hold,
        "on_reached": limit.on_reached.then,
        "alert": ",".join(f"{percent}%" for percent in limit.alert) or None,
    }


def _figures(account: Account | None) -> dict[str, object]:
    if account is None:
        return dict.fromkeys(("spent", "held", "left", "resets_at"))
    amounts = {"spent": account.spent_by_all, "held": account.others.held, "left": max(0, account.left)}
    told: dict[str, object] = {name: figure(amount, account.limit.unit) for name, amount in amounts.items()}
    return told | {"resets_at": utc_text(account.resets_at)}


def _set(parsed: argparse.Namespace) -> int:
    given = {name: getattr(parsed, name) for name in ("node", "amount", *SETTINGS)}
    try:
        limit = limit_of({name: value for name, value in given.items() if value is not None})
    except ConfigError as error:
        raise Unusable("\n".join(map(_as_options, error.problems))) from None
    found = settings_of_books(parsed)
    with directory(found) as kept:
        kept.set_rule(Actor.of_machine(), limit, found.limits)
        for part in parts(limit.node):
            _warn_of_nobody(kept, part)
    print(f"set {limit.id}: {amount_text(limit.amount, limit.unit)}")
    return 0


def _as_options(problem: Problem) -> str:
    """The same in the words of a command line."""
    place, _, what = problem.message.removeprefix(f"{WHERE}.").partition(": ")
    option = f"--{place}" if place in SETTINGS else place
    return f"{option}: {what}{f'; {problem.hint}' if problem.hint else ''}"


def _warn_of_nobody(kept: Directory, part: str) -> None:
    """A limit may come before those whom it is for; more often its name is mistyped."""
    kinds = {"org": Kind.ORGS, "team": Kind.TEAMS, "user": Kind.USERS, "key": Kind.KEYS}
    kind = kind_of(part)
    if kind not in kinds or part.endswith(":*"):
        return
    known = kept.keys() if kind == "key" else kept.tenants(kinds[kind])
    nodes = [part_of(kind, name) for name in known]
    if part not in nodes:
        hint = did_you_mean(part, nodes, otherwise="it counts once there is")
        print(f"warning: there is no {part} yet; {hint}", file=sys.stderr)


def _unset(parsed: argparse.Namespace) -> int:
    with kept_in(settings_of_books(parsed)) as kept:
        kept.unset_rule(Actor.of_machine(), parsed.id)
    print(f"unset {parsed.id}")
    return 0
