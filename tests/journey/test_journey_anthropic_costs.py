"""What recorded answers of Anthropic cost, from their bytes by lens and price book: to the last digit."""

import json

import harness
import pytest

from gateway.catalog.providers import KNOWN, Deployment
from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.core.usage import Report, Turn, Usage
from gateway.dialects.spoken import DIALECTS
from gateway.dialects.watch import StreamWatch
from gateway.journey.option import Option
from gateway.prices.bundled import price_book
from gateway.tokens.outputs import Outputs

SHARED = harness.shared()
FOLDER = SHARED / "data" / "recorded" if SHARED else None
INDEX = json.loads((FOLDER / "index.json").read_text()) if FOLDER else []
RECORDED = [entry for entry in INDEX if entry["provider"] == "anthropic" and entry["api"] == "messages"]
UNCERTAIN = {
    "anthropic_server_fallback.json": "whether a declined hop is charged is not known",
    "anthropic_compaction.json": "the recording hides where it ran",
}
MESSAGES = DIALECTS["anthropic-messages"]
DAY = 1_794_787_200.0  # 2026-11-16: the recordings have no date of their own.
TOKENS = {"input_tokens": 1000, "output_tokens": 100}


def option(model):
    book = price_book()
    deployment = Deployment(KNOWN["anthropic"], model)
    return Option(deployment, book.price("anthropic", model, DAY), None, book, 0, 0, Outputs(), may_reason_unseen=False)


def cost(model, report):
    return option(model).cost(report.usage, report, DAY)


def reported(body, *, stream=False):
    if not stream:
        return MESSAGES.report(body, frozenset())
    watch = StreamWatch(MESSAGES, frozenset(), wants_usage=True, price=lambda _: None)
    assert watch.feed(body) + watch.finish() == body
    assert watch.done
    return watch.report


@pytest.mark.skipif(not RECORDED, reason="there are no shared recordings")
@pytest.mark.parametrize("entry", RECORDED, ids=lambda entry: entry["file"])
def test_a_recorded_answer_costs_what_it_costs(entry):
    report = reported((FOLDER / entry["file"]).read_bytes(), stream=entry["stream"])
    told = cost(entry["model"], report)
    assert told.total == Money.usd(entry["expected_cost_usd"]), entry["note"]
    assert told.status is (CostStatus.UNCERTAIN if entry["file"] in UNCERTAIN else CostStatus.EXACT)


def answer(model="claude-sonnet-5", content=(), **usage):
    return json.dumps({"type": "message", "model": model, "content": list(content), "usage": TOKENS | usage}).encode()


@pytest.mark.parametrize(
    ("model", "usage", "dollars", "status"),
    [
        ("claude-sonnet-4-6", {}, "0.0045", "exact"),
        ("claude-sonnet-4-6", {"server_tool_use": {"web_search_requests": 2}}, "0.0245", "exact"),
        ("claude-sonnet-4-6", {"cache_creation": {"ephemeral_1h_input_tokens": 100}}, "0.0051", "exact"),
        ("claude-sonnet-4-6", {"service_tier": "batch"}, "0.00225", "exact"),
        ("claude-sonnet-4-6", {"service_tier": "priority"}, "0.0045", "uncertain"),
        ("claude-sonnet-4-6", {"fallback_credit": {"status": {"type": "redeemed"}}}, "0.0045", "uncertain"),
        ("claude-opus-4-8", {"speed": "fast"}, "0.015", "exact"),
    ],
)
def test_what_the_price_depends_on(model, usage, dollars, status):
    told = cost(model, reported(answer(model, **usage)))
    assert (told.total, told.status) == (Money.usd(dollars), status)


RAN = {"type": "server_tool_use", "name": "web_search"}


@pytest.mark.parametrize(
    ("given", "content", "status"),
    [
        (100_000, (), "exact"),
        (100_001, (), "exact"),
        (99_999, (RAN,), "exact"),
        (100_001, (RAN,), "uncertain"),
    ],
)
def test_where_several_turns_were_added_up_no_prompt_is_known_to_be_long(given, content, status):
    """Haiku 5.5 charges five times as much above 100,000 tokens of one prompt."""
    rates = option("claude-haiku-5-5").price.standard
    told = cost("claude-haiku-5-5", reported(answer(content=content, input_tokens=given, output_tokens=0)))
    band = rates.base if content or given <= 100_000 else rates.above[0][1]
    assert told.total == Money(given * band.input)
    assert told.status == status


def test_a_turn_in_doubt_is_counted_and_costs_nothing_so_far():
    """Even where no price is known for it: what is known of the others must not be lost."""
    turns = (Turn(Usage(input=400), "unheard-of", doubtful=True), Turn(Usage(input=1000, output=100)))
    told = cost("claude-sonnet-4-6", Report(usage=Usage(input=1400, output=100), turns=turns))
    assert (told.total, told.status) == (Money.usd("0.0045"), CostStatus.UNCERTAIN)


def test_a_turn_without_a_price_leaves_the_whole_without_one():
    turns = (Turn(Usage(input=400), "unheard-of"), Turn(Usage(input=1000, output=100)))
    told = cost("claude-sonnet-4-6", Report(usage=Usage(input=1400, output=100), turns=turns))
    assert told.total is None
