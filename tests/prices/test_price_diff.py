"""What is told of two books: every rate that differs, once, and by how much."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.prices.book import PriceBook
from gateway.prices.diff import changes, percent
from gateway.prices.feed import parse

AT = 1_800_000_000
OLD = {"input_mtok": 2, "output_mtok": 8}


def book(**models):
    entries = [{"id": name, "match": {"equals": name}, **model} for name, model in models.items()]
    return PriceBook(parse(json.dumps([{"id": "p", "models": entries}]).encode(), name="t", day="2027-01-01"))


def told(old, new, old_at=AT, new_at=AT):
    return [(c.model, c.tier, c.above_tokens, c.rate, c.words) for c in changes(old, old_at, new, new_at)]


def test_what_is_the_same_is_not_told():
    assert told(book(m={"prices": OLD}), book(m={"prices": OLD})) == []


def test_a_rate_is_told_once_and_not_by_those_that_follow_it():
    """Cached, audio and image input have no rates of their own here: they move with the input."""
    assert told(book(m={"prices": OLD}), book(m={"prices": OLD | {"input_mtok": 1.5}})) == [
        ("m", "standard", 0, "input", "-25.0%")
    ]
    assert told(book(m={"prices": OLD}), book(m={"prices": OLD | {"cache_read_mtok": 1}})) == [
        ("m", "standard", 0, "cache_read", "-50.0%")
    ]


def test_models_and_tiers_that_are_new_or_gone():
    flex = {"price_variants": [{"when": {"service_tier": "flex"}, "prices": {"input_mtok": 1}}]}
    old, new = book(a={"prices": OLD}, m={"prices": OLD}), book(b={"prices": OLD}, m={"prices": OLD, **flex})
    assert told(old, new) == [
        ("a", None, 0, None, "gone"),
        ("b", None, 0, None, "new"),
        ("m", "flex", 0, None, "new"),
    ]
    assert ("m", "flex", 0, None, "gone") in told(new, old)


def test_bands_and_fees_are_told_too():
    stepped = OLD | {"input_mtok": {"base": 2, "tiers": [{"start": 100, "price": 3}]}, "requests_kcount": 5}
    assert told(book(m={"prices": OLD}), book(m={"prices": stepped})) == [
        ("m", "standard", 0, "request", "new"),
        ("m", "standard", 100, "input", "+50.0%"),
        ("m", "standard", 100, "request", "new"),
    ]


def test_what_nobody_knows_is_not_zero():
    """A fee that is no longer listed is gone, not free."""
    old, new = book(m={"prices": OLD | {"web_searches_kcount": 10}}), book(m={"prices": OLD})
    assert told(old, new) == [("m", "standard", 0, "web_searches", "gone")]
    assert told(new, old) == [("m", "standard", 0, "web_searches", "new")]


def test_two_moments_of_one_book():
    later = [{"prices": OLD}, {"prices": OLD | {"output_mtok": 4}, "constraint": {"start_date": "2027-01-01"}}]
    found = book(m={"prices": later})
    assert told(found, found, AT - 30 * 86400, AT) == [("m", "standard", 0, "output", "-50.0%")]


@given(st.integers(1, 10**15), st.integers(0, 10**15))
def test_percentages_are_right_to_a_tenth(before, after):
    """And have the sign of the move."""
    words = percent(before, after)
    assert words.endswith("%")
    tenths = int(words[:-1].replace(".", ""))
    assert abs(tenths * before - (after - before) * 1000) * 2 <= before
