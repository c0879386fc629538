"""New prices of models in use are told, and of others not."""

import json

from gateway.alerts.repriced import NAMED_MAX, repriced
from gateway.core.alert import AlertKind
from gateway.prices.book import PriceBook
from gateway.prices.feed import parse

NOW = 1_800_000_000.0


def book(day, **inputs):
    models = [
        {"id": name, "match": {"equals": name}, "prices": {"input_mtok": rate, "output_mtok": 8}}
        for name, rate in inputs.items()
    ]
    return PriceBook(parse(json.dumps([{"id": "p", "models": models}]).encode(), name="feed", day=day))


OLD = book("2026-11-01", a=2, b=2, c=2)


def test_models_in_use_that_cost_another_amount_are_told():
    alert = repriced(OLD, book("2026-11-02", a=3, b=1, d=1), {("p", "a"), ("p", "c"), ("p", "d")}, NOW)
    assert alert.kind is AlertKind.PRICE_CHANGED
    assert "of 2026-11-02: p/a input +50.0%, p/c gone, p/d new." in alert.sentence
    assert alert.data["changes"] == "3"


def test_what_nobody_uses_is_not_told():
    assert repriced(OLD, book("2026-11-02", a=3, b=2, c=2), {("p", "b"), ("p", "c")}, NOW) is None
    assert repriced(OLD, book("2026-11-02", a=3), (), NOW) is None


def test_of_many_a_few_are_named():
    names = [f"m{number}" for number in range(NAMED_MAX + 2)]
    old, new = (book(day, **dict.fromkeys(names, rate)) for day, rate in (("2026-11-01", 1), ("2026-11-02", 2)))
    alert = repriced(old, new, {("p", name) for name in names}, NOW)
    assert alert.sentence.count("+100.0%") == NAMED_MAX
    assert alert.sentence.endswith(", and 2 more.")


def test_the_same_change_is_the_same_alert_and_the_way_back_another():
    new = book("2026-11-02", a=3)
    there = [repriced(OLD, new, {("p", "a")}, at).id for at in (NOW, NOW + 5)]
    assert there[0] == there[1] != repriced(new, OLD, {("p", "a")}, NOW).id
