"""Who changes something, and what they may. Pure."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.core.caller import Key, Role
from gateway.core.errors import BadRequest, Forbidden
from gateway.core.limit import Limit
from gateway.core.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Actor:
    """A person or a program at work. Whoever may use the store's own machine is an admin."""

    id: str
    via: str  # "api", "cli" or "start"; the audit log says so.
    alias: str = ""
    role: Role = Role.ADMIN
    team: str = ""  # Of a team's admin.

    @classmethod
    def of_key(cls, key: Key) -> Actor:
        """Whoever holds this key."""
        return cls(key.id, "api", key.alias, key.role, key.caller.team)

    @classmethod
    def of_machine(cls, via: str = "cli") -> Actor:
        """Whoever runs this process."""
        try:
            return cls(getpass.getuser(), via)
        except (OSError, KeyError):  # A user without a name, as in a container.
            return cls("", via)

    @property
    def bound(self) -> bool:
        """Whether it sees and has only what is below its team."""
        return self.role is Role.TEAM_ADMIN

    def reads_key(self, key: Key) -> bool:
        """Whether it may see that key's record."""
        return not self.bound or (bool(self.team) and key.caller.team == self.team)

    def reads_tenant(self, tenant: Tenant) -> bool:
        """Whether it may see that user's record."""
        return not self.bound or (bool(self.team) and tenant.team == self.team)

    def must_have_key(self, key: Key) -> None:
        """A team's admin has the plain keys of its team: with one that may do more, it could do more. Raises
        Forbidden, and BadRequest for a team's admin without a team."""
        if key.role is Role.TEAM_ADMIN and not key.caller.team:
            raise BadRequest("A team's admin belongs to a team.", "team")
        if not self.reads_key(key) or (self.bound and key.role is not Role.CALLER):
            raise Forbidden("A team's admin has only the keys of its own team, and none with a role.")

    def must_have_user(self, tenant: Tenant) -> None:
        """A team's admin has the users of its team. Raises Forbidden."""
        if not self.reads_tenant(tenant):
            raise Forbidden("A team's admin has only the users of its own team.")

    def must_set(self, limit: Limit, beneath: Iterable[Limit], by: Role | None) -> None:
        """`limit` would stand in the place of those beneath; `by` is the role of who has set the rule that it replaces.
        A team's admin may tighten what others have set, and never loosen it. Raises Forbidden."""
        if not self.bound:
            return
        if by is Role.ADMIN:
            raise Forbidden("An admin has set this limit.")
        for ruling in beneath:
            if limit.amount > ruling.amount or replace(limit, node=ruling.node) != replace(ruling, amount=limit.amount):
                raise Forbidden(f"{ruling.id} is set by an admin: a team's admin may only lower its amount.")
