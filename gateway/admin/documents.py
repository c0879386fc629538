"""What the admin API gives. The OpenAPI document is made from these types. Amounts are decimal text."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, defstruct

from gateway.core.limit import Start
from gateway.front.own_key import LimitState
from gateway.front.together import Doing, Replica

RoleName = Literal["caller", "viewer", "team-admin", "admin"]


class Shown(Struct, frozen=True, kw_only=True):
    """What is given."""


# Orgs, teams and users.


class Org(Shown, frozen=True, kw_only=True):
    """An org."""

    id: str
    name: str
    metadata: dict[str, str]
    created: str


class Team(Org, frozen=True, kw_only=True):
    """A team, and the org that it belongs to."""

    org: str


class User(Team, frozen=True, kw_only=True):
    """A user, and the team and org that it belongs to."""

    team: str


# Keys.


class Key(Shown, frozen=True, kw_only=True):
    """A key, without its secret."""

    id: str
    alias: str
    org: str
    team: str
    user: str
    role: RoleName
    models: tuple[str, ...]
    networks: tuple[str, ...]
    tags: tuple[str, ...]
    metadata: dict[str, str]
    cache: bool
    created: str
    expires: str | None
    former_secret_until: str | None  # Null where only one secret is good.
    deadline_s: float | None  # By when its calls want their answers where they do not say; null: at once.
    webhook: str
    state: Literal["good", "expired", "revoked"]


class KeyWithToken(Shown, frozen=True, kw_only=True):
    """A key and its token, which is shown only now."""

    key: Key
    token: str


# Limits.


class Limit(Shown, frozen=True, kw_only=True):
    """A limit in force. `state` is of the window that runs; null where it is of many nodes, or of where calls go."""

    id: str
    node: str
    unit: str
    amount: str
    window: str
    start: Start
    timezone: str
    mode: str
    hold: str
    alert: tuple[int, ...]  # Percentages of the amount that are told once they are spent.
    store_outage: str | None  # What each replica may hold without the store; null: what is leased and no more.
    source: Literal["configuration", "api"]
    set_by: RoleName | None  # The role of who set it; null for the configuration's, which cannot be changed here.
    state: LimitState | None = None


# Reports.


class Elsewhere(Shown, frozen=True, kw_only=True):
    """A deployment that the name in a call leads to."""

    deployment: str
    tier: str
    cost_usd: str | None  # What the same tokens cost there now; null where no price is known.
    chosen: bool


class Story(Shown, frozen=True, kw_only=True):
    """All entries of one request, as GET /v1/requests/{id} tells them, and where else it could have gone."""

    object: str
    id: str
    cost_usd: str | None  # Null where one of them has no price.
    entries: list[dict[str, Any]]
    elsewhere: list[Elsewhere]


class Budget(Shown, frozen=True, kw_only=True):
    """A limit in the window that runs, and how fast it is used up."""

    limit: str  # Its id.
    state: LimitState
    alert: tuple[int, ...]  # Percentages that are told once they are spent.
    burn: float | None  # At 1 it lasts just to the end of its window; null where that has none.
    runs_out: str | None  # When nothing will be left at the pace of late; null where it lasts.


class BudgetList(Shown, frozen=True, kw_only=True):
    """Budgets of whoever has called since this process began, and all that stand for one node."""

    data: list[Budget]
    more: bool  # There are others, further from their end.


class Savings(Shown, frozen=True, kw_only=True):
    """What was paid, and what the models that were asked for would have cost: the list price of now, uncached."""

    since: str
    until: str
    paid_usd: str
    baseline_usd: str
    uncompared_usd: str  # Of what was paid: for names that nothing is known to compare with.
    saved_usd: dict[Literal["cache", "routing", "prompt_cache", "own_gpus"], str]  # Negative where it cost more.


class DeploymentList(Shown, frozen=True, kw_only=True):
    """All deployments that were asked since the gateway began: the worst that any worker has seen of late."""

    data: list[Doing]


class Newest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many of them."""

    limit: Annotated[int, Meta(ge=1, le=200, description="How many at most.")] = 50


class AlertLine(Shown, frozen=True, kw_only=True):
    """An alert, and what became of it at one target."""

    id: str
    kind: str
    at: str
    sentence: str
    target: str
    attempts: int
    delivered: str | None
    again_at: str | None  # When it is tried next.
    problem: str


class AlertList(Shown, frozen=True, kw_only=True):
    """The newest alerts."""

    data: list[AlertLine]


class AuditLine(Shown, frozen=True, kw_only=True):
    """Who did what, when. Never a secret."""

    number: int
    at: str
    actor: str  # The id of a key, or a user of the machine.
    alias: str
    via: str  # api, cli or start.
    action: str
    of: str
    before: Any
    after: Any


class Replicas(Shown, frozen=True, kw_only=True):
    """Every process of this gateway that answers, and the others that share its limits."""

    data: list[Replica]
    others: dict[str, float]  # By name: seconds since each was last heard of.


class Health(Shown, frozen=True, kw_only=True):
    """Whether all is well. `degraded`: a worker does not answer, a deployment is left alone, or books disagree."""

    status: Literal["ok", "degraded"]
    version: str
    workers: int  # That answered,
    workers_expected: int  # of so many.
    drift_units: int
    deployments_left_alone: list[str]
    prices: str


class Router(Shown, frozen=True, kw_only=True):
    """How the guard judges policies that predict, as this worker sees it: the others do within a minute. Floats are
    statistics, in dollars a call."""

    guarded: bool  # All else says nothing where it is false.
    on: bool
    fixed: str  # What it is compared with; empty: the cheapest of the best tier.
    comparisons: int  # That have ended.
    verdict: str  # Of the last of them.
    routed_ratings: int  # Of the one that runs,
    held_back_ratings: int
    routed_worth: float | None  # with their mean worth; null before any,
    held_back_worth: float | None
    difference: float | None  # and what a routed call is worth more; null before it is known,
    margin: float | None  # give or take.


# Prices.


class PriceFeed(Shown, frozen=True, kw_only=True):
    """The feed in use."""

    id: str
    date: str
    pinned: bool
    quarantined: bool  # Another one waits for a yes.
    providers: dict[str, int]  # How many models of each have a price.


class Quarantine(Shown, frozen=True, kw_only=True):
    """The feed that waits for a yes."""

    waiting: bool
    id: str | None
    date: str | None
    sha256: str | None  # To say yes to this one and no other.
    reasons: tuple[str, ...]


class Approval(Shown, frozen=True, kw_only=True):
    """Whether a feed waited."""

    approved: bool


class Rate(Shown, frozen=True, kw_only=True):
    """One rate of a price: dollars, and what for."""

    tier: str
    above_tokens: int
    rate: str
    usd: str
    per: str


class ModelPrice(Shown, frozen=True, kw_only=True):
    """What a model costs now."""

    provider: str
    model: str
    price: str
    rates: list[Rate]


# Around them.


class ErrorDetail(Shown, frozen=True, kw_only=True):
    """What is wrong."""

    code: str
    message: str
    param: str | None  # The path of the field at fault, such as $.models[0].
    request_id: str


class Error(Shown, frozen=True, kw_only=True):
    """Every refusal."""

    error: ErrorDetail


def page_of(document: type[Struct]) -> type[Struct]:
    """The type of a list of these: `data`, and `next` for the page after it, null at the end."""
    described = {"__doc__": f"A part of a list, and where it goes on (type {document.__name__})."}
    fields = [("data", list[document]), ("next", str | None)]  # type: ignore[valid-type]
    return defstruct(f"{document.__name__}List", fields, frozen=True, kw_only=True, namespace=described)
