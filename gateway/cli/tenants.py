"""`fareway orgs | teams | users create | list | delete`: whom keys belong to."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from functools import partial
from typing import Any

from gateway.assembly.stores import directory
from gateway.cli.kept import kept_in
from gateway.cli.settings import settings_of_books
from gateway.cli.table import FORMATS, print_rows
from gateway.core.tenant import Tenant
from gateway.directory.actor import Actor
from gateway.stores.registry import Kind

_ABOVE = {Kind.ORGS: (), Kind.TEAMS: ("org",), Kind.USERS: ("org", "team")}


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    for kind, above in _ABOVE.items():
        parser = commands.add_parser(kind.value, help=f"{kind} that keys belong to: create, list, delete")
        verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
        create = verbs.add_parser("create", parents=[common], help="make one")
        create.add_argument("id", help="what keys, limits and reports call it")
        create.add_argument("--name", default="", help="a name for people")
        for level in above:
            create.add_argument(f"--{level}", default="", help=f"the {level} that it belongs to")
        create.set_defaults(run=partial(_create, kind))
        listing = verbs.add_parser("list", parents=[common], help="all of them")
        listing.add_argument("--format", choices=FORMATS, default="table")
        listing.set_defaults(run=partial(_list, kind))
        delete = verbs.add_parser("delete", parents=[common], help="take one away that nothing belongs to")
        delete.add_argument("id")
        delete.set_defaults(run=partial(_delete, kind))


def _create(kind: Kind, parsed: argparse.Namespace) -> int:
    above = {level: getattr(parsed, level) for level in _ABOVE[kind]}
    with directory(settings_of_books(parsed)) as kept:
        made = kept.add_tenant(Actor.of_machine(), kind, Tenant(parsed.id, name=parsed.name, **above))
    print(f"created {made.id}")
    return 0


def _list(kind: Kind, parsed: argparse.Namespace) -> int:
    with kept_in(settings_of_books(parsed)) as kept:
        found = sorted(kept.tenants(kind).values(), key=lambda one: one.id)
    columns = ("id", *_ABOVE[kind], "name", "created")
    print_rows([{name: _text(getattr(one, name)) for name in columns} for one in found], columns, parsed.format)
    return 0


def _delete(kind: Kind, parsed: argparse.Namespace) -> int:
    with kept_in(settings_of_books(parsed)) as kept:
        kept.remove_tenant(Actor.of_machine(), kind, parsed.id)
    print(f"deleted {parsed.id}")
    return 0


def _text(value: str | float) -> str:
    if isinstance(value, float):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    return value
