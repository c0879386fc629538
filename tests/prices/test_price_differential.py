"""Our integers beside genai-prices' own calculator, over random usage of every plain model: equal.

Needs the extra `prices`; the calculator is never part of a running gateway.
"""

import os
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway.core.usage import Usage
from gateway.prices.book import PriceBook
from gateway.prices.rates import inexact

USAGES = 5000
SEED = 20261121
FIRST = datetime(2025, 6, 1, tzinfo=UTC)
DAYS = 530
PLAIN = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok"}


@pytest.fixture(scope="module")
def calculator():
    try:
        import genai_prices
    except ImportError:
        assert "CI" not in os.environ, "genai-prices is missing: pip install -e '.[dev]'"
        pytest.skip("genai-prices is not installed: pip install 'fareway[prices]'")
    return genai_prices


def plain(snapshot):
    """Models that are charged by plain tokens alone, in exact rates, with an id that leads to them."""
    rounded = {(found.provider, found.model) for found in inexact(snapshot)}
    for provider in snapshot.providers.values():
        for model in provider.models:
            lists = [conditional.prices for conditional in model.conditionals]
            units = {unit for prices in lists for unit, rate in prices.items() if rate is not None}
            if units <= PLAIN and all("input_mtok" in p for p in lists) and (provider.id, model.id) not in rounded:
                yield provider.id, model.id, units


def theirs(calculator, provider, model, usage, at):
    """Their answer in pico-dollars; None where they have none."""
    counted = calculator.Usage(
        input_tokens=usage.input_total,
        output_tokens=usage.output,
        **{f"{name}_tokens": count for name in ("cache_read", "cache_write") if (count := getattr(usage, name))},
    )
    try:
        found = calculator.calc_price(counted, model, provider_id=provider, genai_request_timestamp=at)
    except LookupError:
        return None
    return found.model.id, found.total_price * 10**12


def test_both_come_to_the_same(calculator, snapshot, record_property):
    chance = random.Random(SEED)
    book, models, differing, compared = PriceBook(snapshot), list(plain(snapshot)), {}, 0
    while compared < USAGES:
        provider, model, units = chance.choice(models)
        at = FIRST + timedelta(seconds=chance.randrange(DAYS * 86_400))
        given = {"input": chance.choice([chance.randrange(5000), chance.randrange(600_000)])}
        given |= {name: chance.randrange(50_000) for name in ("cache_read", "cache_write") if f"{name}_mtok" in units}
        usage = Usage(**given, output=chance.randrange(20_000))
        answer, price = theirs(calculator, provider, model, usage, at), book.price(provider, model, at.timestamp())
        if answer is None or answer[0] != model:
            continue  # Another entry covers this id there: the first clause that matches wins, an exact id here.
        if price is None:
            assert answer[1] == 0, f"{provider}/{model}"  # Only a configuration can give something away.
            continue
        compared += 1
        if Decimal(price.of(usage).total.picos) != answer[1]:
            differing[f"{provider}/{model}"] = (at.isoformat(), usage, price.of(usage).total.picos, answer[1])
    record_property("compared", compared)
    print(f"{compared} usages of {len(models)} models, {len(differing)} models differ")
    assert not differing
