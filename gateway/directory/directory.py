"""Changing what is kept. Each change is one write, made with its line in the audit log or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from msgspec import structs

from gateway.core.caller import Caller, Key
from gateway.core.clearing import Clearing
from gateway.core.errors import BadRequest, Conflict, Forbidden, NotFound
from gateway.core.limit import Limit
from gateway.core.node import kind_of, parts
from gateway.core.tenant import Drain, Rule, Tenant
from gateway.directory.actor import Actor
from gateway.directory.audited import Audited
from gateway.directory.rules import beneath
from gateway.stores.registry import (
    Kind,
    Registry,
    clearing_of,
    drain_of,
    drains_of,
    key_of,
    keys_of,
    rule_of,
    rules_of,
    tenant_of,
)
from gateway.tenants import new_key, rotated

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}")
"""Of an org, a team or a user: it stands in the names of limits and accounts, in addresses and in reports."""

_SINGULAR = {Kind.ORGS: "org", Kind.TEAMS: "team", Kind.USERS: "user", Kind.KEYS: "key", Kind.RULES: "limit"}

T = TypeVar("T")


class Directory:
    """See the package. Every method may raise Unavailable, and GatewayErrors that say what is wrong."""

    def __init__(self, registry: Registry, pepper: Callable[[], bytes], clock: Callable[[], float]) -> None:
        """`pepper` is asked for where a secret is hashed, and nowhere else: without it keys can still be revoked."""
        self._registry = registry
        self._audited = Audited(registry, clock)
        self._pepper = pepper
        self._clock = clock

    # What there is.

    def keys(self) -> dict[str, Key]:
        """Every key, revoked ones included, by its id."""
        return keys_of(self._registry.all(Kind.KEYS))

    def key(self, name: str) -> Key:
        """One key."""
        return self._found(Kind.KEYS, name, key_of)

    def tenants(self, kind: Kind) -> dict[str, Tenant]:
        """Every org, team or user, by its id."""
        return {name: tenant_of(record) for name, record in self._registry.all(kind).items()}

    def tenant(self, kind: Kind, name: str) -> Tenant:
        """One org, team or user."""
        return self._found(kind, name, tenant_of)

    def rules(self) -> dict[str, Rule]:
        """Every limit that was set at run time, by its id."""
        return rules_of(self._registry.all(Kind.RULES))

    # Orgs, teams and users.

    def add_tenant(self, actor: Actor, kind: Kind, tenant: Tenant) -> Tenant:
        """A new one, below those that it names."""
        if not ID.fullmatch(tenant.id):
            raise BadRequest(
                "An id is up to 100 letters, digits and . _ @ + -, and begins with one of the first.", "id"
            )
        above = self.placed(Caller(org=tenant.org, team=tenant.team))
        made = structs.replace(tenant, org=above.org, created=self._clock())
        if kind is Kind.USERS:
            actor.must_have_user(made)

        def add(old: Tenant | None) -> Tenant:
            if old is not None:
                raise Conflict(f"There is a {_SINGULAR[kind]} {tenant.id!r} already.")
            return made

        return self._audited.change(actor, "create", kind, tenant.id, decode=tenant_of, step=add) or made

    def change_tenant(self, actor: Actor, kind: Kind, name: str, changes: dict[str, Any]) -> Tenant:
        """Other words for people. Where it belongs does not change: what was spent below it would have to move."""

        def change(old: Tenant | None) -> Tenant:
            there = _there(old, kind, name)
            if kind is Kind.USERS:
                actor.must_have_user(there)
            return structs.replace(there, **changes)

        return _there(self._audited.change(actor, "update", kind, name, decode=tenant_of, step=change), kind, name)

    def remove_tenant(self, actor: Actor, kind: Kind, name: str) -> None:
        """Take it away. Raises Conflict while a good key, or another of them, belongs to it."""
        level, now = _SINGULAR[kind], self._clock()
        below = [key.id for key in self.keys().values() if getattr(key.caller, level) == name and key.good(now)]
        for lower in (Kind.TEAMS, Kind.USERS):
            below += [one.id for one in self.tenants(lower).values() if getattr(one, level, "") == name]

        def remove(old: Tenant | None) -> None:
            there = _there(old, kind, name)
            if kind is Kind.USERS:
                actor.must_have_user(there)
            if below:
                raise Conflict(f"{below[0]} belongs to it, and {len(below) - 1} more: revoke or delete these first.")

        self._audited.change(actor, "delete", kind, name, decode=tenant_of, step=remove)

    def placed(self, caller: Caller) -> Caller:
        """The chain above, completed: a user's team, a team's org. Raises BadRequest for what is not there, or belongs
        elsewhere: a key with a misspelled team would have no limits."""
        org, team = caller.org, caller.team
        if caller.user:
            user = self._named(Kind.USERS, caller.user)
            if user.team:  # Else it may have keys in any.
                team = _same("team", team, user.team, caller.user)
            if user.org:
                org = _same("org", org, user.org, caller.user)
        if team:
            org = _same("org", org, self._named(Kind.TEAMS, team).org, team)
        if org:
            self._named(Kind.ORGS, org)
        return structs.replace(caller, org=org, team=team)

    def make_missing(self, actor: Actor, caller: Caller) -> None:
        """Make the org, the team and the user that this names and that are not there yet."""
        chain = (
            (Kind.ORGS, Tenant(caller.org)),
            (Kind.TEAMS, Tenant(caller.team, org=caller.org)),
            (Kind.USERS, Tenant(caller.user, org=caller.org, team=caller.team)),
        )
        for kind, tenant in chain:
            if tenant.id and self._registry.find(kind, tenant.id) is None:
                self.add_tenant(actor, kind, tenant)

    # Keys.

    def add_key(self, actor: Actor, template: Key) -> tuple[Key, str]:
        """A new key like this one, and its token."""
        key, token = new_key(
            self._pepper(), replace(template, caller=self.placed(template.caller), created=self._clock())
        )
        actor.must_have_key(key)
        self._audited.change(actor, "create", Kind.KEYS, key.id, decode=key_of, step=lambda _: key)
        return key, token

    def change_key(self, actor: Actor, name: str, changes: dict[str, Any]) -> Key:
        """Other words, models, networks, tags, metadata, role or end; `tags` are the caller's."""

        def change(key: Key) -> Key:
            if "tags" in changes:
                key = replace(key, caller=structs.replace(key.caller, tags=changes["tags"]))
            return replace(key, **{field: value for field, value in changes.items() if field != "tags"})

        return self._change_key(actor, "update", name, change)

    def revoke_key(self, actor: Actor, name: str) -> Key:
        """End a key for good."""
        return self._change_key(actor, "revoke", name, lambda key: replace(key, revoked=True, former_until=0.0))

    def rotate_key(self, actor: Actor, name: str, grace_s: float) -> tuple[Key, str]:
        """Give a key another secret; the one before is good for so many seconds more. Returns the token."""
        tokens = []

        def change(key: Key) -> Key:
            if not key.good(self._clock()):
                raise Conflict("This key is revoked or expired.")
            key, token = rotated(self._pepper(), key, self._clock() + grace_s)
            tokens.append(token)
            return key

        return self._change_key(actor, "rotate", name, change), tokens[-1]

    def _change_key(self, actor: Actor, verb: str, name: str, change: Callable[[Key], Key]) -> Key:
        def checked(old: Key | None) -> Key:
            key = _there(old, Kind.KEYS, name)
            actor.must_have_key(key)
            new = change(key)
            actor.must_have_key(new)
            return new

        return _there(self._audited.change(actor, verb, Kind.KEYS, name, decode=key_of, step=checked), Kind.KEYS, name)

    # Rules.

    def set_rule(self, actor: Actor, limit: Limit, configured: Sequence[Limit]) -> Rule:
        """This limit counts from now on, in the place of another one for the same node, unit and window."""
        self._must_have_node(actor, limit.node)
        ruling = beneath(limit, configured, self.rules().values())

        def put(old: Rule | None) -> Rule:
            actor.must_set(limit, ruling, old.by if old is not None else None)
            return Rule(limit, actor.role)

        rule = self._audited.change(actor, "set", Kind.RULES, limit.id, decode=rule_of, step=put)
        return _there(rule, Kind.RULES, limit.id)

    def unset_rule(self, actor: Actor, name: str) -> None:
        """Forget a limit that was set at run time; the configuration's counts again, if it has one."""

        def drop(old: Rule | None) -> None:
            rule = _there(old, Kind.RULES, name)
            self._must_have_node(actor, rule.limit.node)
            actor.must_set(rule.limit, (), rule.by)

        self._audited.change(actor, "unset", Kind.RULES, name, decode=rule_of, step=drop)

    def clear_answers(self, actor: Actor, clearing: Clearing) -> None:
        """No process gives an answer any more that this covers. A later one for the same takes its place."""
        self._audited.change(actor, "clear", Kind.CACHE, clearing.id, decode=clearing_of, step=lambda _: clearing)

    # Backends.

    def drains(self) -> dict[str, Drain]:
        """Every backend that gets no new calls, by its id."""
        return drains_of(self._registry.all(Kind.DRAINS))

    def drain(self, actor: Actor, backend: str) -> Drain:
        """This backend gets no new calls, until it is resumed. Saying so again changes nothing."""
        drain = Drain(self._clock(), actor.alias or actor.id)

        def step(old: Drain | None) -> Drain:
            return old or drain

        return self._audited.change(actor, "drain", Kind.DRAINS, backend, decode=drain_of, step=step) or drain

    def resume(self, actor: Actor, backend: str) -> None:
        """It gets calls again."""
        self._audited.change(actor, "resume", Kind.DRAINS, backend, decode=drain_of, step=lambda _: None)

    def reads_node(self, actor: Actor, node: str) -> bool:
        """Whether this actor may see the limits of that node."""
        return not actor.bound or f"team:{actor.team}" in parts(node) or self._has_node(actor, node)

    def _must_have_node(self, actor: Actor, node: str) -> None:
        if actor.bound and not self._has_node(actor, node):
            raise Forbidden("A team's admin sets limits only of the keys and users of its own team.")

    def _has_node(self, actor: Actor, node: str) -> bool:
        """Whether one of its parts names a key or a user of the team: the others only make it narrower."""
        return any(self._has_part(actor, kind_of(part), part.partition(":")[2]) for part in parts(node))

    def _has_part(self, actor: Actor, kind: str, name: str) -> bool:
        if kind == "user":
            record = self._registry.find(Kind.USERS, name)
            return record is not None and actor.reads_tenant(tenant_of(record))
        record = self._registry.find(Kind.KEYS, name) if kind == "key" else None
        return record is not None and actor.reads_key(key_of(record))

    def _named(self, kind: Kind, name: str) -> Tenant:
        record = self._registry.find(kind, name)
        if record is None:
            raise BadRequest(f"There is no {_SINGULAR[kind]} {name!r}: make it first.", _SINGULAR[kind])
        return tenant_of(record)

    def _found(self, kind: Kind, name: str, decode: Callable[[bytes], T]) -> T:
        record = self._registry.find(kind, name)
        return _there(decode(record) if record is not None else None, kind, name)


def _there(found: T | None, kind: Kind, name: str) -> T:
    if found is None:
        raise NotFound(f"There is no {_SINGULAR[kind]} {name!r}.")
    return found


def _same(level: str, given: str, known: str, name: str) -> str:
    """What stands above `name`: as it is kept, and not otherwise."""
    if given and given != known:
        raise BadRequest(f"{name!r} belongs to {f'the {level} {known!r}' if known else f'no {level}'}.", level)
    return known
