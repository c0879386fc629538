"""The gateway's side of the prefix benchmark: the real router, policy and bookkeeping, without the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.price import UNPRICED
from gateway.core.request import Asked, Request
from gateway.core.usage import Usage
from gateway.dialects.openai_chat import OpenAIChat
from gateway.journey.carriage import Carrier
from gateway.journey.routing import Router
from gateway.journey.signals import Signals
from gateway.journey.visit import Visit
from gateway.plugins import load_policy
from gateway.prices.bundled import price_book
from gateway.prompt_cache.warmth import Warmth
from gateway.tokens import measure
from gateway.tokens.calibration import Calibration
from gateway.tokens.size import Size
from gateway.upstream.health import Health

CACHE_TOKENS = 3_000_000
ANSWERED = Entry(
    *("", "", 0.0, Caller(), "m", "", "m", "m", "standard"),
    selfhosted=True,
    reason="",
    usage=Usage(),
    cost=UNPRICED,
    held_nanos=0,
    outcome=Outcome.OK,
    status=200,
    usage_raw='{"prompt_tokens_details": {"cached_tokens": 0}}',
)


class Sent:
    """A call on its way."""

    def __init__(self, visit: Visit, size: Size, name: str, bound: int) -> None:
        self.visit, self.size, self.name, self.bound = visit, size, name, bound


class Gate:
    """Sends each call where the policy says. `now`, in seconds, is set from outside."""

    def __init__(self, count: int, params: Mapping[str, Any]) -> None:
        self.now = 0.0
        providers = {
            f"e{i}": Provider(f"e{i}", "http://e", selfhosted=True, cache_tokens=CACHE_TOKENS) for i in range(count)
        }
        models = {"m": tuple(Deployment(provider, "m") for provider in providers.values())}
        book, self._dialect = price_book(), OpenAIChat()
        policy = load_policy("policies.affinity"), params
        self._calibration = Calibration()
        self._router = Router(
            Catalog(providers, lambda: book, lambda: self.now, models),
            Health(failures_max=5, open_s=10),
            lambda: self.now,
            policy=policy,
            auto=policy,
            fallback=0,
            calibration=self._calibration,
            signals=Signals(warmth=Warmth()),
        )

    def send(self, number: int, body: bytes) -> tuple[int, Sent]:
        """A call leaves: to which engine."""
        asked = Asked(body)
        facts = self._dialect.read(asked)
        size = measure(body, facts)
        bound = self._router.bound(facts, size, proven=False)
        request = Request(str(number), "key", "openai-chat", facts, bound)
        options = self._router.options(request, size, Carrier(asked, lossy=False))
        prefix = self._router.prefix(request, asked)
        option = self._router.choose(request, options, None, needs_price=False, prefix=prefix).plan[0]
        assert option.expected is not None
        sent = Sent(Visit(option.expected, lambda: self.now), size, option.candidate.name, bound)
        return int(option.deployment.provider.name[1:]), sent

    def answered(self, sent: Sent, tokens: int, read: int) -> None:
        """Its answer begins, and says what its prompt was and what of it came from the cache."""
        sent.visit.began()
        sent.visit.settled(replace(ANSWERED, usage=Usage(input=tokens - read, cache_read=read)))
        self._calibration.learn(sent.size, sent.name, tokens, bound=sent.bound)
