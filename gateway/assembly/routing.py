"""Where calls can go, at which prices, and the network that takes them there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.config.settings import PolicyChoice, Settings, Target
from gateway.core.route import Signal
from gateway.difficulty.model import Difficulty
from gateway.difficulty.predicted import Predicted
from gateway.fleet.fleet import Fleet
from gateway.journey.asking import Asking
from gateway.journey.hedging import Hedging
from gateway.journey.learning import Learning
from gateway.journey.machines import Machines
from gateway.journey.routing import Router
from gateway.journey.signals import Signals, Stated
from gateway.plugins import Plugin, load_policy
from gateway.prices.book import PriceBook
from gateway.prices.current import Pricing
from gateway.prices.stored import Shelf
from gateway.prompt_cache.prompts import Prompts
from gateway.prompt_cache.warmth import Warmth
from gateway.telemetry.otel.tracing import Tracing
from gateway.tokens import Tokens
from gateway.tokens.calibration import Calibration
from gateway.upstream.aws import AwsSigner
from gateway.upstream.google import GoogleSigner
from gateway.upstream.health import Health
from gateway.upstream.retry import RetryBudget
from gateway.upstream.signing import Signer
from gateway.upstream.wire import Wire


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
) -> Router:
    """The router with the policies that these settings name. `learning`: what was learned until now; without it, what
    the settings tell. `stated`: see `Signals`. `fleet`: engines of ours."""
    routing, learning, warmth = settings.routing, learning or learning_of(settings, clock), Warmth()
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
        signals=Signals(
            warmth=warmth,
            machines=Machines(fleet, warmth) if fleet is not None and fleet.backends else None,
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
    choices = (routing.choice, routing.auto, *routing.named.values())
    asked = any(Signal.SUCCESS in load_policy(choice.policy).reads for choice in choices)
    predicting = Predicted(Difficulty.load(routing.difficulty)) if asked else None
    return Learning(predicting, routing.guard, clock)


def _loaded(choice: PolicyChoice) -> tuple[Plugin, Mapping[str, Any]]:
    return load_policy(choice.policy), choice.params


def signers(settings: Settings) -> dict[str, Signer]:
    """Who signs calls, by provider. Raises NoSigner where a package is missing for that."""
    keyless = [provider for provider in settings.providers.values() if not provider.key]
    google: dict[str, Signer] = {p.name: GoogleSigner.default() for p in keyless if p.auth == "google"}
    return google | {p.name: AwsSigner.default(p.region) for p in keyless if p.auth == "sigv4"}


def prompts(settings: Settings) -> Prompts | None:
    """Where prompts are watched; None where they are let alone."""
    return None if settings.cache.prompt == "keep" else Prompts(improve=settings.cache.prompt == "improve")


def wire(settings: Settings) -> Wire:
    """The network towards providers."""
    timeouts = settings.timeouts
    return Wire(
        connect_s=timeouts.connect_s,
        first_byte_s=timeouts.first_byte_s,
        idle_s=timeouts.idle_s,
        total_s=timeouts.total_s,
    )


def hedging(
    settings: Settings,
    network: Wire,
    health: Health,
    clock: Callable[[], float],
    *,
    signing: Mapping[str, Signer],
    tokens: Tokens,
    tracing: Tracing | None = None,
) -> Hedging:
    """Who asks providers."""
    retries = RetryBudget(settings.routing.retry_budget)
    rounds = settings.routing.retry_rounds
    asking = Asking(
        network,
        health,
        retries,
        rounds=rounds,
        clock=clock,
        signers=signing,
        prompts=prompts(settings),
        leaving=None if tracing is None else tracing.leaving,
    )
    return Hedging(asking, retries, tokens, time.perf_counter)


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


def _deployment(target: Target, providers: Mapping[str, Provider]) -> Deployment:
    name, _, model = target.to.partition("/")
    return Deployment(providers[name], model, weight=target.weight, output_tokens_max=target.output_tokens_max)
