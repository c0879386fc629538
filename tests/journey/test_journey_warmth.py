"""What is warm where, from the request to the decision and back; and conversations over real engines, simulated."""

from collections import Counter

import harness
import pytest
from msgspec.structs import replace
from road import road

from gateway.catalog.catalog import Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.core.caller import Caller
from gateway.core.entry import Entry, Outcome
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Price, Rates, Schedule
from gateway.core.request import Asked, Request
from gateway.core.usage import Usage
from gateway.dialects.openai_chat import OpenAIChat
from gateway.journey.carriage import Carrier
from gateway.journey.routing import Router
from gateway.journey.signals import Signals
from gateway.journey.visit import Visit
from gateway.plugins import load_policy
from gateway.prompt_cache.warmth import NOTHING, Warmth
from gateway.tokens import measure
from gateway.upstream.health import Health

SYSTEM = "You are careful, and this is what all are told at length. " * 500
PRICE = Price("p", Schedule(Rates(10, 0, 1, 10, 10, 10, 10, 1, 10, 1, 10, 0, 0, 0)))
ENTRY = Entry(
    *("r.1", "r", 0.0, Caller("key"), "m", "e0", "m", "m", "standard"),
    selfhosted=True,
    reason="",
    usage=Usage(),
    cost=UNPRICED,
    held_nanos=0,
    outcome=Outcome.OK,
    status=200,
)


class Book:
    def price(self, provider, model, at, region=""):
        return PRICE

    def models(self, provider):
        return ()

    def output_max(self, provider, model):
        return 100

    def context_window(self, provider, model):
        return 10**6


class Gate:
    """The router over so many engines, or over providers that are nobody's own."""

    def __init__(self, engines, *, policy="affinity", own=True):
        providers = {f"e{i}": Provider(f"e{i}", "http://e", selfhosted=own) for i in range(engines)}
        book, self.now, self.dialect, self.warmth = Book(), 0.0, OpenAIChat(), Warmth()
        models = {"m": tuple(Deployment(provider, "m") for provider in providers.values())}
        loaded = load_policy(f"policies.{policy}"), {}
        self.router = Router(
            Catalog(providers, lambda: book, lambda: self.now, models),
            Health(failures_max=5, open_s=10),
            lambda: self.now,
            policy=loaded,
            auto=loaded,
            fallback=9,
            signals=Signals(warmth=self.warmth),
        )

    def choose(self, text, **said):
        body = b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % text.encode()
        facts = replace(self.dialect.read(Asked(body)), **said)
        request = Request("r", "key", "openai-chat", facts, input_tokens=len(body))
        size = measure(body, facts)
        options = self.router.options(request, size, Carrier(Asked(body), lossy=False))
        self.prefix = self.router.prefix(request, Asked(body))
        return self.router.choose(request, options, None, needs_price=False, prefix=self.prefix).plan

    def visit(self, option):
        return Visit(option.expected, lambda: self.now)


def test_a_conversation_comes_back_to_where_it_is_warm():
    gate = Gate(3)
    first = gate.choose(SYSTEM, session="talk")[0]
    visit = gate.visit(first)
    visit.began()
    visit.settled(replace(ENTRY, usage=Usage(input=7000)))
    plan = gate.choose(SYSTEM + "And now?", session="talk")
    home, other = (option.candidate for option in plan[:2])
    assert home.name == first.candidate.name
    assert home.warm_tokens > 0.9 * plan[0].input_guess
    assert other.warm_tokens == 0
    assert home.cost_likely == Money(10 * plan[0].input_guess - 9 * home.warm_tokens)
    assert home.cost_warm == other.cost_warm == Money(plan[0].input_guess)
    assert gate.router._signals.stays(load_policy("policies.affinity").reads, _talk()) == home.name


def _talk():
    facts = OpenAIChat().read(Asked(b'{"model":"m","messages":[{}],"user":"talk"}'))
    return Request("r", "key", "openai-chat", facts, 1)


def test_conversations_that_begin_alike_are_spread_over_the_engines():
    """They share a system prompt of 7,000 tokens and come faster than they are read."""
    gate, given = Gate(4), Counter()
    for number in range(80):
        option = gate.choose(SYSTEM + f"Question {number}. " * 300, session=str(number))[0]
        gate.visit(option)
        given[option.candidate.name] += 1
        gate.now += 0.01
    assert len(given) == 4
    assert max(given.values()) <= 1.1 * 20


def test_who_waits_is_told_from_those_that_are_not_answered():
    gate = Gate(2)
    option = gate.choose(SYSTEM)[0]
    visit, name = gate.visit(option), option.candidate.name
    waits = {o.candidate.name: o.candidate.wait_ms for o in gate.choose("Hello?" * 1000)}
    assert waits.pop(name) > 0 == sum(waits.values())
    visit.ended()
    visit.began()  # Twice is once.
    assert sum(o.candidate.wait_ms for o in gate.choose("Hello?" * 1000)) == 0


def test_a_call_that_failed_leaves_nothing_and_an_engine_that_was_not_there_has_nothing():
    gate = Gate(2)
    option = gate.choose(SYSTEM)[0]
    gate.visit(option)
    again = next(o for o in gate.choose(SYSTEM + SYSTEM) if o.candidate.name == option.candidate.name)
    gate.visit(again).failed(reached=True)
    blocks = gate.warmth.blocks
    assert blocks == len(option.expected.outlook.prefix.links)
    gate.visit(again).failed(reached=False)
    assert gate.warmth.blocks == 0


@pytest.mark.parametrize("changes", [{"outcome": Outcome.CUT}, {"usage": Usage(final=False)}])
def test_only_a_whole_answer_says_what_was_read(changes):
    gate = Gate(2)
    for read in (0, 0):
        option = gate.choose(SYSTEM, session="talk")[0]
        gate.visit(option).settled(replace(ENTRY, **{"usage": Usage(input=7000, cache_read=read)} | changes))
    assert gate.choose(SYSTEM)[0].candidate.warm_tokens > 0
    assert gate.warmth.stays("key", "talk") == ""


def test_a_provider_that_read_nothing_has_nothing():
    gate = Gate(2, own=False)
    name = gate.choose(SYSTEM)[0].candidate.name
    for _ in range(2):
        option = next(o for o in gate.choose(SYSTEM) if o.candidate.name == name)
        raw = '{"prompt_tokens_details": {"cached_tokens": 0}}'
        gate.visit(option).settled(replace(ENTRY, usage=Usage(input=7000), usage_raw=raw))
    assert all(o.candidate.warm_tokens == 0 for o in gate.choose(SYSTEM))


def test_nothing_is_looked_for_where_nobody_reads_it_or_there_is_no_choice():
    for gate, said in [
        (Gate(2, policy="cheapest"), {}),
        (Gate(1), {}),
        (Gate(2), {"unseen": True}),
        (Gate(2), {"free": True}),
    ]:
        gate.choose(SYSTEM, **said)
        assert gate.prefix is NOTHING
    assert Gate(2, policy="cheapest").choose(SYSTEM)[0].expected is None


CONFIG = """
providers:
  one: {base_url: SIM_URL/v1, key: SECRET, prices: sim, selfhosted: true, cache_tokens: 100000}
  two: {base_url: OTHER_URL/v1, key: SECRET, prices: sim, selfhosted: true}
models:
  m: {deployments: [one/sim-small, two/sim-small], policy: policies.affinity}
"""


def test_conversations_stay_at_their_engine_and_move_when_it_is_gone(tmp_path):
    other = harness.simulator(tmp_path / "other")
    try:
        with road(tmp_path, CONFIG.replace("OTHER_URL", other.url)) as way:
            talks = {name: [{"role": "system", "content": f"{name}: {SYSTEM}"}] for name in "abcdef"}

            def turn(name, *, stream=False):
                talks[name].append({"role": "user", "content": f"{name} asks about {len(talks[name])}. " * 200})
                with way.client() as client:
                    raw = client.chat.completions.with_raw_response.create(
                        model="m", messages=talks[name], stream=stream, extra_headers={"x-fareway-session": name}
                    )
                    if stream:
                        list(raw.parse())
                    return raw.headers["x-fareway-provider"]

            homes = {name: turn(name) for name in talks}
            assert set(homes.values()) == {"one", "two"}
            for stream in (True, False):
                assert {name: turn(name, stream=stream) for name in talks} == homes
            read = [entry["entry"]["usage"].get("cache_read", 0) for entry in way.entries()]
            assert all(tokens > 0 for tokens in read[-len(talks) :])
            other.stop()
            for _ in range(2):
                assert {turn(name) for name in talks} == {"one"}
            assert all("ms of waiting" in line["entry"]["reason"] for line in way.entries())
    finally:
        other.stop()
