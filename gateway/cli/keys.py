"""`fareway keys create | list | revoke | rotate`. A running gateway sees a change within a second."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.assembly import key_store, pepper
from gateway.cli.settings import Unusable, settings
from gateway.cli.table import FORMATS, print_rows
from gateway.config.units import duration
from gateway.core.caller import Caller, Key
from gateway.keyring import Keys
from gateway.tenants import new_key

_COLUMNS = ("id", "alias", "org", "team", "user", "tags", "models", "admin", "cache", "created", "expires", "state")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("keys", help="virtual keys: create, list, revoke, rotate")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    create = verbs.add_parser("create", parents=[common], help="make a key and print it, once")
    create.add_argument("alias", nargs="?", default="", help="a name for people")
    for level in ("org", "team", "user"):
        create.add_argument(f"--{level}", default="", help=f"the {level} that the key belongs to")
    create.add_argument("--tags", default="", metavar="A,B", help="what limits and reports may group its calls by")
    create.add_argument("--models", default="", metavar="A,B", help="the only models that it may ask for")
    create.add_argument("--expires", metavar="90d", help="how long it lasts")
    create.add_argument("--cache", action="store_true", help="keep its answers and give them again")
    create.add_argument("--admin", action="store_true", help="may see everybody's calls")
    create.set_defaults(run=_create)
    listing = verbs.add_parser("list", parents=[common], help="all keys, without their secrets")
    listing.add_argument("--format", choices=FORMATS, default="table")
    listing.set_defaults(run=_list)
    for verb, function, text in (
        ("revoke", _revoke, "end a key for good"),
        ("rotate", _rotate, "make a new key like this one, and end this one"),
    ):
        one = verbs.add_parser(verb, parents=[common], help=text)
        one.add_argument("id", help="the key's id, as `fareway keys list` shows it")
        one.set_defaults(run=function)


def _create(parsed: argparse.Namespace) -> int:
    now = time.time()
    try:
        expires = now + duration(parsed.expires) if parsed.expires else None
    except ValueError as error:
        raise Unusable(f"--expires: {error}") from None
    template = Key(
        id="",
        digest=b"",
        caller=Caller(org=parsed.org, team=parsed.team, user=parsed.user, tags=_names(parsed.tags)),
        alias=parsed.alias,
        created=now,
        expires=expires,
        admin=parsed.admin,
        models=_names(parsed.models),
        cache=parsed.cache,
    )
    return _add(parsed, template)


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _add(parsed: argparse.Namespace, template: Key) -> int:
    found = settings(parsed)
    with closing(key_store(found)) as store:
        key, token = new_key(pepper(found), template)
        store.save(key)
    print(token)
    print(f"This is key {key.id}. It is shown only now: keep it safe.", file=sys.stderr)
    return 0


def _list(parsed: argparse.Namespace) -> int:
    with closing(key_store(settings(parsed))) as store:
        keys = sorted(store.all().values(), key=lambda key: key.created)
    print_rows([_row(key, time.time()) for key in keys], _COLUMNS, parsed.format)
    return 0


def _revoke(parsed: argparse.Namespace) -> int:
    with closing(key_store(settings(parsed))) as store:
        store.save(replace(_one(store, parsed.id), revoked=True))
    print(f"revoked {parsed.id}", file=sys.stderr)
    return 0


def _rotate(parsed: argparse.Namespace) -> int:
    with closing(key_store(settings(parsed))) as store:
        old = _one(store, parsed.id)
        if old.revoked:
            raise Unusable(f"key {old.id} is revoked already")
        done = _add(parsed, replace(old, created=time.time()))
        store.save(replace(old, revoked=True))
    return done


def _one(store: Keys, name: str) -> Key:
    key = store.find(name)
    if key is None:
        raise Unusable(f"there is no key {name!r}; `fareway keys list` shows all")
    return key


def _row(key: Key, now: float) -> dict[str, object]:
    state = "revoked" if key.revoked else "good" if key.good(now) else "expired"
    return {
        "id": key.id,
        "alias": key.alias,
        "org": key.caller.org,
        "team": key.caller.team,
        "user": key.caller.user,
        "tags": ",".join(key.caller.tags),
        "models": ",".join(key.models) or "all",
        "admin": key.admin,
        "cache": key.cache,
        "created": _date(key.created),
        "expires": _date(key.expires) if key.expires else None,
        "state": state,
    }


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
