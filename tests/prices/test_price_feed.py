"""Reading feeds: exact numbers, and errors that name their place."""

import json
from decimal import Decimal

import pytest

from gateway.prices.feed import FeedError, parse
from gateway.prices.match import find


def body(prices=None, match=None, **model):
    match, prices = {"equals": "m"} if match is None else match, {} if prices is None else prices
    entry = {"id": "m", "match": match, "prices": prices, **model}
    return json.dumps([{"id": "p", "name": "ignored", "models": [entry]}]).encode()


def read(raw):
    return parse(raw, name="test", day="2026-01-01")


def test_numbers_keep_every_digit():
    """A JSON number and a text both become the Decimal of their digits, with no float between."""
    raw = body({"input_mtok": "XX", "output_mtok": "0.10"}).replace(b'"XX"', b"0.08333333333333334000000000000001")
    prices = read(raw).providers["p"].models[0].prices
    assert prices["input_mtok"] == Decimal("0.08333333333333334000000000000001")
    assert prices["output_mtok"] == Decimal("0.10")


def test_a_digest_names_a_live_feed():
    """The id of a live feed follows from its bytes."""
    feed = parse(body(), name="live-{digest}", day="2026-01-01")
    assert feed.id == f"live-{feed.digest[:12]}"
    assert len(feed.digest) == 64


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"[", "truncated"),
        (b"{}", "Expected `array`"),
        (b'[{"id": "p", "models": [{"id": "m"}]}]', r"\$\[0\]\.models\[0\]"),
        (b"[" * 100_000, "not readable"),
        (b'[{"id": "\xd6", "models": []}]', "not readable"),
        (b'[{"id": "p", "models": []}, {"id": "p", "models": []}]', "twice"),
        (body({"input_mtok": "abc"}), r"\$\[0\]\.models\[0\]\.prices"),
        (body({"input_mtok": "-1"}), r"p/m: prices\[0\]\.input_mtok is not a price"),
        (body({"input_mtok": "NaN"}), "input_mtok"),
        (body({"input_mtok": "1E+999999"}), "input_mtok"),
        (body({"input_mtok": "1E-999999"}), "input_mtok"),
        (body({"input_mtok": {"base": 1, "tiers": [{"start": 2, "price": 1}, {"start": 1, "price": 2}]}}), "ascend"),
        (body([]), "prices is an empty list"),
        (body([{"prices": {}, "constraint": {"start_time": "01:00:00Z"}}]), r"prices\[0\]\.constraint"),
        (body([{"prices": {}, "constraint": {"weekday": 6}}]), "weekday"),
        (body(match={}), "match must have exactly one"),
        (body(match={"or": [{"equals": "a", "regex": "b"}]}), r"match\[0\]"),
        (body(match={"like": "a"}), "like"),
        (body(match={"regex": "("}), r"match\.regex does not compile"),
        (body(match={"regex": "a{99999999999}"}), r"match\.regex does not compile"),
        (
            body(match={"or": [{"regex": "^(z+)+$"}]}),
            r"match\[0\]\.regex may take too long to match: it repeats a group",
        ),
        (body(price_variants=[{"when": {}, "prices": {}}]), "when is empty"),
    ],
)
def test_what_is_wrong_is_named(raw, place):
    """A feed that cannot be read in full is not read at all, and the error says where it fails."""
    with pytest.raises(FeedError, match=place):
        read(raw)


@pytest.mark.parametrize(
    ("clause", "yes", "no"),
    [
        ({"equals": "Ab"}, "aB", "abc"),
        ({"starts_with": "Ab"}, "ABc", "cab"),
        ({"ends_with": "bC"}, "abc", "bcd"),
        ({"contains": "B"}, "abc", "ac"),
        ({"regex": r"^a-\d$"}, "A-1", "a-12"),
        ({"or": [{"equals": "a"}, {"equals": "b"}]}, "b", "c"),
        ({"and": [{"starts_with": "a"}, {"ends_with": "z"}]}, "a-z", "a-y"),
    ],
)
def test_clauses(clause, yes, no):
    """Each kind of clause covers what it says, in any case of letters."""
    feed = read(body({"input_mtok": 1}, match=clause))
    assert find(feed, "p", yes) is not None
    assert find(feed, "p", no) is None


def test_an_exact_id_goes_before_an_earlier_clause():
    """Within a list the file's order decides, but a model's own id is never shadowed."""
    models = [
        {"id": "broad", "match": {"starts_with": "gpt"}, "prices": {}},
        {"id": "gpt-x", "match": {"equals": "gpt-x"}, "prices": {}},
        {"id": "late", "match": {"starts_with": "gpt-y"}, "prices": {}},
    ]
    feed = read(json.dumps([{"id": "p", "models": models}]).encode())
    assert find(feed, "p", "GPT-X").model.id == "gpt-x"
    assert find(feed, "p", "gpt-y").model.id == "broad"


def test_other_providers_help_out_one_step(snapshot):
    """Azure is priced by OpenAI's list where its own has no entry, and the finding says whose it is."""
    found = find(snapshot, "azure", "gpt-4o-2024-08-06")
    assert (found.provider, found.model.id, found.own) == ("openai", "gpt-4o", False)
    assert find(snapshot, "azure", "no-such-model") is None
    assert find(snapshot, "no-such-provider", "gpt-4o") is None


def test_compact_dates_are_written_in_full(snapshot):
    """gpt-4o-20240806 is gpt-4o-2024-08-06; what is no date stays as it is; an endless name is no model."""
    assert find(snapshot, "openai", "gpt-4o-20240806").model.id == "gpt-4o"
    assert find(snapshot, "openai", "gpt-4o-20249999") is None
    assert find(snapshot, "openai", "gpt-4o" * 100) is None
