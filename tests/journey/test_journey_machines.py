"""What the router makes of engines of ours beside an API: candidates as policies see them, and what is remembered."""

from dataclasses import dataclass, field

import pytest

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.core.money import ZERO, Money
from gateway.core.request import Asked, Request
from gateway.core.route import Decision
from gateway.dialects.openai_chat import OpenAIChat
from gateway.fleet.backend import Backend, Load, State
from gateway.fleet.fleet import Fleet
from gateway.fleet.machine import Machine
from gateway.fleet.meter import Meter
from gateway.fleet.rate import constant
from gateway.journey.carriage import Carrier
from gateway.journey.machines import Machines
from gateway.journey.routing import Router
from gateway.journey.signals import Signals
from gateway.journey.visit import Visit
from gateway.planning.gpus import Tier
from gateway.plugins import Plugin
from gateway.prices.bundled import price_book
from gateway.prompt_cache.warmth import Warmth
from gateway.tokens import measure
from gateway.upstream.health import Health

DOLLAR = 10**12
H100 = Machine("H100", 1, Tier.ON_DEMAND, constant(4 * DOLLAR))
BODY = b'{"model":"m","max_tokens":100,"messages":[{"role":"user","content":"%b"}]}' % (b"word " * 800)


@dataclass
class Way:
    """A router whose policy takes what the test says, and remembers what it was shown."""

    machine: Machine | None = H100
    first: str = "own@a:8000/m"
    now: float = 1_000.0
    shown: dict = field(default_factory=dict)

    def __post_init__(self):
        own = Provider("own", "http://a:8000", selfhosted=True, backends=("http://a:8000", "http://b:8000"))
        api = Provider("groq", "http://api")
        self.backends = [
            Backend("own", e.backend, e.base_url, machine=self.machine, seen=State.READY) for e in own.engines
        ]
        for backend in self.backends:
            if self.machine is not None:
                backend.meter = Meter(backend.id, self.machine.rate, 2000, 20, int(self.now * 1e9))
        self.fleet, warmth = Fleet(self.backends), Warmth()
        models = {
            "m": (Deployment(own, "m"), Deployment(api, "llama-3.3-70b-versatile")),
            "own": (Deployment(own, "m"),),
        }
        book = price_book()
        plugin = Plugin(self.choose, frozenset()), {}
        self.router = Router(
            Catalog({"own": own, "groq": api}, lambda: book, lambda: self.now, models, engines=self.fleet),
            Health(failures_max=5, open_s=10),
            lambda: self.now,
            policy=plugin,
            auto=plugin,
            fallback=3,
            fleet=self.fleet,
            signals=Signals(warmth=warmth, machines=Machines(self.fleet, warmth)),
        )

    def choose(self, _request, candidates, _context):
        self.shown = {candidate.name: candidate for candidate in candidates}
        return Decision(tuple(sorted(candidates, key=lambda c: c.name != self.first)), "the test says so")

    def ask(self, body=BODY, model="m", refused=0):
        asked, dialect = Asked(body.replace(b'"m"', b'"%b"' % model.encode())), OpenAIChat()
        facts = dialect.read(asked)
        size = measure(asked.body, facts)
        request = Request("r", "key", "openai-chat", facts, self.router.bound(facts, size, proven=False))
        options = self.router.options(request, size, Carrier(asked, lossy=False))
        chosen = self.router.choose(request, options, None, needs_price=False)
        for _ in range(refused):  # No hold: it is decided on once more.
            chosen = self.router.choose(request, options, None, needs_price=False)
        self.router.held(chosen)
        return chosen.plan[0]

    @property
    def own(self):
        """The first engine, as the policy saw it."""
        return self.shown["own@a:8000/m"]


def test_with_room_a_call_adds_nothing_to_the_bill_and_its_share_is_known():
    way = Way()
    way.ask()
    assert (way.own.cost_likely, way.own.cost_warm, way.own.wait_ms) == (ZERO, ZERO, 0.0)
    assert way.own.cost_loaded
    assert way.own.cost_loaded <= way.own.cost_worst
    api = way.shown["groq/llama-3.3-70b-versatile"]
    assert (api.cost_loaded, api.wait_ms) == (None, 0.0)
    assert api.cost_likely


def test_what_is_on_its_way_to_an_engine_stands_before_the_next_call():
    way = Way()
    option = way.ask()
    Visit(option.expected, lambda: way.now)
    way.ask()
    other = way.shown["own@b:8000/m"]
    assert way.own.wait_ms > 0
    assert way.own.cost_likely > other.cost_likely == ZERO
    assert way.own.cost_warm < way.own.cost_likely


def test_at_the_end_of_patience_a_call_costs_about_what_the_api_does():
    way = Way()
    for _ in range(300):
        way.ask()
    pace, usual = way.fleet.demands["own"].pace, way.fleet.demands["own"].elsewhere.usual
    waiting = round(pace * H100.patience_ms / 1000 / usual)
    way.backends[0].load = Load(way.now, running=0, waiting=waiting, cache_used=0.5)
    way.ask()
    api = way.shown["groq/llama-3.3-70b-versatile"].cost_likely
    assert way.own.cost_likely.picos == pytest.approx(api.picos, rel=0.25)  # Whole calls wait.
    assert (way.own.waiting, way.own.cache_used) == (waiting, 0.5)


def test_where_nobody_else_has_the_model_the_price_of_the_machine_counts():
    way = Way()
    way.backends[0].load = Load(way.now, running=9, waiting=50)
    way.ask(model="own")
    assert way.own.cost_likely > ZERO
    assert way.fleet.demands["own"].elsewhere.per_token is None


def test_energy_is_paid_also_with_room():
    way = Way(Machine("H100", 1, Tier.ON_DEMAND, constant(4 * DOLLAR), power_w=700, electricity=DOLLAR // 8))
    way.ask()
    assert ZERO < way.own.cost_likely < Money.usd("0.0001")


def test_what_goes_elsewhere_is_remembered_as_spilled():
    way = Way(first="groq/llama-3.3-70b-versatile")
    way.ask()
    assert way.fleet.demands["own"].spilled_per_hour(way.now + 60)
    assert way.fleet.demands["own"].traffic(way.now + 60).tokens_per_s > 0


def test_a_call_that_is_decided_on_twice_is_asked_once():
    once, twice = Way(first="groq/llama-3.3-70b-versatile"), Way(first="groq/llama-3.3-70b-versatile")
    once.ask()
    twice.ask(refused=1)
    for told in (lambda d: d.traffic(1060).tokens_per_s, lambda d: d.spilled_per_hour(1060)):
        assert told(twice.fleet.demands["own"]) == told(once.fleet.demands["own"])


def test_engines_on_a_machine_without_a_price_are_left_as_they_are():
    way = Way(machine=None)
    way.ask()
    assert (way.own.cost_likely, way.own.cost_loaded, way.own.wait_ms) == (None, None, 0.0)
