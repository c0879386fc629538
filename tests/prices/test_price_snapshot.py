"""The bundled snapshot: pinned, complete, and exact but for a list of known exceptions."""

import gzip
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from gateway.prices import bundled
from gateway.prices.feed import FeedError
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
        exact = Fraction(exception.published) * 10**6
        assert exact < exception.picos < exact + 1
        assert str(exception.published) in exception.reason


def test_every_other_rate_is_whole(snapshot):
    """Counted independently: dollars per million times a million is whole, so a token costs whole pico-dollars."""
    exceptions = {(e.provider, e.model, e.unit, e.published) for e in inexact(snapshot)}
    count = 0
    for provider in snapshot.providers.values():
        for model in provider.models:
            for item in (*model.conditionals, *model.variants):
                for unit, amount in figures(item.prices):
                    count += 1
                    if (provider.id, model.id, unit, amount) not in exceptions:
                        assert (amount * scale(unit)) % 1 == Decimal(0)
    assert count > 6000


def test_the_providers_that_the_gateway_names_are_there(snapshot, book):
    """Ids are those of genai-prices; each has models with token prices, and the large ones output limits."""
    for provider in PROVIDERS:
        assert provider in snapshot.providers
        assert book.models(provider)
    assert len(snapshot.providers) == 47
    assert snapshot.model_count == 2330
    assert set(bundled.output_limits()) == set(PROVIDERS) - {"openrouter"}
    assert (book.id, book.date) == ("genai-prices-0.2.3", "2026-11-10")
