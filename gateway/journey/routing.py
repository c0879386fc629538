"""Which way: candidates with their numbers, and the policy's word on them. Pure but for reading the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from gateway import tokens
from gateway.catalog.catalog import AUTO, Catalog
from gateway.catalog.providers import Deployment
from gateway.core.errors import BadRequest, NoPrice
from gateway.core.money import Money
from gateway.core.price import FREE, Price
from gateway.core.rating import Decided
from gateway.core.request import Asked, Facts, Request
from gateway.core.route import Candidate, Context, Signal
from gateway.fleet.fleet import Fleet
from gateway.fleet.meter import Meter
from gateway.journey.besides import OUTPUT_TOKENS_MAX, besides_of
from gateway.journey.carriage import Carrier
from gateway.journey.cascade.reading import READABLE
from gateway.journey.option import OUTPUT_TOKENS_GUESS, Chosen, Option, worst_cost
from gateway.journey.signals import Signals
from gateway.plugins import Plugin
from gateway.prices.book import PriceBook
from gateway.prompt_cache.blocks import prompt_of
from gateway.prompt_cache.warmth import NOTHING, Prefix, prefix_of
from gateway.tokens.calibration import Calibration
from gateway.tokens.families import family_of
from gateway.tokens.outputs import Outputs
from gateway.tokens.size import Size
from gateway.translate.edge import Edge
from gateway.translate.edges import edge_to, inbound_to
from gateway.upstream.health import Health, Vitals

CONTEXT_TOKENS_MAX = 2**20
"""Taken for a model's context window where the price book does not say. Hardly any model has a larger one."""


class Router:
    """Builds the candidates of a request and asks the policy."""

    def __init__(
        self,
        catalog: Catalog,
        health: Health,
        clock: Callable[[], float],
        *,
        policy: tuple[Plugin, Mapping[str, Any]],
        auto: tuple[Plugin, Mapping[str, Any]],
        fallback: int,
        named: Mapping[str, tuple[Plugin, Mapping[str, Any]]] | None = None,
        calibration: Calibration | None = None,
        signals: Signals | None = None,
        fleet: Fleet | None = None,
        outputs: Outputs | None = None,
    ) -> None:
        self._catalog = catalog
        self._health = health
        self._clock = clock
        self._policy = policy
        self._named = {**(named or {}), AUTO: auto}
        aliases = catalog.aliases.items()
        self._named |= {alias: self._named[name] for alias, name in aliases if name in self._named}
        self._fallback = fallback
        self._calibration = calibration or Calibration()
        self._signals = signals or Signals()
        self._fleet = fleet or Fleet()
        self._decided = {plugin.name: Decided(plugin.name) for plugin, _ in (policy, *self._named.values())}
        self.outputs = outputs or Outputs()  # Taught by the pipeline.

    def models(self, facts: Facts) -> tuple[str, ...]:
        """One model of each family behind a name: what counts tokens alike counts once. Raises UnknownModel."""
        found = self._catalog.find(facts.model, facts.provider)
        return tuple({family_of(d.model): d.model for d in found}.values())

    def bound(self, facts: Facts, size: Size, *, proven: bool) -> int:
        """The instant upper bound of a request's input tokens, wherever it goes; none that anybody charges for where
        it is free. Raises UnknownModel."""
        if facts.free:
            return 0
        if facts.unseen:
            return self._widest(facts)
        by_bytes = max([tokens.bound(size.body, facts, model) for model in self.models(facts)])
        if facts.files or facts.input_tokens_max is not None:  # They may be many times their tokens.
            by_bytes = min(by_bytes, self._widest(facts))
        return by_bytes if proven else min(by_bytes, self._learned(facts, size) or by_bytes)

    def _learned(self, facts: Facts, size: Size) -> int | None:
        """A bound from what all deployments behind this name have billed; None while one of them is not known well."""
        bounds = [self._calibration.most(size, d.group) for d in self._catalog.find(facts.model, facts.provider)]
        known = [bound for bound in bounds if bound is not None]
        return max(known) + facts.defined if len(known) == len(bounds) else None

    def _widest(self, facts: Facts) -> int:
        """No prompt is longer than the context window of who answers it."""
        return max([self._window(deployment) for deployment in self._catalog.find(facts.model, facts.provider)])

    def _window(self, deployment: Deployment) -> int:
        window = self._catalog.book().context_window(deployment.provider.priced_as, deployment.model)
        return window or CONTEXT_TOKENS_MAX

    def members(self, tier: str, allowed: Callable[[tuple[str, ...]], bool]) -> frozenset[str]:
        """The deployments of a tier that are allowed, by any of the names that each goes by. Raises UnknownModel."""
        found = ((member, d) for member in self._catalog.tiers.get(tier, ()) for d in self._catalog.find(member))
        return frozenset(d.name for member, d in found if allowed((member, d.group, d.model)))

    def options(self, request: Request, size: Size, carrier: Carrier) -> tuple[Option, ...]:
        """Everywhere the request could go. Raises UnknownModel, or BadRequest if it can go nowhere: nobody there speaks
        its dialect, or what it asks cannot be carried to those who speak another."""
        now = self._clock()
        options, refused = [], None
        for deployment in self._catalog.find(request.facts.model, request.facts.provider):
            dialects = deployment.provider.dialects
            if request.dialect in dialects:
                options.append(self._option(deployment, request, size, now))
            elif (edge := edge_to(dialects, request.dialect, deployment.model)) is not None:
                option = self._option(deployment, _alone(request), size, now)
                try:
                    options.append(_over(edge, option, carrier, request.facts.choices))
                except BadRequest as error:
                    refused = refused or error
        if not options:
            raise refused or BadRequest(self._unspoken(request), "model")
        return tuple(options)

    def _unspoken(self, request: Request) -> str:
        deployments = self._catalog.find(request.facts.model, request.facts.provider)
        spoken = {dialect for d in deployments for dialect in inbound_to(d.provider.dialects, d.model)}
        return (
            f"Nobody who serves this model takes calls of this kind ({request.dialect}). "
            f"It can be asked by {', '.join(sorted(spoken))}."
        )

    def speaks(self, request: Request) -> bool:
        """Whether anybody who serves the model takes the call as it is. Raises UnknownModel."""
        deployments = self._catalog.find(request.facts.model, request.facts.provider)
        return any(request.dialect in deployment.provider.dialects for deployment in deployments)

    def unseen(self, request: Request, carrier: Carrier) -> bool:
        """Whether part of the prompt lies at a provider that may be asked, as it is read there: an edge may leave that
        part out, and what is a picture here may be a film there. Raises UnknownModel."""
        facts, book = request.facts, self._catalog.book()
        for deployment in self._catalog.find(facts.model, facts.provider):
            dialects = deployment.provider.dialects
            if request.dialect in dialects:
                if facts.unseen:
                    return True
            elif (edge := edge_to(dialects, request.dialect, deployment.model)) is not None:
                with suppress(BadRequest):
                    most = _output_max(deployment, book, request) // facts.choices
                    if carrier.carried(edge, deployment, most).facts.unseen:
                        return True
        return False

    def choose(
        self,
        request: Request,
        options: tuple[Option, ...],
        remaining: Money | None,
        *,
        needs_price: bool,
        burn: float | None = None,
        prefix: Prefix = NOTHING,
    ) -> Chosen:
        """The policy's plan, no longer than first choice and fallbacks. Raises what the policy raises, or NoPrice."""
        by_name = {o.candidate.name: o for o in options if not needs_price or o.priced}
        if needs_price and not by_name:
            raise NoPrice("A hard budget guards this key, and no price is known for the model.")
        plugin, params = self._plugin(request.facts)
        machines = self._signals.machines
        if machines is not None and not any(option.candidate.backend for option in options):
            machines = None
        if plugin.reads or machines is not None:
            told = self._signals.added(plugin.reads, request, tuple(by_name.values()), prefix, self._clock())
            by_name = {o.candidate.name: o for o in told}
        candidates = tuple([o.candidate for o in by_name.values()])
        stays = self._signals.stays(plugin.reads, request) if plugin.reads else ""
        decision = plugin.decide(request, candidates, Context(remaining, params, stays, burn))
        decided = self._decided[plugin.name]
        if Signal.SUCCESS in plugin.reads or decision.cascade is not None:
            decision, decided = self._signals.judged(plugin, request, candidates, decision, remaining)
        cascade = decision.cascade if request.dialect in READABLE else None
        steps = 0 if cascade is None else cascade.steps
        plan = tuple([by_name[c.name] for c in decision.plan[: steps + 1 + self._fallback]])
        own = () if machines is None or request.facts.free else tuple([o for o in options if o.candidate.backend])
        if cascade is not None and steps >= len(plan):  # Somebody must be left to answer if none of them will do.
            cascade = replace(cascade, steps=len(plan) - 1) if len(plan) > 1 else None
        return Chosen(plan, decision.reason, decided, decision.hedge_after_ms, cascade, own=own)

    def held(self, chosen: Chosen) -> None:
        """It is held for: now it counts as asked of machines of ours, and so once, however often it was decided on."""
        if chosen.own and self._signals.machines is not None:
            self._signals.machines.asked(chosen.plan[0], chosen.own, self._clock())

    def reads(self, facts: Facts) -> frozenset[Signal]:
        """What the policy that decides on this call has to be told."""
        return self._plugin(facts)[0].reads

    def prefix(self, request: Request, asked: Asked) -> Prefix:
        """The blocks of the prompt, where the policy reads what is warm and there is a choice. Raises UnknownModel."""
        facts = request.facts
        if Signal.WARMTH not in self.reads(facts) or facts.unseen or facts.free:
            return NOTHING
        several = len(self._catalog.find(facts.model, facts.provider)) > 1
        return prefix_of(prompt_of(request.dialect, asked.body)) if several else NOTHING

    def _plugin(self, facts: Facts) -> tuple[Plugin, Mapping[str, Any]]:
        return self._named.get(facts.model, self._policy)

    def _option(self, deployment: Deployment, request: Request, size: Size, now: float) -> Option:
        book, provider = self._catalog.book(), deployment.provider
        meter = self._meter(deployment) if provider.backend and not request.facts.free else None
        if meter is not None:  # Its machine is paid by the hour, whatever anybody says of tokens.
            price: Price | None = meter.price(int(now * 1e9))
        elif request.facts.free:
            price = FREE
        else:
            price = book.price(provider.priced_as, deployment.model, now, provider.region)
        vitals = self._health.seen(deployment.name)
        most = _output_max(deployment, book, request)
        guess = min(most, round(vitals.output_tokens or OUTPUT_TOKENS_GUESS))
        given = min(request.input_tokens, self._calibration.likely(size, deployment.group) + request.facts.defined)
        likely = price.likely(given, guess) if price else None
        others = request.facts.also and meter is None and not request.facts.free
        besides = besides_of(request.facts, provider, book, now) if others else ()
        worst = worst_cost(price, request, most, besides) if price else None
        candidate = _candidate(request, deployment, likely, worst, vitals=vitals, now=now)
        reasons = request.facts.reasons or vitals.reasons
        return Option(
            deployment,
            price,
            candidate,
            book,
            most,
            guess,
            self.outputs,
            reasons,
            input_guess=given,
            meter=meter,
            besides=besides,
        )

    def _meter(self, deployment: Deployment) -> Meter | None:
        backend = self._fleet.of(deployment.name)
        return None if backend is None else backend.meter


def _alone(request: Request) -> Request:
    """Without the other models that it names: no edge carries them."""
    return replace(request, facts=replace(request.facts, also=())) if request.facts.also else request


def _over(edge: Edge, option: Option, carrier: Carrier, choices: int) -> Option:
    """The option with the call as it gets there. Raises BadRequest."""
    return replace(option, carried=carrier.carried(edge, option.deployment, option.output_max // choices))


def _candidate(
    request: Request,
    deployment: Deployment,
    likely: Money | None,
    worst: Money | None,
    *,
    vitals: Vitals,
    now: float,
) -> Candidate:
    return Candidate(
        name=deployment.name,
        provider=deployment.provider.name,
        model=deployment.model,
        tier=deployment.tier,
        selfhosted=deployment.provider.selfhosted,
        cost_likely=likely,
        cost_worst=worst,
        weight=deployment.weight,
        error_rate=vitals.error_rate,
        first_token_ms=vitals.waits(stream=request.facts.stream).average,
        in_flight=vitals.in_flight,
        working=vitals.working(now, request.key_id),
        backend=deployment.provider.backend,
    )


def _output_max(deployment: Deployment, book: PriceBook, request: Request) -> int:
    """Tokens that all choices together may hold: the caller's cap, within what the model can do."""
    facts = request.facts
    able = deployment.output_tokens_max or book.output_max(deployment.provider.priced_as, deployment.model)
    cap = facts.output_tokens_max
    if cap is None:
        return (able or OUTPUT_TOKENS_MAX) * facts.choices
    return min(cap, able or CONTEXT_TOKENS_MAX) * facts.choices  # None makes more than its context holds.
