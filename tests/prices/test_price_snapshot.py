"""The bundled snapshot: pinned, complete, and exact but for a list of known exceptions."""

import gzip
import json
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from gateway.core.money import Money
from gateway.core.price import CostStatus
from gateway.core.usage import Extras, Usage
from gateway.prices import bundled
from gateway.prices.book import PriceBook
from gateway.prices.feed import FeedError, parse
from gateway.prices.rates import figures, inexact, scale

PROVIDERS = [
    "openai",
    "anthropic",
    "google",
    "groq",
    "mistral",
    "deepseek",
    "x-ai",
    "openrouter",
    "together",
    "fireworks",
    "perplexity",
    "cohere",
    "azure",
    "aws",
    "cerebras",
    "moonshotai",
]


def test_published_files_are_pinned():
    """The files are those whose digests were published with them: prices are never edited in place."""
    assert bundled.header().sha256 == {
        "prices.json.gz": "206391e80316830c50c9ed75fb0fe854590aeae7a93c7160848afbd11c3d22d1",
        "output_limits.json.gz": "d29229cc43bd71de88f09dceb4b481c5cff005ba614c2b415b90a8cbfe6e7b0a",
    }
    assert bundled.snapshot().digest == bundled.header().sha256["prices.json.gz"]


def test_an_edited_file_is_refused(monkeypatch, tmp_path):
    """A snapshot that is not the pinned one is not used."""
    (tmp_path / "snapshot.json").write_bytes(bundled.HERE.joinpath("snapshot.json").read_bytes())
    (tmp_path / "prices.json.gz").write_bytes(gzip.compress(b"[]"))
    monkeypatch.setattr(bundled, "HERE", tmp_path)
    with pytest.raises(FeedError, match=r"prices\.json\.gz"):
        bundled.unpacked("prices.json.gz")


def test_every_rate_is_exact_or_a_listed_exception(snapshot):
    """Whoever takes a new snapshot looks at each rate that had to be rounded, and lists it."""
    listed = yaml.safe_load((Path(__file__).parent / "inexact.yaml").read_text())
    found = inexact(snapshot)
    assert [[e.provider, e.model, e.unit, str(e.published), e.picos] for e in found] == listed
    for exception in found:
        assert exception.reason
        if exception.picos is not None:
            exact = Fraction(exception.published) * scale(exception.unit)
            assert exact < exception.picos < exact + 1
            assert str(exception.published) in exception.reason


def test_a_unit_that_nobody_knows_is_listed_and_makes_a_cost_uncertain():
    entry = {"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 1, "vibes_kcount": 2}}
    feed = parse(json.dumps([{"id": "p", "models": [entry]}]).encode(), name="test", day="2026-01-01")
    (found,) = inexact(feed)
    assert (found.unit, found.picos, found.reason) == ("vibes_kcount", None, "not a unit that is known here")
    assert PriceBook(feed).price("p", "m", 0).of(Usage(input=1)).status is CostStatus.UNCERTAIN


def test_what_is_not_counted_is_in_doubt_only_where_a_plain_call_uses_it(book):
    """Perplexity charges citation tokens that nobody here counts; annotations of pages are asked for, or not."""
    at = datetime.fromisoformat("2026-11-15T12:00:00+00:00").timestamp()
    research = book.price("perplexity", "sonar-deep-research", at)
    assert research.of(Usage(input=1, output=1)).status is CostStatus.UNCERTAIN
    cost = book.price("mistral", "mistral-ocr-4-1", at).of(Usage(extras=Extras(pages=3)))
    assert (cost.total, cost.status) == (Money.usd("0.012"), CostStatus.EXACT)


def test_every_other_rate_is_whole(snapshot):
    """Counted independently: what one costs is a whole number of pico-dollars."""
    exceptions = {(e.provider, e.model, e.unit, e.published) for e in inexact(snapshot)}
    count = 0
    for provider in snapshot.providers.values():
        for model in provider.models:
            for item in (*model.conditionals, *model.variants):
                for unit, amount in figures(item.prices):
                    count += 1
                    if (provider.id, model.id, unit, amount) not in exceptions:
                        assert Fraction(amount) * scale(unit) % 1 == 0
    assert count > 7000


def test_the_providers_that_the_gateway_names_are_there(snapshot, book):
    """Ids are those of genai-prices; each has models with token prices, and the large ones output limits."""
    for provider in PROVIDERS:
        assert provider in snapshot.providers
        assert book.models(provider)
    assert len(snapshot.providers) == 47
    assert snapshot.model_count == 2330
    assert set(bundled.output_limits()) == set(PROVIDERS) - {"openrouter"}
    assert (book.id, book.date) == ("genai-prices-0.2.3", "2026-11-10")
