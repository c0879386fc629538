"""Parts that follow from the settings alone: a running gateway uses them, and so do commands that run none."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import KNOWN, Deployment, Provider
from gateway.config.settings import Settings, Target
from gateway.directory.directory import Directory
from gateway.journey.routing import Router
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.limits.leases import Leases
from gateway.plugins import load_policy
from gateway.prices.book import PriceBook
from gateway.prices.current import Pricing
from gateway.prices.stored import Shelf
from gateway.simulator import Running
from gateway.simulator import Settings as SimulatorSettings
from gateway.simulator import start as start_simulator
from gateway.stores.claims import Claims
from gateway.stores.clock import StoreClock
from gateway.stores.registry import Registry
from gateway.stores.sqlite import SqliteStore
from gateway.stores.sqlite_claims import SqliteClaims
from gateway.stores.sqlite_registry import SqliteRegistry, load_pepper
from gateway.telemetry.metrics import Gauges, Metrics
from gateway.tokens.calibration import Calibration
from gateway.upstream.aws import AwsSigner
from gateway.upstream.google import GoogleSigner
from gateway.upstream.health import Health
from gateway.upstream.signing import Signer
from gateway.upstream.wire import Wire

if TYPE_CHECKING:
    from gateway.stores.redis_leases import RedisStore

LEDGER_RETRY_S = 1.0
"""How long a gateway that starts waits before it asks again for a ledger that is not there."""

SIMULATED_TIERS = {"premium": ("sim/sim-large",), "standard": ("sim/sim-medium",), "economy": ("sim/sim-small",)}

log = logging.getLogger("fareway.ledger")


def catalog(settings: Settings, book: Callable[[], PriceBook], clock: Callable[[], float]) -> Catalog:
    """The names that these settings give to deployments."""
    models = {
        name: tuple(_deployment(target, settings.providers) for target in targets)
        for name, targets in settings.models.items()
    }
    return Catalog(settings.providers, book, clock, models, settings.aliases, settings.tiers)


def router(
    settings: Settings,
    names: Catalog,
    health: Health,
    clock: Callable[[], float],
    calibration: Calibration | None = None,
) -> Router:
    """The router with the policies that these settings name."""
    routing = settings.routing
    return Router(
        names,
        health,
        clock,
        policy=(load_policy(routing.choice.policy), routing.choice.params),
        auto=(load_policy(routing.auto.policy), routing.auto.params),
        fallback=routing.fallback,
        calibration=calibration,
    )


def signers(settings: Settings) -> dict[str, Signer]:
    """Who signs calls, by provider. Raises NoSigner where a package is missing for that."""
    keyless = [provider for provider in settings.providers.values() if not provider.key]
    google: dict[str, Signer] = {p.name: GoogleSigner.default() for p in keyless if p.auth == "google"}
    return google | {p.name: AwsSigner.default(p.region) for p in keyless if p.auth == "sigv4"}


def needs_simulator(settings: Settings) -> bool:
    """Whether the built-in simulator has to run: there is no provider at all, or one of its kind without an address."""
    return not all(provider.base_url for provider in settings.providers.values()) or not settings.providers


async def started_simulator(home: Path, port: int = 0) -> Running:
    """The built-in simulator, on a port of its own."""
    return await start_simulator(SimulatorSettings(bill=home / "simulator-bill.jsonl"), "127.0.0.1", port)


def with_simulator(settings: Settings, url: str) -> Settings:
    """These settings with the simulator's address where none is given. Without a provider, it is the only one."""
    tiers = settings.tiers if settings.providers else settings.tiers or SIMULATED_TIERS
    providers = settings.providers or {"sim": KNOWN["sim"]}
    found = {name: p if p.base_url else replace(p, base_url=f"{url}/v1") for name, p in providers.items()}
    return replace(settings, providers=found, tiers=tiers)


def wire(settings: Settings) -> Wire:
    """The network towards providers."""
    timeouts = settings.timeouts
    return Wire(
        connect_s=timeouts.connect_s,
        first_byte_s=timeouts.first_byte_s,
        idle_s=timeouts.idle_s,
        total_s=timeouts.total_s,
    )


def pricing(settings: Settings, network: Wire, clock: Callable[[], float], changed: Callable[[], None]) -> Pricing:
    """The prices in use, which `changed` is told of."""
    prices = settings.prices
    return Pricing(
        prices.overrides,
        network.get,
        clock,
        changed,
        shelf=Shelf(settings.home),
        feed_url=prices.feed_url,
        feed_every_s=prices.feed_every_s,
        guard_factor=prices.guard_factor,
    )


def lease_store(
    settings: Settings, clock: StoreClock, changed: Callable[[bool], None], *, several: bool
) -> SqliteStore | RedisStore:
    """Where leases are kept. `several`: more than one process of this home shares them. For what is shared between
    machines, `clock` is set right by the store's, and `changed` hears whether it is down, whenever that changes."""
    if settings.shared is None:
        return SqliteStore(settings.state, exclusive=not several)
    from gateway.stores.redis_leases import RedisStore  # noqa: PLC0415 - an extra, and only here

    return RedisStore(settings.shared, clock, changed)


async def closed(store: Any) -> None:
    """Close a store: some let go of a file, others of connections."""
    closing = store.close()
    if closing is not None:
        await closing


@asynccontextmanager
async def shared_leases(url: str) -> AsyncIterator[RedisStore]:
    """The store that gateways share, for a command."""
    from gateway.stores.redis_leases import RedisStore  # noqa: PLC0415 - an extra, and only here

    store = RedisStore(url)
    try:
        yield store
    finally:
        await store.close()


def claim_store(settings: Settings) -> Claims:
    """Where it stands which call has an Idempotency-Key."""
    if settings.shared is None:
        return SqliteClaims(settings.state)
    from gateway.stores.redis_claims import RedisClaims  # noqa: PLC0415 - an extra, and only here

    return RedisClaims(settings.shared)


def registry(settings: Settings) -> Registry:
    """Where keys are kept, and whom they belong to."""
    if settings.shared is None:
        return SqliteRegistry(settings.state)
    from gateway.stores.redis_registry import RedisRegistry  # noqa: PLC0415 - an extra, and only here

    return RedisRegistry(settings.shared)


@contextmanager
def directory(settings: Settings, clock: Callable[[], float] = time.time) -> Iterator[Directory]:
    """The same, to be changed."""
    with closing(registry(settings)) as kept:
        yield Directory(kept, pepper(settings), clock)


def pepper(settings: Settings) -> bytes:
    """The secret under which key secrets are hashed."""
    return settings.pepper or load_pepper(settings.home / "pepper")


def replica_name(settings: Settings, worker: int | None) -> str:
    """The name of this home's one process, or of one of its workers: the same after a restart, so that its numbers in
    the store and in the ledger go on."""
    path = settings.home / "replica"
    try:
        name = path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(name := secrets.token_hex(6))
    return name if worker is None else f"{name}.{worker}"


def next_life(settings: Settings, worker: int | None) -> int:
    """How many processes this one of the home has had before, and one more from now on."""
    path = settings.home / ("lives" if worker is None else f"lives-{worker}")
    try:
        life = int(path.read_text()) + 1
    except FileNotFoundError:
        life = 0
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(str(life))
    draft.replace(path)
    return life


def journal_of(settings: Settings, worker: int | None) -> Path:
    """The journal's directory: each process has one of its own."""
    return settings.journal if worker is None else settings.journal / f"worker-{worker}"


def add_gauges(
    gauges: Gauges,
    *,
    mover: Mover,
    journal: Journal,
    prices: Pricing,
    leases: Leases,
    calibration: Calibration,
    breakers: Callable[[], Mapping[str, int]],
) -> None:
    """The figures that parts keep by themselves, for /metrics."""
    add = gauges.add
    add("fareway_drift_units", "What the books disagree by.", (), lambda: {(): mover.drift})
    add("fareway_journal_entries", "Settled, on their way.", (), lambda: {(): len(journal.settled)})
    add("fareway_inflight_requests", "Calls that have left.", (), lambda: {(): journal.open_count})
    add("fareway_price_age_seconds", "Age of the prices.", (), lambda: {(): prices.age_s()})
    add("fareway_price_quarantined", "1: a feed waits for a yes.", (), lambda: {(): int(bool(prices.quarantined))})
    add("fareway_price_pinned", "1: no feed is asked.", (), lambda: {(): int(prices.pinned)})
    in_unit = "in the limit's unit (usd: nano-dollars)."
    add("fareway_limit_held", f"Held, {in_unit}", ("limit",), lambda: leases.totals(lambda a: a.held))
    add("fareway_limit_spent", f"Spent, {in_unit}", ("limit",), lambda: leases.totals(lambda a: a.spent))
    add("fareway_token_estimate_error_ratio", "Of likely input.", ("model", "kind"), calibration.errors)

    def states() -> dict[tuple[str, ...], float]:
        return {(name,): state for name, state in breakers().items()}

    add("fareway_breaker_open", "1: a deployment is left alone.", ("deployment",), states)


def add_store_figures(metrics: Metrics, store: Any, clock: StoreClock, leases: Leases) -> None:
    """The figures of a store that gateways share, for /metrics."""
    add, count = metrics.gauges.add, metrics.totals.add
    add("fareway_clock_offset_seconds", "Store's clock before ours.", (), lambda: {(): clock.offset_s})
    add("fareway_store_down", "1: calls do not ask the store of limits.", (), lambda: {(): int(store.link.down)})
    count("fareway_store_calls", "Sent to the store of limits.", ("operation",), lambda: _labelled(store.link.calls))
    lent = "Held without the store's word, in the limit's unit (usd: nano-dollars)."
    count("fareway_store_outage_allowed", lent, ("limit",), lambda: _labelled(leases.lent))


def _labelled(figures: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(name,): figure for name, figure in figures.items()}


def _deployment(target: Target, providers: Mapping[str, Provider]) -> Deployment:
    name, _, model = target.to.partition("/")
    return Deployment(providers[name], model, weight=target.weight, output_tokens_max=target.output_tokens_max)
