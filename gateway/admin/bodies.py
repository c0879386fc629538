"""What the admin API takes: bodies and queries, checked as these types say. The OpenAPI document is made from them."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.admin.documents import RoleName
from gateway.admin.names import Above, Deadline, Id, Metadata, Models, Moment, Networks, Tags, Text, Url
from gateway.front.reports import PAGE_MAX


class Given(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken: a field that nobody knows is refused, for it was meant to do something."""


class NewOrg(Given, frozen=True, kw_only=True):
    """An org to be made."""

    id: Id
    name: Text = ""
    metadata: Metadata = {}


class NewTeam(NewOrg, frozen=True, kw_only=True):
    """A team to be made. Where it belongs does not change later."""

    org: Above = ""


class NewUser(NewTeam, frozen=True, kw_only=True):
    """A user to be made. Where it belongs does not change later."""

    team: Above = ""


class TenantChanges(Given, frozen=True, kw_only=True):
    """What is to change; what is left out stays."""

    name: Text | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class NewKey(Given, frozen=True, kw_only=True):
    """A key to be made. Its org, team and user must be there, and do not change later."""

    alias: Text = ""
    org: Above = ""
    team: Above = ""
    user: Above = ""
    role: RoleName = "caller"
    models: Models = ()
    networks: Networks = ()
    tags: Tags = ()
    metadata: Metadata = {}
    cache: bool = False
    expires: Moment | None = None
    deadline: Deadline | None = None
    webhook: Url = ""


class KeyChanges(Given, frozen=True, kw_only=True):
    """What is to change; what is left out stays."""

    alias: Text | UnsetType = UNSET
    role: RoleName | UnsetType = UNSET
    models: Models | UnsetType = UNSET
    networks: Networks | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    cache: bool | UnsetType = UNSET
    expires: Moment | UnsetType | None = UNSET
    deadline: Deadline | UnsetType | None = UNSET
    webhook: Url | UnsetType = UNSET


class Rotation(Given, frozen=True, kw_only=True):
    """How a key gets another secret."""

    grace: Annotated[str, Meta(max_length=20, description="How long the one before stays good: 1h, 30m.")] = "0s"


class Yes(Given, frozen=True, kw_only=True):
    """Which feed is meant."""

    sha256: Annotated[
        str, Meta(max_length=64, description="That of the quarantine; where another feed waits it is 409. Empty: any.")
    ] = ""


class Page(Given, frozen=True, kw_only=True):
    """Which part of a list."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many at most.")] = 50
    cursor: Annotated[str, Meta(max_length=500, description="`next` of the page before.")] = ""


class KeysPage(Page, frozen=True, kw_only=True):
    """Which part of the keys, and whose."""

    org: Above = ""
    team: Above = ""
    user: Above = ""
