"""Which ways are open to a call that has time, and what each is likely to cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from gateway.catalog.providers import Deployment
from gateway.core.caller import Key
from gateway.core.money import Money
from gateway.core.price import STANDARD_TIERS, Price
from gateway.core.request import Asked
from gateway.deferred.choosing import Offer, Way
from gateway.dialects import splice
from gateway.dialects.batch_requests import ANTHROPICS, ENDPOINTS
from gateway.dialects.batches import BATCH
from gateway.journey.batches.desk import ANTHROPIC, OPENAI
from gateway.journey.option import Chosen, Option
from gateway.journey.question import Question
from gateway.journey.setting_aside import SettingAside
from gateway.journey.understanding import Call, understood
from gateway.prices.book import PriceBook
from gateway.prices.dated import Window
from gateway.upstream.health import Health

FLEX = "flex"
FLEX_DIALECTS = frozenset({"openai-chat", "openai-responses"})
"""Whose calls name their tier: https://platform.openai.com/docs/guides/flex-processing."""

FLEX_S = 60.0
"""That it is given at least. It may take longer: then the ordinary way is tried beside it."""

DURATION_S = 60.0
"""What a call is taken to need where nobody knows."""

IDLE_AT_ONCE = 8
"""Calls of ours on one machine that has nothing else to do."""

HOURS_AHEAD = 16
"""Changes of a price that are looked at: four days of one that changes four times a day."""

STYLES = {ANTHROPICS: ANTHROPIC} | dict.fromkeys(ENDPOINTS.values(), OPENAI)
"""Whose batches take calls of a dialect."""


class Offered(Struct, frozen=True):
    """A call, understood, and its ways."""

    question: Question
    chosen: Chosen
    offers: tuple[Offer, ...]
    duration_s: float  # That the ordinary way may take.

    def option(self, name: str) -> Option:
        """What stands behind an offer."""
        return next(option for option in self.chosen.plan if option.candidate.name == name)


class Offering:
    """Asks the policy where a call may go, and looks how it could go there."""

    def __init__(
        self,
        setting_aside: Callable[[], SettingAside],
        book: Callable[[], PriceBook],
        health: Health,
        clock: Callable[[], float],
        *,
        batch_s: float,
    ) -> None:
        self._setting_aside = setting_aside  # As the configuration has it now.
        self._book = book
        self._health = health
        self._clock = clock
        self._batch_s = batch_s  # That a batch is given at least.
        self.ours: Counter[str] = Counter()  # Calls that are on a machine because it was idle.

    async def of(self, call: Call, key: Key) -> Offered:
        """The ways of this call. Raises GatewayErrors that say why it can have none."""
        return await self.of_question(self.question(call, key), key)

    def question(self, call: Call, key: Key) -> Question:
        """The call, understood. Raises GatewayErrors that say what is wrong with it."""
        setting_aside = self._setting_aside()
        mode = setting_aside.limits.chain(key.caller).hold_mode
        return understood(call, key, setting_aside.router, mode)

    async def of_question(self, question: Question, key: Key) -> Offered:
        """The same of one that is understood."""
        chosen = await self._setting_aside().decide(key, question)
        first = chosen.plan[0].candidate
        offers = [Offer(Way.SYNC, first.name, first.provider, first.cost_likely)]
        if chosen.cascade is None:
            offers += [offer for option in chosen.plan for offer in self._beside(option, question)]
        p95 = self._health.seen(first.name).waits(stream=False).p95
        return Offered(question, chosen, tuple(offers), DURATION_S if p95 is None else p95 / 1000)

    def _beside(self, option: Option, question: Question) -> Iterator[Offer]:
        """What is cheaper than at once, at one deployment."""
        candidate, price = option.candidate, option.price
        name, provider = candidate.name, candidate.provider
        if candidate.selfhosted:
            busy = candidate.in_flight > self.ours[name] or self.ours[name] >= IDLE_AT_ONCE or candidate.wait_ms > 0
            yield Offer(Way.IDLE, name, provider, candidate.cost_likely, None if busy else 0.0)
        if price is None:
            return
        own = option.carried is None and question.request.facts.service_tier in STANDARD_TIERS
        if own and FLEX in price.tiers and question.request.dialect in FLEX_DIALECTS:
            yield Offer(Way.FLEX, name, provider, _likely(price.under(FLEX), option, question), takes_s=FLEX_S)
        if own and BATCH in price.tiers and self._batches(option, question):
            cost = _likely(price.under(BATCH), option, question)
            yield Offer(Way.BATCH, name, provider, cost, takes_s=self._batch_s)
        for opens, cheaper in self._hours(option.deployment, price, option, question):
            yield Offer(Way.OFF_PEAK, name, provider, cheaper, opens)

    def _batches(self, option: Option, question: Question) -> bool:
        style = STYLES.get(question.request.dialect)
        return style is not None and option.deployment.provider.batches == style and not question.request.facts.unseen

    def _hours(
        self, deployment: Deployment, price: Price, option: Option, question: Question
    ) -> Iterator[tuple[float, Money]]:
        """When its price will be another one, and the likely cost then. Most prices never change by the hour."""
        provider, book, now = deployment.provider, self._book(), self._clock()
        window = book.dated(provider.priced_as, deployment.model, now, provider.region).window
        usual = _likely(price, option, question)
        for _ in range(HOURS_AHEAD):
            if window.until == Window().until:
                return
            at = window.until
            dated = book.dated(provider.priced_as, deployment.model, at, provider.region)
            window = dated.window
            if dated.price is not None and (cost := _likely(dated.price, option, question)) < usual:
                yield at, cost


def with_flex(asked: Asked) -> Asked:
    """The same call in the flex tier."""
    body, value = asked.body, b'"flex"'
    span = splice.find(body, "service_tier")
    changed = splice.append(body, "service_tier", value) if span is None else splice.replace(body, span, value)
    return replace(asked, body=changed)


def _likely(price: Price, option: Option, question: Question) -> Money:
    given = option.input_guess or question.request.input_tokens
    return price.likely(given, option.output_guess)
