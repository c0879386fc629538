"""What the configuration says, as immutable values. Durations are seconds, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.alerts.sending import Target as AlertTarget
from gateway.cache.embedding import LEXICAL
from gateway.cache.scope import Scope
from gateway.catalog.providers import Provider
from gateway.core.limit import Limit
from gateway.core.money import Money
from gateway.difficulty.guard import Terms
from gateway.fleet.machine import Machine
from gateway.prices.overrides import Override


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to listen."""

    host: str = "127.0.0.1"
    port: int = 4000
    workers: int = 1  # Processes that share the port, the home and all limits.
    body_bytes_max: int = 32 << 20
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0  # Between two pieces of a body.
    ready_grace_s: float = 0.1  # How long it is not ready and still takes connections, at the end.
    drain_s: float = 30.0  # After that: how long calls in flight may run on at the end.
    trusted_proxies: tuple[str, ...] = ()  # Networks whose X-Forwarded-For is believed.
    calls_max: int = 10_000  # Under way at once, in each process. A key may have as many as are left.
    bodies_bytes_max: int = 1 << 30  # Of all calls under way together. The same of a key.
    metrics: str = "open"  # Who may read /metrics: open | key | off.
    admin: bool = True  # Whether the admin API is served,
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None  # None: the one after `port`.

    @property
    def admin_at(self) -> int:
        """The port of the admin API; 0 for a free one, as where `port` is."""
        if self.admin_port is not None:
            return self.admin_port
        return self.port + 1 if self.port else 0


@dataclass(frozen=True, slots=True)
class Target:
    """A deployment by name, as a model lists it."""

    to: str  # "openai/gpt-4o-mini"
    weight: int = 1
    output_tokens_max: int | None = None


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """A policy by dotted name, and its parameters."""

    policy: str = "policies.cheapest"
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Routing:
    """How calls find their way."""

    choice: PolicyChoice = PolicyChoice()
    auto: PolicyChoice = PolicyChoice("policies.tiered")
    named: Mapping[str, PolicyChoice] = field(default_factory=dict)  # For single names of `models`.
    fallback: int = 2  # Further candidates to try, at most.
    retry_rounds: int = 1  # Times to go through the plan again after a wait.
    retry_budget: float = 0.1  # Share of recent calls that may be repeats.
    breaker_failures: int = 5  # In a row, before a deployment is left alone for a while.
    breaker_open_s: float = 10.0
    baseline: str = ""  # The deployment that routing is compared with; empty: the cheapest of the best tier.
    guard: Terms | None = None  # None: nothing is held back.
    difficulty: Path | None = None  # The difficulty model; None: the one that comes with the gateway.


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Towards providers."""

    connect_s: float = 5.0
    first_byte_s: float = 120.0
    idle_s: float = 60.0
    total_s: float = 600.0


@dataclass(frozen=True, slots=True)
class SemanticCache:
    """Answers to similar questions; used by requests that ask for it."""

    errors: float = 0.05  # The share of given answers that may be wrong.
    verify: float = 0.1  # The share of hits that is asked anyway.
    questions_max: int = 10_000
    embed: str = LEXICAL


@dataclass(frozen=True, slots=True)
class Cache:
    """The response cache; used by keys or requests that ask for it."""

    ttl_s: float = 3600.0
    bytes_max: int = 256 << 20
    shared: bool = False  # Answers also outlive the process, and are shared by all that share the state.
    scope: Scope = Scope.KEY
    tools: bool = False  # Answers that call tools are kept, too.
    semantic: SemanticCache | None = None
    prompt: str = "keep"  # keep | watch | improve: what is done for providers' prompt caches.


@dataclass(frozen=True, slots=True)
class Prices:
    """Where prices come from."""

    feed_url: str | None = None
    feed_every_s: float = 3600.0
    guard_factor: int = 3
    unknown: str = "refuse"  # Under a hard budget: refuse | allow. Without one, calls pass as unpriced.
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Otel:
    """An OpenTelemetry collector."""

    endpoint: str  # The base URL of OTLP over HTTP.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    sample: float = 1.0  # The share of traces kept that begin here.
    content: bool = False  # Whether what is asked and answered is told, too.
    conventions: str | None = None  # v1.36 | latest; None: what the environment says.


@dataclass(frozen=True, slots=True)
class ExportTo:
    """Where a file of every day goes, and what is in it."""

    to: str  # A path, or s3://bucket/prefix.
    format: str  # csv, json, parquet or focus.
    focus_version: str


@dataclass(frozen=True, slots=True)
class Training:
    """How training jobs are metered."""

    approve_above: Money | None = None  # None: none waits for a yes.
    interval_s: float = 300.0
    silent_after_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Deferred:
    """Calls whose answers may come later."""

    waiting: int = 1000  # Of one key.
    batch_s: float = 900.0  # The least that a batch is given.
    collect_s: float = 20.0  # For which a call waits for others to share a batch with.
    margin_s: float = 10.0  # Before the deadline, beside what a call takes.
    keep_s: float = 7 * 86_400.0  # For an answer that nobody fetches.
    private_webhooks: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything."""

    home: Path
    state: Path  # Keys and leases, unless they are shared.
    ledger: Path  # Unless it is in PostgreSQL.
    journal: Path
    journal_sync_s: float = 0.05  # gateway.ledger.journal.SYNC_ALWAYS and SYNC_NEVER are special.
    server: Server = Server()
    providers: Mapping[str, Provider] = field(default_factory=dict)  # Only those enabled, by name.
    left_alone: tuple[str, ...] = ()  # A sentence for each key in the environment that enables none of these.
    machines: Mapping[str, Machine] = field(default_factory=dict)  # Below each backend of a provider, by its name.
    models: Mapping[str, tuple[Target, ...]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    tiers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # Tier -> names of models or deployments.
    routing: Routing = Routing()
    timeouts: Timeouts = Timeouts()
    cache: Cache = Cache()
    prices: Prices = Prices()
    limits: tuple[Limit, ...] = ()
    alerts: tuple[AlertTarget, ...] = ()
    exports: tuple[ExportTo, ...] = ()
    otel: Otel | None = None  # None: nothing is traced.
    training: Training = Training()
    deferred: Deferred = Deferred()
    shared: str | None = field(default=None, repr=False)  # The address of a Redis with the keys and leases of several.
    ledger_url: str | None = field(default=None, repr=False)  # The address of a PostgreSQL that has the ledger.
    pepper: bytes | None = field(default=None, repr=False)  # What keys are hashed with; None: a file in the home.
