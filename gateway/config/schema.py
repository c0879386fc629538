"""The shape of fareway.yaml. Defaults are written as a user would write them; a test compares them with Settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from gateway.config import fields as f
from gateway.config.schema_caching import CacheSection
from gateway.config.schema_fleet import GpuSection
from gateway.config.schema_routing import AutoSection, ModelSection, RoutingSection
from gateway.config.schema_telling import AlertSection, DeferredSection, ExportSection, TelemetrySection
from gateway.config.schema_training import TrainingSection
from gateway.config.section import Section
from gateway.core.limit import HoldMode, Mode
from gateway.dialects.base import Quirk

WORKERS_MAX = 256


def _off_is_none(value: object) -> object:
    return {} if value is None else None if value is False or value == "off" else value


class ServerSection(Section):
    """Where and how to listen."""

    host: str = Field(default="127.0.0.1", min_length=1, description="The address to listen on; 0.0.0.0 for every one.")
    port: f.Whole = Field(default=4000, ge=0, le=65535, description="0 takes a free one.")
    workers: f.Whole = Field(
        default=1,
        ge=1,
        le=WORKERS_MAX,
        description="Processes that share the port, the books and all limits; one a core.",
    )
    body_max: f.Size = Field(
        default="32MiB", validate_default=True, description="The largest request: as large as Anthropic takes."
    )
    header_timeout: f.Duration = Field(
        default="10s", validate_default=True, description="For all headers of a request."
    )
    body_timeout: f.Duration = Field(default="30s", validate_default=True, description="Between two pieces of a body.")
    calls_max: f.Whole = Field(
        default=10_000,
        ge=2,
        description="Calls under way at once in each process; others are turned away with a 503. One key may have as "
        "many of them as are left, so no more than half.",
    )
    bodies_max: f.Size = Field(
        default="1GiB",
        validate_default=True,
        description="The bodies of all calls under way in each process together, which take about twice as much "
        "memory; others are turned away with a 503. One key may have as much of it as is left.",
    )
    ready_grace: f.DurationOrZero = Field(
        default="100ms",
        validate_default=True,
        description="How long, when it stops, it says that it is not ready before it takes no more connections: "
        "more than a load balancer needs to notice.",
    )
    drain: f.DurationOrZero = Field(
        default="30s", validate_default=True, description="How long calls in flight may run on when the gateway stops."
    )
    trusted_proxies: list[f.Network] = Field(
        default_factory=list, description="Networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8."
    )
    metrics: f.Metrics = Field(
        default="open", description="Who may read /metrics: anybody (open), an admin's key (key), or nobody (off)."
    )
    admin_host: str = Field(default="127.0.0.1", min_length=1, description="The address of the admin API.")
    admin_port: f.AdminPort | None = Field(
        default=None, description="Its port, or off; left out, the one after port: 4001."
    )


class JournalSection(Section):
    """The file that a killed process is recovered from."""

    dir: str | None = Field(
        default=None, min_length=1, description="Its directory; journal in the home directory if left out."
    )
    sync: f.Sync = Field(
        default="50ms",
        validate_default=True,
        description="How often it is forced to disk: a duration, before every call (always), or never (os).",
    )


class ProviderSection(Section):
    """Who answers calls. A known provider needs a key; another one a base_url, and is asked as OpenAI is."""

    kind: str | None = Field(
        default=None,
        min_length=1,
        description="A known provider that this is another one of, with a name of its own: a second account at openai, "
        "or sim, the built-in simulator.",
    )
    key: f.Secret | None = Field(
        default=None, description="By reference only. Known providers: left out, from their variable."
    )
    base_url: f.BaseUrl | None = Field(default=None, description="Paths such as /chat/completions are appended to it.")
    base_urls: list[f.BaseUrl] = Field(
        default_factory=list,
        description="Several engines of your own with the same models behind this one name, instead of base_url.",
    )
    gpu: GpuSection | None = Field(default=None, description="The machine below each of them.")
    auth: f.HeaderName | None = Field(
        default=None, description="bearer, or the name of the header that carries the bare key."
    )
    headers: dict[f.HeaderName, f.HeaderValue] = Field(
        default_factory=dict, description="Sent with every call; secrets by reference only."
    )
    prices: str | None = Field(
        default=None, min_length=1, description="Its name in the price book, if that is another one."
    )
    selfhosted: bool | None = Field(default=None, description="Whether it runs on your own machines.")
    bills_after_abort: bool | None = Field(default=None, description="Whether it goes on charging when we hang up.")
    dialects: frozenset[f.DialectName] | None = Field(
        default=None, min_length=1, description="What it speaks; another one than the known: OpenAI's older ones."
    )
    region: str | None = Field(default=None, min_length=1, description="Where it runs, if that matters: eu-west-1, eu.")
    project: str | None = Field(default=None, min_length=1, description="The project, at Vertex AI.")
    cache_tokens: f.Whole | None = Field(
        default=None,
        ge=1,
        description="Tokens of prompts that each model keeps in its cache, on your own machines; 3000000 if left out.",
    )
    quirks: frozenset[Quirk] | None = Field(default=None, description="How it departs from OpenAI's chat.")


class TimeoutsSection(Section):
    """Towards providers."""

    connect: f.Duration = Field(default="5s", validate_default=True, description="To be connected.")
    first_byte: f.Duration = Field(
        default="120s", validate_default=True, description="From the request to the first byte."
    )
    idle: f.Duration = Field(default="60s", validate_default=True, description="Between two pieces of an answer.")
    total: f.Duration = Field(
        default="600s",
        validate_default=True,
        description="For a whole answer, less what its caller is waited for.",
    )


class PricesSection(Section):
    """Where prices come from, after the bundled snapshot."""

    feed: f.Feed = Field(default="off", validate_default=True, description="off, or the URL of a genai-prices file.")
    every: f.Duration = Field(default="1h", validate_default=True, description="How often the feed is asked.")
    guard: f.Factor = Field(
        default="3x",
        validate_default=True,
        description="A feed that moves a price in use by more than this is set aside.",
    )
    unknown: Literal["refuse", "allow"] = Field(
        default="refuse", description="What a hard budget does without a price."
    )
    overrides: list[f.Price] = Field(default_factory=list, description="Your own prices, which win over all others.")


class LimitSection(Section):
    """One rule: who may use how much, in which window."""

    node: f.Node = Field(
        description="all, or org:x, team:x, user:x, key:<id>, tag:x, provider:x, tier:x, model:x, or several of them "
        "with spaces between, which must all hold; x may be *: each has a limit of its own."
    )
    amount: f.LimitAmount = Field(
        description="500 usd, $500, 60000 tokens, 9000 output tokens, 600 requests or 8 concurrent."
    )
    window: f.Window | None = Field(
        default=None,
        description="second to quarter, lifetime, or the last so much time: rolling 30d. Left out for concurrent, and "
        "only there.",
    )
    start: f.WindowStart | None = Field(
        default=None,
        description="Where windows begin. Of a day: 09:00. Of a week: sunday, or sunday 06:00. Of a month or quarter, "
        "its day: 15, or 15 09:00; 31 is the last one of a shorter month.",
    )
    timezone: f.Timezone = Field(default="UTC", description="Where the window's days begin.")
    mode: Mode = Field(default=Mode.HARD, description="hard refuses, soft tells, shadow only counts.")
    hold: HoldMode = Field(default=HoldMode.PROGRESSIVE, description="How much a streamed call sets aside.")
    alert: list[f.Percent] = Field(
        default_factory=list, max_length=20, description="Tell once so much of the amount is spent: [50%, 80%, 100%]."
    )
    store_outage: f.Outage = Field(
        default="refuse",
        validate_default=True,
        description="Without the store that gateways share, once what is leased is spent: refuse, or an allowance.",
    )
    on_reached: f.OnReached = Field(
        default="refuse",
        validate_default=True,
        description="What becomes of a call that does not fit: refuse, fit, downgrade <tier>, queue <duration>.",
    )


class FarewayFile(Section):
    """The configuration of Fareway. Everything has a default; without any file, providers come from the environment."""

    home: str | None = Field(
        default=None, min_length=1, description="The data directory: $FAREWAY_HOME, or else ~/.fareway."
    )
    state: f.State | None = Field(
        default=None,
        description="Keys and leases: a file, else state.db in the home directory; or a Redis that gateways share. "
        "For a cluster, any of its nodes with ?cluster=true.",
    )
    pepper: f.Secret | None = Field(
        default=None, description="What keys are hashed with. By reference only; else a file in the home directory."
    )
    ledger: f.Ledger | None = Field(
        default=None,
        description="What was charged: a file, else ledger.db in the home directory; or a PostgreSQL.",
    )
    server: ServerSection = Field(default_factory=ServerSection)
    journal: JournalSection = Field(default_factory=JournalSection)
    providers: dict[
        f.ProviderName,
        Annotated[
            ProviderSection | None,
            BeforeValidator(_off_is_none, json_schema_input_type=ProviderSection | Literal["off", False] | None),
        ],
    ] = Field(default_factory=dict, description="By name. Those whose key is in the environment need not be here.")
    models: dict[f.ModelName, ModelSection] = Field(default_factory=dict, description="The names that callers use.")
    aliases: dict[f.ModelName, f.ModelName] = Field(default_factory=dict, description="Other names for them.")
    tiers: dict[Literal["premium", "standard", "economy"], list[str]] = Field(
        default_factory=dict, description="Which models or deployments are of which class."
    )
    auto: AutoSection = Field(default_factory=AutoSection)
    routing: RoutingSection = Field(default_factory=RoutingSection)
    timeouts: TimeoutsSection = Field(default_factory=TimeoutsSection)
    cache: CacheSection = Field(default_factory=CacheSection)
    prices: PricesSection = Field(default_factory=PricesSection)
    deferred: DeferredSection = Field(default_factory=DeferredSection)
    telemetry: TelemetrySection = Field(default_factory=TelemetrySection)
    alerts: list[AlertSection] = Field(default_factory=list, description="Who is told what happens.")
    exports: list[ExportSection] = Field(default_factory=list, description="Files of every day, for other programs.")
    training: TrainingSection = Field(default_factory=TrainingSection)
    limits: list[LimitSection] = Field(default_factory=list, description="Budgets and rate limits alike.")
