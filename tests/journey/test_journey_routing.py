"""From a request to candidates with numbers, and from an answer to its cost."""

import pytest
from msgspec.structs import replace

from gateway.catalog.catalog import AUTO, Catalog
from gateway.catalog.providers import Deployment, Provider
from gateway.core.errors import NoPrice, UnknownModel
from gateway.core.money import Money
from gateway.core.price import CostStatus, Price, Rates, Schedule
from gateway.core.request import Asked, Facts, Other, Request
from gateway.core.route import Decision, Signal
from gateway.core.usage import Extras, Report, Usage
from gateway.journey.besides import OUTPUT_TOKENS_MAX, Beside
from gateway.journey.carriage import Carrier
from gateway.journey.option import OUTPUT_TOKENS_GUESS
from gateway.journey.routing import CONTEXT_TOKENS_MAX, Router
from gateway.journey.signals import Signals
from gateway.plugins import Plugin
from gateway.tokens import measure
from gateway.tokens.calibration import BOUND_SAMPLES_MIN, Calibration
from gateway.tokens.size import Size
from gateway.upstream.health import Health


def flat(picos):
    return Price(f"flat-{picos}", Schedule(Rates(*[picos] * 14)))


class Book:
    """A price book in which a few models have a price."""

    def __init__(self, prices, most=None):
        self.prices, self.most = prices, most

    def price(self, provider, model, at, region=""):
        return self.prices.get(model)

    def models(self, provider):
        return ()

    def output_max(self, provider, model):
        return self.most

    def context_window(self, provider, model):
        return {"a": 16_000, "b": 400_000}.get(model)


PROVIDER = Provider("p", "http://x")
NOT_CARRIED = Carrier(Asked(b"{}"), lossy=False)


def as_they_come(request, candidates, context):
    return Decision(candidates, f"as they come, with {context.params}")


def router(*deployments, prices, most=None, fallback=2, health=None, reads=frozenset(), signals=None, learned=None):
    book = Book(prices, most)
    names = {"models": {"m": deployments, "n": deployments}, "aliases": {"its": "n", "any": AUTO}}
    catalog = Catalog({"p": PROVIDER}, lambda: book, lambda: 0.0, **names, tiers={"standard": ("m",)})
    health = health or Health(failures_max=1, open_s=10)
    as_named = Plugin(as_they_come, reads)
    plain, auto, own = (as_named, {"plain": 1}), (as_named, {"auto": 1}), {"n": (as_named, {"own": 1})}
    more = {"fallback": fallback, "signals": signals, "calibration": learned}
    return Router(catalog, health, lambda: 0.0, policy=plain, auto=auto, named=own, **more)


def asked(model="m", *, tokens=100, **facts):
    return Request("r", "k", "openai-chat", Facts(model=model, **facts), tokens)


def option(request, deployment=None, *, prices=None, most=None, body_bytes=400, health=None):
    deployment = deployment or Deployment(PROVIDER, "a")
    (found,) = router(
        deployment, prices={"a": flat(2)} if prices is None else prices, most=most, health=health
    ).options(request, Size(body_bytes), NOT_CARRIED)
    return found


@pytest.mark.parametrize(
    ("own", "book", "caller", "choices", "most"),
    [
        (None, None, None, 1, OUTPUT_TOKENS_MAX),
        (None, 500, None, 1, 500),
        (300, 500, None, 1, 300),
        (None, 500, 50, 1, 50),
        (None, 500, 5000, 1, 500),
        (None, None, 5000, 1, 5000),
        (None, None, 2**63, 1, CONTEXT_TOKENS_MAX),
        (None, 500, 50, 3, 150),
        (None, 500, 0, 1, 0),
    ],
)
def test_an_answer_is_at_most_the_callers_cap_within_what_the_model_can_times_the_choices(
    own, book, caller, choices, most
):
    deployment = Deployment(PROVIDER, "a", output_tokens_max=own)
    assert option(asked(output_tokens_max=caller, choices=choices), deployment, most=book).output_max == most


def test_the_worst_cost_of_a_candidate_covers_all_that_it_may_generate():
    candidate = option(asked(tokens=100, output_tokens_max=50)).candidate
    assert candidate.cost_worst == Money(2 * 150)
    assert candidate.cost_likely <= candidate.cost_worst


def test_what_the_request_itself_is_charged_for_is_in_its_worst_cost():
    """Whether it says how much, as for speech, or only the answer will, as for a recording."""
    price = Price("p", Schedule(Rates(*[0] * 14, extras={"characters": 3, "audio_ms": 2})))
    spoken, heard = asked(extras=Extras(characters=7)), asked(extras_max=Extras(audio_ms=100))
    assert option(spoken, prices={"a": price}).candidate.cost_worst == Money(21)
    assert option(heard, prices={"a": price}).candidate.cost_worst == Money(200)
    held, _ = option(heard, prices={"a": price}).worst(heard, for_money=1, for_count=1)
    assert held.nanos == 1


def test_definitions_that_no_size_tells_are_added_to_what_was_learned():
    """To the bound, and to what is likely: bodies without them taught both."""
    one, learned, facts = Deployment(PROVIDER, "a"), Calibration(), asked().facts
    size = measure(b"The quick brown fox jumps over the lazy dog. " * 200, facts)
    for _ in range(BOUND_SAMPLES_MIN):
        learned.learn(size, one.group, 2000, bound=9000)
    way = router(one, prices={"a": flat(2)}, learned=learned)
    own = replace(facts, defined=700)
    assert way.bound(own, size, proven=False) == way.bound(facts, size, proven=False) + 700 < 9000
    likely = [way.options(asked(tokens=9000, defined=n), size, NOT_CARRIED)[0].input_guess for n in (0, 700)]
    assert likely[1] == likely[0] + 700


@pytest.mark.parametrize(
    ("models", "most"), [(("a",), 16_000), (("a", "b"), 400_000), (("b", "c"), CONTEXT_TOKENS_MAX)]
)
def test_a_prompt_that_lies_at_the_provider_is_bounded_by_the_context_window(models, most):
    way = router(*[Deployment(PROVIDER, model) for model in models], prices={})
    assert way.bound(Facts(model="m", unseen=True), Size(400), proven=True) == most
    assert way.bound(Facts(model="m"), Size(400), proven=True) < 1000
    for more in ({"files": 1}, {"input_tokens_max": 10**7}):  # Nor is one with files longer, or with spoken answers.
        assert way.bound(Facts(model="m", **more), Size(10**7), proven=True) == most


def test_the_likely_output_is_what_was_seen_lately_within_the_cap():
    health = Health(failures_max=1, open_s=10)
    assert option(asked(), health=health).output_guess == OUTPUT_TOKENS_GUESS
    health.of("p/a").saw_output(40)
    assert option(asked(), health=health).output_guess == 40
    assert option(asked(output_tokens_max=10), health=health).output_guess == 10


def test_a_candidate_without_a_price_has_no_cost_rather_than_none():
    candidate = option(asked(), prices={}).candidate
    assert (candidate.cost_likely, candidate.cost_worst) == (None, None)


def test_a_broken_deployment_is_a_candidate_that_does_not_work():
    health = Health(failures_max=1, open_s=10)
    health.failed("p/a", 0.0)
    candidate = option(asked(), health=health).candidate
    assert not candidate.working
    assert candidate.error_rate > 0


def test_deployments_that_do_not_speak_the_dialect_are_no_candidates():
    chat_only = Deployment(Provider("q", "http://x", dialects=frozenset({"openai-chat"})), "a")
    both = Deployment(PROVIDER, "a")
    request = Request("r", "k", "openai-embeddings", Facts(model="m"), 5)
    assert [o.deployment for o in router(chat_only, both, prices={}).options(request, Size(10), NOT_CARRIED)] == [both]


@pytest.mark.parametrize("name", ["premium", "economy"])
def test_a_tier_without_models_says_where_they_are_named(name):
    with pytest.raises(UnknownModel, match=f"under {name} here: `tiers` in the configuration"):
        option(asked(name))


def test_a_plan_is_cut_to_the_first_choice_and_its_fallbacks():
    field = [Deployment(PROVIDER, n) for n in "abcd"]
    way = router(*field, prices=dict.fromkeys("abcd", flat(1)), fallback=1)
    chosen = way.choose(asked(), way.options(asked(), Size(10), NOT_CARRIED), None, needs_price=False)
    assert [o.candidate.name for o in chosen.plan] == ["p/a", "p/b"]


def test_nothing_of_a_free_call_is_held():
    one = Deployment(PROVIDER, "a")
    assert router(one, prices={}).bound(Facts("m", free=True), Size(10**6), proven=True) == 0


def test_auto_and_single_names_may_have_a_policy_of_their_own():
    way = router(Deployment(PROVIDER, "a"), prices={"a": flat(1)})
    for model, params in (("m", "plain"), (AUTO, "auto"), ("any", "auto"), ("n", "own"), ("its", "own")):
        chosen = way.choose(asked(model), way.options(asked(model), Size(10), NOT_CARRIED), None, needs_price=False)
        assert params in chosen.reason


def test_where_a_price_is_needed_only_priced_deployments_count():
    way = router(Deployment(PROVIDER, "a"), Deployment(PROVIDER, "b"), prices={"b": flat(1)})
    options = way.options(asked(), Size(10), NOT_CARRIED)
    assert [o.candidate.name for o in way.choose(asked(), options, None, needs_price=True).plan] == ["p/b"]
    with pytest.raises(NoPrice):
        way.choose(asked(), options[:1], None, needs_price=True)


def cost(report, *, model="a", prices=None, usage=None):
    deployment = Deployment(PROVIDER, model)
    prices = {"a": flat(2)} if prices is None else prices
    return option(asked(), deployment, prices=prices).cost(usage or Usage(input=10), report, 0.0)


def test_usage_times_price_is_the_exact_cost():
    told = cost(Report(model="a"))
    assert (told.total, told.status, told.price_id) == (Money(20), CostStatus.EXACT, "flat-2")


def test_what_the_provider_charged_wins_also_where_it_is_zero_or_no_price_is_known():
    assert cost(Report(cost=Money(7))).total == Money(7)
    told = cost(Report(cost=Money(0)), prices={})
    assert (told.total, told.status) == (Money(0), CostStatus.REPORTED)


def test_mended_usage_makes_an_exact_cost_uncertain_and_a_worse_one_no_better():
    assert cost(Report(clamped=True)).status is CostStatus.UNCERTAIN
    assert cost(Report(clamped=True), usage=Usage(final=False)).status is CostStatus.ESTIMATED
    assert cost(Report(clamped=True), prices={}).status is CostStatus.UNPRICED


def test_the_served_tier_decides():
    assert cost(Report(service_tier="priority")).status is CostStatus.UNCERTAIN


def test_a_moving_alias_pays_for_what_it_stood_for():
    prices = {"a-latest": flat(2), "a-2": flat(5)}
    assert cost(Report(model="a-2"), model="a-latest", prices=prices).total == Money(50)
    assert cost(Report(model="unheard-of"), model="a-latest", prices=prices).total == Money(20)


def test_a_model_with_a_fixed_name_pays_what_was_held_for_whatever_the_answer_calls_it():
    assert cost(Report(model="b"), prices={"a": flat(2), "b": flat(500)}).total == Money(20)


def test_a_model_without_a_price_may_have_one_under_the_name_in_the_answer():
    assert cost(Report(model="b"), prices={"b": flat(5)}).total == Money(50)
    assert cost(Report(), prices={"b": flat(5)}).status is CostStatus.UNPRICED


def test_what_costs_something_to_find_out_is_found_for_the_policies_that_read_it():
    """And asked of nobody for others. What nothing is known of stays unknown."""
    seen = []

    def predict(_request, candidates):
        seen.append([c.name for c in candidates])
        return {"p/a": 0.75}

    known = {"prices": {"a": flat(2), "b": flat(2)}, "signals": Signals(predict)}
    deployments = (Deployment(PROVIDER, "a"), Deployment(PROVIDER, "b"))
    for reads, chances in [(frozenset(), [None, None]), (frozenset({Signal.SUCCESS}), [0.75, None])]:
        way = router(*deployments, **known, reads=reads)
        request = asked()
        chosen = way.choose(request, way.options(request, Size(400), NOT_CARRIED), None, needs_price=False)
        assert [o.candidate.success for o in chosen.plan] == chances
    assert seen == [["p/a", "p/b"]]
    blind = router(*deployments, prices=known["prices"], reads=frozenset({Signal.SUCCESS}))
    chosen = blind.choose(request, blind.options(request, Size(400), NOT_CARRIED), None, needs_price=False)
    assert [o.candidate.success for o in chosen.plan] == [None, None]


def test_when_calls_begin_to_be_answered_is_told_to_those_who_read_it():
    known = {
        "prices": {"a": flat(2)},
        "signals": Signals(slow=lambda name, stream: {("p/a", False): 750.0}.get((name, stream))),
    }
    for reads, slow in [(frozenset(), None), (frozenset({Signal.LATENCY}), 750.0)]:
        way = router(Deployment(PROVIDER, "a"), **known, reads=reads)
        chosen = way.choose(asked(), way.options(asked(), Size(400), NOT_CARRIED), None, needs_price=False)
        assert [o.candidate.first_token_p95_ms for o in chosen.plan] == [slow]


WITH_OTHERS = {"output_tokens_max": 10, "also": (Other("b"), Other("c", advises=2), Other("c", 7, advises=1))}


def test_other_models_are_held_for_at_their_own_price_there():
    found = option(asked(**WITH_OTHERS), prices={"a": flat(2), "b": flat(3)}, most=500)
    assert found.besides == (Beside(flat(3), ""), Beside(None, "", 500, 2), Beside(None, "", 7, 1))
    assert found.candidate.cost_worst == Money((100 + 10) * 2 + (110 + 10) * 3)
    assert not found.priced


def test_an_other_model_whose_most_is_not_known_may_say_as_much_as_any():
    (beside,) = option(asked(also=(Other("c", advises=1),))).besides
    assert beside.output_max == OUTPUT_TOKENS_MAX


def test_no_edge_carries_other_models():
    body = b'{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"Hi"}],"fallbacks":[{"model":"b"}]}'
    request = replace(asked(**WITH_OTHERS), dialect="anthropic-messages")
    ways = router(Deployment(PROVIDER, "a"), prices={"a": flat(2)})
    (found,) = ways.options(request, Size(400), Carrier(Asked(body), lossy=True))
    assert found.carried is not None
    assert found.besides == ()
    assert found.candidate.cost_worst == Money((100 + 10) * 2)
