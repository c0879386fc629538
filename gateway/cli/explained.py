"""What a gateway would decide on a request: understood, routed and held for by the code that does it for calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from gateway.assembly.fleet import fleet_of, metered
from gateway.assembly.routing import catalog, router
from gateway.catalog.providers import Deployment
from gateway.config.settings import Settings
from gateway.core.caller import Key
from gateway.core.entry import Entry
from gateway.core.errors import GatewayError
from gateway.core.limit import Fare, HoldMode, Limit
from gateway.core.money import Money
from gateway.core.price import Cost
from gateway.core.request import Asked
from gateway.core.route import Signal
from gateway.dialects.base import Dialect
from gateway.journey.counting import input_tokens
from gateway.journey.option import Chosen, Option
from gateway.journey.question import Question
from gateway.journey.replay.budgets import Budgets
from gateway.journey.replay.standing import Standing
from gateway.journey.replay.timeline import Timeline
from gateway.journey.routing import Router
from gateway.journey.signals import Stated, stated
from gateway.journey.understanding import Call, understood
from gateway.limits.accounts import Account
from gateway.prices.stored import book_in_use
from gateway.tokens import Tokens
from gateway.upstream.health import Health

COUNT_S_MAX = 60.0
"""Nobody waits for an answer here."""


@dataclass(frozen=True)
class Explained:
    """One request, decided on."""

    question: Question
    exact: int  # Input tokens, counted; the most of all families of models that it may go to.
    options: tuple[Option, ...]
    chosen: Chosen
    signals: frozenset[Signal]  # That the policy reads.
    remaining: Money | None
    burn: float | None
    barred: Mapping[str, str]  # Deployments that cannot take it, and why.
    accounts: tuple[Account, ...]  # The limits over the caller, and over a call that goes to the first of the plan.

    def fare(self, option: Option) -> tuple[Fare, Cost]:
        """What would be set aside there."""
        return self.question.fare(option)


@dataclass
class Desk:
    """What a decision needs, without a gateway: settings, deployments without a past, limits as they stand."""

    settings: Settings
    limits: Sequence[Limit]
    load: Callable[[Collection[Account]], None]  # Says what is spent and held of limits.
    given: Stated = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Prices and limits of this moment."""
        found = self.settings
        self._timeline = Timeline()
        self._timeline.go_to(time.time())
        self._health = Health(failures_max=found.routing.breaker_failures, open_s=found.routing.breaker_open_s)
        book = book_in_use(found.home, found.prices.overrides, self._timeline.now)
        self._catalog = catalog(found, lambda: book, self._timeline.clock)
        fleet = metered(fleet_of(found), self._timeline.now)
        self.router: Router = router(
            found, self._catalog, self._health, self._timeline.clock, stated=self.given, fleet=fleet
        )
        self.budgets = Budgets(self.limits, self._timeline)

    def see(self, entries: Iterable[Entry]) -> None:
        """How deployments have been doing lately."""
        now, timeline = self._timeline.now, Timeline()
        standing = Standing(timeline, self._health, self.router.outputs)
        for entry in entries:
            timeline.go_to(entry.at)
            standing.see(entry)
        timeline.go_to(now)

    def explain(self, dialect: Dialect, asked: Asked, headers: Mapping[str, str], key: Key) -> Explained:
        """See the module. Raises the GatewayError that the call would be answered with."""
        strict = self.budgets.strict(key.caller)
        mode = HoldMode.STRICT if strict else HoldMode.PROGRESSIVE
        question = understood(Call("explain", dialect, headers, asked, 0.0), key, self.router, mode)
        request, facts = question.request, question.request.facts
        options = stated(self.router.options(request, question.size, question.carrier), self.given)
        signals = self.router.reads(facts)
        places = [option.candidate.place for option in options]
        self.load({account.id: account for p in places for account in self.budgets.accounts(key.caller, p)}.values())
        remaining = question.affordable(self.budgets.remaining(key.caller))
        burn = self.budgets.burn(key.caller)
        guarded = self.budgets.guarded(key.caller) or question.ceiling is not None
        needs_price = guarded and self.settings.prices.unknown == "refuse"
        chosen = self.router.choose(
            request, options, remaining, needs_price=needs_price, burn=burn, prefix=question.prefix
        )
        first = chosen.plan[0].candidate.place
        return Explained(
            question,
            asyncio.run(self._counted(question)),
            options,
            chosen,
            signals,
            remaining,
            burn,
            barred=self._barred(question, options),
            accounts=self.budgets.accounts(key.caller, first),
        )

    async def _counted(self, question: Question) -> int:
        bound, tokens = question.request.input_tokens, Tokens(timeout_s=COUNT_S_MAX)
        try:
            models = self.router.models(question.request.facts)
            return min(bound, await input_tokens(question, tokens, models, proof=True))
        finally:
            tokens.close()

    def _barred(self, question: Question, options: tuple[Option, ...]) -> dict[str, str]:
        facts, taken = question.request.facts, {option.candidate.name for option in options}
        found = self._catalog.find(facts.model, facts.provider)
        return {d.name: self._why_not(d, question) for d in found if d.name not in taken}

    def _why_not(self, deployment: Deployment, question: Question) -> str:
        """What it would answer if it was asked for alone."""
        alone = replace(question.request, facts=replace(question.request.facts, model=deployment.group))
        try:
            self.router.options(alone, question.size, question.carrier)
        except GatewayError as error:
            return str(error)
        return "cannot take it"
