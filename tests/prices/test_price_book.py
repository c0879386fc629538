"""The price book: dates, hours, tiers, bounds."""

import json
from datetime import date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.price import CostStatus
from gateway.core.usage import Usage
from gateway.prices import book as book_module
from gateway.prices.book import PriceBook
from gateway.prices.bundled import price_book
from gateway.prices.compose import compose
from gateway.prices.dated import active, window
from gateway.prices.feed import Constraint, parse
from gateway.prices.recent import Recent


def unix(text):
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


NOW = unix("2026-11-15T12:00:00")


def feed_of(prices, **model):
    entry = {"id": "m", "match": {"equals": "m"}, "prices": prices, **model}
    return parse(json.dumps([{"id": "p", "models": [entry]}]).encode(), name="test", day="2026-01-01")


def listed(usd, **constraint):
    return {"prices": {"input_mtok": usd, "output_mtok": usd}, **({"constraint": constraint} if constraint else {})}


@pytest.mark.parametrize(("tokens", "rate"), [(199_999, 1_250_000), (200_000, 2_500_000), (200_001, 2_500_000)])
def test_xai_steps_at_200000_inclusive(book, tokens, rate):
    """The higher rate applies from 200,000 tokens on, to the whole call."""
    cost = book.price("x-ai", "grok-4.3", NOW).of(Usage(input=tokens))
    assert cost.total.picos == tokens * rate
    assert cost.status is CostStatus.EXACT


@pytest.mark.parametrize(("tokens", "rate"), [(199_999, 1_250_000), (200_000, 1_250_000), (200_001, 2_500_000)])
def test_gemini_steps_above_200000(book, tokens, rate):
    """Google charges the higher rate for more than 200,000 tokens; cached ones count towards the size."""
    price = book.price("google", "gemini-2.5-pro", NOW)
    assert price.of(Usage(input=tokens - 10, cache_read=10)).input.picos == (tokens - 10) * rate


def test_tiers_are_named_as_providers_name_them(book):
    """Service tiers by their name, batch too, other contexts with their key; `default` is the standard."""
    gpt = book.price("openai", "gpt-5", NOW)
    assert sorted(gpt.tiers) == ["batch", "fast", "flex", "priority"]
    assert gpt.of(Usage(input=1), "flex").total.picos * 2 == gpt.of(Usage(input=1), "default").total.picos
    assert gpt.of(Usage(input=1), "Flex").status is CostStatus.UNCERTAIN
    claude = book.price("anthropic", "claude-opus-4-8", NOW)
    assert {"batch", "speed:fast"} <= set(claude.tiers)


def test_no_tiers_from_a_list_that_helps_out(book):
    """Azure borrows OpenAI's rates, not its service tiers."""
    assert not book.price("azure", "gpt-5", NOW).tiers


def test_dated_prices_change_at_midnight_utc():
    """t-1, t, t+1, forwards and backwards through the cache; the id says since when."""
    prices = PriceBook(feed_of([listed(1), listed(2, start_date="2026-03-01"), listed(3, start_date="2026-04-01")]))
    march, april = unix("2026-03-01T00:00:00"), unix("2026-04-01T00:00:00")
    expected = [(march - 1, 1), (march, 2), (march + 1, 2), (april - 1, 2), (april, 3), (april + 1, 3)]
    for at, usd in expected + expected[::-1]:
        assert prices.price("p", "m", at).standard.base.input == usd * 10**6
    assert prices.price("p", "m", march).id == "test/p/m@2026-03-01"
    assert prices.price("p", "m", 0).id == "test/p/m@start"


def test_hours_of_the_day():
    """A daily interval includes its start and not its end, every day, whatever was cached before."""
    prices = PriceBook(feed_of([listed(1), listed(2, start_time="01:00:00Z", end_time="04:00:00Z")]))
    for day in ("2026-01-01", "2026-07-31"):
        for hour, usd in [("00:59:59", 1), ("01:00:00", 2), ("03:59:59", 2), ("04:00:00", 1), ("23:59:59", 1)]:
            assert prices.price("p", "m", unix(f"{day}T{hour}")).standard.base.input == usd * 10**6
    assert prices.price("p", "m", unix("2026-01-01T02:00:00")).id == "test/p/m@startT01:00-04:00"


def test_an_interval_may_cross_midnight():
    """From 22:30 until 01:00, written with an offset."""
    zone = timezone(timedelta(hours=8))
    night = Constraint(start_time=time(6, 30, tzinfo=zone), end_time=time(9, 0, tzinfo=zone))
    hours = {
        "22:29:59": False,
        "22:30:00": True,
        "23:59:59": True,
        "00:00:00": True,
        "00:59:59": True,
        "01:00:00": False,
    }
    for hour, expected in hours.items():
        assert active(night, unix(f"2026-01-01T{hour}")) is expected


clocks = st.times().map(lambda clock: clock.replace(microsecond=0))
constraints = st.one_of(
    st.builds(Constraint, start_date=st.dates(date(2024, 1, 1), date(2027, 12, 31))),
    st.builds(lambda start, end: Constraint(start_time=start, end_time=end), clocks, clocks),
)


@given(st.lists(constraints, max_size=4), st.integers(1_700_000_000, 1_900_000_000), st.integers(-200_000, 200_000))
def test_nothing_changes_within_a_window(some, at, step):
    """The cache may keep a price for its window: no constraint begins or ends in it; and the instant is in it."""
    valid = window(some, at)
    assert valid.since <= at < valid.until
    if valid.since <= at + step < valid.until:
        assert [active(one, at) for one in some] == [active(one, at + step) for one in some]
    for edge in (valid.since, valid.until - 1):
        if abs(edge) != float("inf"):
            assert [active(one, edge) for one in some] == [active(one, at) for one in some]


@pytest.mark.parametrize("prices", [{}, {"input_mtok": 0, "output_mtok": 0}, {"output_mtok": 1}, {"audio_hours": 0}])
def test_a_feed_gives_nothing_away(prices):
    """No rate, or a claim that all is free, is no price: only a configuration can set zero."""
    assert PriceBook(feed_of(prices)).price("p", "m", NOW) is None


def test_unknown_is_none(book):
    """Unknown providers and models have no price, the second time as well."""
    for _ in range(2):
        assert book.price("openai", "no-such-model", NOW) is None
        assert book.price("no-such-provider", "gpt-4o", NOW) is None
        assert book.price("openai", "gpt-4o" * 100, NOW) is None
        assert book.context_window("openai", "gpt-4o" * 100) is None


def test_invented_names_do_not_fill_the_memory(monkeypatch):
    """Callers may invent names for ever, matched by a clause or not."""
    monkeypatch.setattr(book_module, "REMEMBERED", 10)
    prices = price_book()
    for number in range(50):
        assert prices.price("anthropic", f"claude-3-haiku-{number}", NOW)
        assert prices.price("groq", f"nothing-{number}", NOW) is None
        assert prices.context_window("anthropic", f"claude-3-haiku-{number}") == 200_000
    assert len(prices._priced) == len(prices._unpriced) == len(prices._found) == 10
    assert prices.price("anthropic", "claude-3-haiku-0", NOW)


def test_the_least_recently_used_goes_first():
    recent = Recent(2)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert (recent.get("a"), recent.get("b"), recent.get("c")) == (1, None, 3)


def test_a_repeated_look_up_gives_the_same_object(book):
    """A price is composed once per validity, whatever the second."""
    assert book.price("openai", "gpt-4o", NOW) is book.price("openai", "gpt-4o", NOW + 1000)


def test_models_windows_and_limits(book):
    """What the catalogue says besides prices; the simulated provider is listed like any other."""
    assert book.models("sim") == ("sim-caching", "sim-embed", "sim-large", "sim-medium", "sim-small")
    assert "gpt-5" in book.models("openai")
    deprecated = {model.id for model in book.feed.providers["cohere"].models if model.deprecated}
    assert deprecated
    assert not deprecated & set(book.models("cohere"))
    assert book.models("nobody") == ()
    assert book.context_window("openai", "gpt-5-2025-08-07") == 400_000
    assert book.context_window("sim", "sim-small") is None
    assert book.output_max("openai", "gpt-5-2025-08-07") == 128_000
    assert book.output_max("azure", "gpt-5") == 128_000
    assert book.output_max("openrouter", "openai/gpt-5") == 128_000
    assert book.output_max("openrouter", "nobody/nothing") is None
    assert book.output_max("sim", "sim-small") is None


def test_the_simulated_provider_costs_what_it_says(book):
    """A million of each: 2.50 + 1.25 + 10.00."""
    million = Usage(input=10**6, cache_read=10**6, output=10**6)
    assert str(book.price("sim", "sim-large", NOW).of(million).total) == "$13.75"
    assert str(book.price("sim", "sim-embed", NOW).of(Usage(input=10**6)).total) == "$0.02"


def test_every_model_composes_at_any_time(snapshot):
    """Each entry of the snapshot gives a price or none, at the turn of every year; never an error."""
    priced = 0
    for provider in snapshot.providers.values():
        for model in provider.models:
            for year in (2024, 2027):
                made = compose(snapshot, provider.id, model.id, unix(f"{year}-01-01T00:00:00"))
                priced += made.price is not None
    assert priced > 4000


def test_exceptions_are_at_hand(book):
    """The rounded rates are readable from the book, for a report."""
    assert book.exceptions
    assert all(entry.reason for entry in book.exceptions)
