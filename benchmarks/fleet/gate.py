"""The gateway's side of the fleet benchmark: the real router, policies and bookkeeping, without the network."""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.core.request import Asked, Request
from gateway.dialects.openai_chat import OpenAIChat
from gateway.fleet.backend import Backend, Load, State
from gateway.fleet.fleet import Fleet
from gateway.fleet.machine import Machine
from gateway.fleet.rate import constant
from gateway.journey.carriage import Carrier
from gateway.journey.machines import Machines
from gateway.journey.routing import Router
from gateway.journey.signals import Signals
from gateway.journey.visit import Visit
from gateway.planning.gpus import Tier, catalogue
from gateway.plugins import load_policy
from gateway.prices.bundled import price_book
from gateway.prompt_cache.warmth import Warmth
from gateway.tokens import measure
from gateway.tokens.calibration import Calibration
from gateway.tokens.size import Size
from gateway.upstream.health import Health

OWN, MODEL = "own", "llama-3.3-70b"
API = "groq/llama-3.3-70b-versatile"
BOOK = price_book()
NO_PARAMS: dict[str, Any] = {}


class Sent(NamedTuple):
    """A call on its way."""

    name: str  # Of the deployment.
    visit: Visit | None
    size: Size
    group: str
    bound: int
    probe: bool


class Gate:
    """Sends each call where the policy says: to one of so many engines, or to an API at its price in the price book.
    `now`, in seconds, is set from outside."""

    def __init__(self, count: int, policy: str, patience_s: float) -> None:
        self.now = 0.0
        urls = tuple(f"http://gpu{number}:8000/v1" for number in range(count))
        own = Provider(OWN, urls[0], selfhosted=True, backends=urls)
        outside, _, model = API.partition("/")
        providers = {OWN: own, outside: Provider(outside, "http://api/v1")}
        rate = constant(2 * catalogue().named("H100").hourly[Tier.RESERVED_1Y].picos)
        machine = Machine("H100", 2, Tier.RESERVED_1Y, rate, patience_ms=round(1000 * patience_s))
        models = {"m": (Deployment(own, MODEL), Deployment(providers[outside], model))}
        self.backends = [
            Backend(OWN, engine.backend, engine.base_url, machine=machine, seen=State.READY) for engine in own.engines
        ]
        fleet, warmth = Fleet(self.backends), Warmth()
        chosen = load_policy(policy), NO_PARAMS
        self._dialect, self._health, self._calibration = OpenAIChat(), Health(failures_max=5, open_s=10), Calibration()
        self._router = Router(
            Catalog(providers, lambda: BOOK, lambda: self.now, models, engines=fleet),
            self._health,
            lambda: self.now,
            policy=chosen,
            auto=chosen,
            fallback=0,
            calibration=self._calibration,
            signals=Signals(warmth=warmth, machines=Machines(fleet, warmth)),
        )
        self._places = {f"{backend.id}/{MODEL}": number for number, backend in enumerate(self.backends)}

    def saw(self, number: int, load: Load) -> None:
        """An engine was looked at."""
        self.backends[number].load = load

    def send(self, number: int, body: bytes) -> tuple[int | None, Sent]:
        """A call leaves: to which engine; None for the API."""
        asked = Asked(body)
        facts = self._dialect.read(asked)
        size = measure(body, facts)
        bound = self._router.bound(facts, size, proven=False)
        request = Request(str(number), "key", "openai-chat", facts, bound)
        options = self._router.options(request, size, Carrier(asked, lossy=False))
        option = self._router.choose(request, options, None, needs_price=False).plan[0]
        candidate = option.candidate
        probe = self._health.of(candidate.name).begin(self.now)
        visit = None if option.expected is None else Visit(option.expected, lambda: self.now)
        return self._places.get(candidate.name), Sent(candidate.name, visit, size, candidate.group, bound, probe)

    def began(self, sent: Sent, prompt_tokens: int) -> None:
        """Its answer begins; what its prompt was is known with its end, which changes nothing here."""
        if sent.visit is not None:
            sent.visit.began()
        self._calibration.learn(sent.size, sent.group, prompt_tokens, bound=sent.bound)

    def ended(self, sent: Sent, output_tokens: int) -> None:
        """It is over."""
        vitals = self._health.of(sent.name)
        vitals.leave(sent.probe)
        vitals.saw_output(output_tokens)


def price(api: str) -> tuple[int, int]:
    """Pico-dollars for a token read there, and for one written."""
    provider, _, model = api.partition("/")
    found = BOOK.price(provider, model, 0.0)
    assert found is not None, f"no price for {api}"
    return found.likely(1, 0).picos, found.likely(0, 1).picos
