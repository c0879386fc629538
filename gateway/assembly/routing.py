"""Where calls can go, at which prices, and the network that takes them there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.config.policies import predicts
from gateway.config.settings import PolicyChoice, Settings, Target
from gateway.difficulty.model import Difficulty
from gateway.difficulty.predicted import Predicted
from gateway.fleet.fleet import Fleet
from gateway.journey.asking import Asking
from gateway.journey.hedging import Hedging, LeftBehind
from gateway.journey.learning import Learning
from gateway.journey.machines import Machines
from gateway.journey.routing import Router
from gateway.journey.signals import Signals, Stated
from gateway.plugins import Plugin, load_policy
from gateway.prices.book import PriceBook
from gateway.prices.current import InUse, Pricing
from gateway.prices.stored import Shelf
from gateway.prompt_cache.prompts import Prompts
from gateway.prompt_cache.warmth import Warmth
from gateway.telemetry.otel.tracing import Tracing
from gateway.tokens import Tokens
from gateway.tokens.calibration import Calibration
from gateway.tokens.outputs import Outputs
from gateway.upstream.aws import AwsSigner
from gateway.upstream.google import GoogleSigner
from gateway.upstream.health import Health
from gateway.upstream.retry import RetryBudget
from gateway.upstream.signing import Signer
from gateway.upstream.wire import Wire


class Signs(NamedTuple):
    """Whose calls are signed, and how."""

    provider: str
    auth: str
    region: str


@dataclass(frozen=True)
class Seen:
    """What routers see of calls, and keep for the next decision."""

    warmth: Warmth = field(default_factory=Warmth)
    outputs: Outputs = field(default_factory=Outputs)


def catalog(
    settings: Settings, book: Callable[[], PriceBook], clock: Callable[[], float], fleet: Fleet | None = None
) -> Catalog:
    """The names that these settings give to deployments. `fleet`: what is known of their backends, if anything is."""
    models = {
        name: tuple(_deployment(target, settings.providers) for target in targets)
        for name, targets in settings.models.items()
    }
    return Catalog(settings.providers, book, clock, models, settings.aliases, settings.tiers, fleet)


def router(
    settings: Settings,
    names: Catalog,
    health: Health,
    clock: Callable[[], float],
    calibration: Calibration | None = None,
    *,
    learning: Learning | None = None,
    stated: Stated = MappingProxyType({}),
    fleet: Fleet | None = None,
    seen: Seen | None = None,
) -> Router:
    """The router with the policies that these settings name. `learning`: what was learned until now; without it, what
    the settings tell. `stated`: see `Signals`. `fleet`: engines of ours. `seen`: what a router before it has seen."""
    routing, learning, seen = settings.routing, learning or learning_of(settings, clock), seen or Seen()
    return Router(
        names,
        health,
        clock,
        policy=_loaded(routing.choice),
        auto=_loaded(routing.auto),
        named={name: _loaded(choice) for name, choice in routing.named.items()},
        fallback=routing.fallback,
        calibration=calibration,
        fleet=fleet,
        outputs=seen.outputs,
        signals=Signals(
            warmth=seen.warmth,
            machines=Machines(fleet, seen.warmth) if fleet is not None and fleet.backends else None,
            predict=learning.predict,
            cluster=learning.cluster,
            guard=learning.ruled,
            slow=lambda name, stream: health.seen(name).waits(stream=stream).p95,
            stated=stated,
        ),
    )


def learning_of(settings: Settings, clock: Callable[[], float]) -> Learning:
    """What decides on predictions, before any feedback. The difficulty model is read where a policy asks for it."""
    routing = settings.routing
    predicting = Predicted(Difficulty.load(routing.difficulty)) if predicts(routing) else None
    return Learning(predicting, routing.guard, clock)


def _loaded(choice: PolicyChoice) -> tuple[Plugin, Mapping[str, Any]]:
    return load_policy(choice.policy), choice.params


def signers(settings: Settings, before: Mapping[Signs, Signer] = MappingProxyType({})) -> dict[Signs, Signer]:
    """Who signs calls. What those `before` know of credentials is kept. Raises NoSigner where a package is missing."""
    keyless = [provider for provider in settings.providers.values() if not provider.key]
    wanted = [Signs(p.name, p.auth, p.region) for p in keyless if p.auth in ("google", "sigv4")]
    return {signs: before.get(signs) or _signer(signs) for signs in wanted}


def _signer(signs: Signs) -> Signer:
    return GoogleSigner.default() if signs.auth == "google" else AwsSigner.default(signs.region)


def prompts(settings: Settings) -> Prompts | None:
    """Where prompts are watched; None where they are let alone."""
    return None if settings.cache.prompt == "keep" else Prompts(improve=settings.cache.prompt == "improve")


def wire(settings: Settings) -> Wire:
    """The network towards providers."""
    return Wire(**asdict(settings.timeouts))


def hedging(
    settings: Settings,
    network: Wire,
    health: Health,
    clock: Callable[[], float],
    *,
    signing: Mapping[str, Signer],
    tokens: Tokens,
    retries: RetryBudget,
    watching: Prompts | None,
    left_behind: LeftBehind,
    tracing: Tracing | None,
) -> Hedging:
    """Who asks providers. `watching`: who watches the prompts that leave."""
    asking = Asking(
        network,
        health,
        retries,
        rounds=settings.routing.retry_rounds,
        clock=clock,
        signers=signing,
        prompts=watching,
        leaving=None if tracing is None else tracing.leaving,
    )
    return Hedging(asking, retries, tokens, time.perf_counter, left_behind)


def pricing(
    settings: Settings, network: Wire, clock: Callable[[], float], changed: Callable[[], None], in_use: InUse
) -> Pricing:
    """The prices in use, which `changed` is told of."""
    prices = settings.prices
    return Pricing(
        prices.overrides,
        network.get,
        clock,
        changed,
        in_use,
        shelf=Shelf(settings.home),
        feed_url=prices.feed_url,
        feed_every_s=prices.feed_every_s,
        guard_factor=prices.guard_factor,
    )


def _deployment(target: Target, providers: Mapping[str, Provider]) -> Deployment:
    name, _, model = target.to.partition("/")
    return Deployment(providers[name], model, weight=target.weight, output_tokens_max=target.output_tokens_max)
