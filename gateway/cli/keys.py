"""`fareway keys create | list | show | revoke | rotate`. A running gateway sees a change within half a second."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.assembly.stores import directory, pepper
from gateway.cli.kept import kept_in
from gateway.cli.settings import Unusable, settings, settings_of_books
from gateway.cli.table import FORMATS, print_rows
from gateway.config import fields
from gateway.config.settings import Settings
from gateway.config.units import duration
from gateway.core.caller import Caller, Key, Role
from gateway.core.errors import BadRequest, GatewayError
from gateway.deferred.deadline import checked_url, seconds
from gateway.directory.actor import Actor
from gateway.front.own_headers import PREFIX

_COLUMNS = ("id", "alias", "org", "team", "user", "tags", "models", "role", "cache", "created", "expires", "state")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command."""
    parser = commands.add_parser("keys", help="virtual keys: create, list, show, revoke, rotate")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    create = verbs.add_parser("create", parents=[common], help="make a key and print it, once")
    create.add_argument("alias", nargs="?", default="", help="a name for people")
    for level in ("org", "team", "user"):
        create.add_argument(f"--{level}", default="", help=f"the {level} that the key belongs to")
    create.add_argument("--tags", default="", metavar="A,B", help="what limits and reports may group its calls by")
    create.add_argument("--models", default="", metavar="A,B", help="the only models that it may ask for")
    create.add_argument("--expires", metavar="90d", help="how long it lasts")
    create.add_argument("--cache", action="store_true", help="keep its answers and give them again")
    create.add_argument("--networks", default="", metavar="A,B", help="where it may be used from, such as 10.0.0.0/8")
    create.add_argument("--deadline", metavar="2h", help="by when its calls want their answers, at the lowest price")
    create.add_argument("--webhook", default="", metavar="URL", help="what hears of those that were answered later")
    create.add_argument(
        "--role", choices=[role.value for role in Role], default=Role.CALLER, help="what its holder may see and change"
    )
    create.add_argument("--admin", dest="role", action="store_const", const=Role.ADMIN, help="the same as --role admin")
    create.set_defaults(run=_create)
    listing = verbs.add_parser("list", parents=[common], help="all keys, without their secrets")
    listing.add_argument("--format", choices=FORMATS, default="table")
    listing.set_defaults(run=_list)
    for verb, function, text in (
        ("show", _show, "all that is kept of one key, as JSON"),
        ("revoke", _revoke, "end a key for good"),
        ("rotate", _rotate, "give a key another secret, and print it, once"),
    ):
        one = verbs.add_parser(verb, parents=[common], help=text)
        one.add_argument("id", help="the key's id, as `fareway keys list` shows it")
        one.set_defaults(run=function)
        if verb == "rotate":
            one.add_argument("--grace", metavar="1h", help="how long the secret before stays good (default: 0)")


def _create(parsed: argparse.Namespace) -> int:
    now, found = time.time(), settings_of_books(parsed)
    expires = _after(parsed.expires, "--expires")
    template = Key(
        id="",
        digest=b"",
        caller=Caller(org=parsed.org, team=parsed.team, user=parsed.user, tags=_names(parsed.tags)),
        alias=parsed.alias,
        expires=now + expires if expires else None,
        role=Role(parsed.role),
        models=_names(parsed.models),
        networks=_networks(parsed.networks),
        cache=parsed.cache,
        **_later(parsed, private=found.deferred.private_webhooks),
    )
    if template.models:
        _warn_of_models(parsed, template.models)
    pepper(found)  # Without it there can be no key, and so nothing is made that it belongs to.
    with directory(found) as kept:
        kept.make_missing(Actor.of_machine(), template.caller)
        key, token = kept.add_key(Actor.of_machine(), template)
    return _tell(key, token, found)


def _tell(key: Key, token: str, found: Settings) -> int:
    """Where it is kept is told, too: a gateway of another home does not know it."""
    print(token)
    where = "the shared state" if found.shared else found.state
    print(f"This is key {key.id}, kept in {where}. It is shown only now: keep it safe.", file=sys.stderr)
    return 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(fields.network(name) for name in _names(text))
    except ValueError as error:
        raise Unusable(f"--networks: {error}") from None


def _warn_of_models(parsed: argparse.Namespace, models: Sequence[str]) -> None:
    """A model may come later; more often its name is mistyped. Where the secrets of providers are not at hand, nobody
    knows which there are."""
    from gateway.assembly.routing import catalog  # noqa: PLC0415 - takes a second, and is asked for here alone
    from gateway.assembly.simulated import with_simulator  # noqa: PLC0415
    from gateway.prices.stored import book_in_use  # noqa: PLC0415

    try:
        found = settings(parsed)
    except Unusable:
        return
    book = book_in_use(found.home, found.prices.overrides, time.time())
    names = catalog(with_simulator(found, ""), lambda: book, time.time)
    for model in models:
        try:
            names.find(model)
        except GatewayError as error:
            print(f"warning: --models: {model}: {error}", file=sys.stderr)


def _later(parsed: argparse.Namespace, *, private: bool) -> dict[str, Any]:
    """What calls say that have time, where they say nothing: each option has the name of their header."""
    try:
        deadline_s = seconds(parsed.deadline) if parsed.deadline else None
        webhook = checked_url(parsed.webhook, private=private) if parsed.webhook else ""
    except BadRequest as error:
        raise Unusable(str(error).replace(PREFIX, "--")) from None
    return {"deadline_s": deadline_s, "webhook": webhook}


def _after(text: str | None, option: str) -> float:
    """A duration in seconds; 0 where none is given."""
    try:
        return duration(text) if text else 0.0
    except ValueError as error:
        raise Unusable(f"{option}: {error}") from None


def _list(parsed: argparse.Namespace) -> int:
    with kept_in(settings_of_books(parsed)) as kept:
        keys = sorted(kept.keys().values(), key=lambda key: key.created)
    print_rows([_row(key, time.time()) for key in keys], _COLUMNS, parsed.format)
    return 0


def _show(parsed: argparse.Namespace) -> int:
    with kept_in(settings_of_books(parsed)) as kept:
        key = kept.key(parsed.id)
    more = {
        "networks": list(key.networks),
        "metadata": dict(key.metadata),
        "deadline_s": key.deadline_s,
        "webhook": key.webhook or None,
    }
    print(json.dumps(_row(key, time.time()) | more, indent=2))
    return 0


def _revoke(parsed: argparse.Namespace) -> int:
    with kept_in(settings_of_books(parsed)) as kept:
        kept.revoke_key(Actor.of_machine(), parsed.id)
    print(f"revoked {parsed.id}", file=sys.stderr)
    return 0


def _rotate(parsed: argparse.Namespace) -> int:
    found = settings_of_books(parsed)
    with kept_in(found) as kept:
        return _tell(*kept.rotate_key(Actor.of_machine(), parsed.id, _after(parsed.grace, "--grace")), found)


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
        "role": key.role,
        "cache": key.cache,
        "created": _date(key.created),
        "expires": _date(key.expires) if key.expires else None,
        "state": state,
    }


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
