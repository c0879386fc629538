"""Which new feeds are refused."""

import json
from fractions import Fraction

import pytest

from gateway.prices.feed import parse
from gateway.prices.guard import judge

AT = 1_790_000_000
IN_USE = {("p0", "m0")}


def feed(*, providers=10, models=1, **first):
    """Ten providers with a model each; the first model's price as given."""
    plain = {"input_mtok": 2, "output_mtok": 8}
    data = [
        {
            "id": f"p{p}",
            "models": [{"id": f"m{m}", "match": {"equals": f"m{m}"}, "prices": plain} for m in range(models)],
        }
        for p in range(providers)
    ]
    data[0]["models"][0] |= {"prices": plain | first.pop("prices", {}), **first}
    return parse(json.dumps(data).encode(), name="test", day="2026-01-01")


def test_the_same_is_accepted(snapshot):
    """A feed that changes nothing in use passes, with every model of the snapshot in use."""
    everything = {(p.id, m.id) for p in snapshot.providers.values() for m in p.models[:5]}
    verdict = judge(snapshot, snapshot, everything, AT)
    assert verdict.accepted
    assert verdict.reasons == ()


@pytest.mark.parametrize(("left", "accepted"), [(11, True), (10, True), (9, False), (0, False)])
def test_ten_percent_fewer_providers(left, accepted):
    """A tenth less is too much; more is always welcome."""
    new = feed(providers=left) if left else parse(b"[]", name="t", day="d")
    assert judge(feed(), new, set(), AT).accepted is accepted


@pytest.mark.parametrize(("left", "accepted"), [(20, True), (19, True), (18, False)])
def test_ten_percent_fewer_models(left, accepted):
    verdict = judge(feed(models=20), feed(models=left), set(), AT)
    assert verdict.accepted is accepted
    assert accepted or "models where it had 200" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("usd", "accepted"), [("6", True), ("6.000001", False), ("0.666667", True), ("0.666666", False), ("0", False)]
)
def test_a_rate_in_use_moves_at_most_threefold(usd, accepted):
    """Either way, to the pico-dollar: three times is accepted, the least more is not."""
    new = feed(prices={"input_mtok": usd})
    verdict = judge(feed(), new, IN_USE, AT)
    assert verdict.accepted is accepted
    assert accepted or any("p0/m0.input " in reason for reason in verdict.reasons)
    assert judge(feed(), new, {("p1", "m0"), ("sim", "sim-small")}, AT).accepted


def test_the_factor_is_a_setting():
    new = feed(prices={"input_mtok": 3})
    assert judge(feed(), new, IN_USE, AT, Fraction(3, 2)).accepted
    assert not judge(feed(), new, IN_USE, AT, Fraction(4, 3)).accepted


def test_a_price_in_use_disappears():
    """No longer listed, or no longer with a token price."""
    renamed = feed(id="other", match={"equals": "other"})
    assert judge(feed(), renamed, IN_USE, AT).reasons == ("p0/m0 is no longer priced",)
    assert judge(feed(), feed(prices={"input_mtok": None}), IN_USE, AT).reasons == ("p0/m0 is no longer priced",)


def test_bands_and_tiers_are_looked_at_too():
    """A new band for large prompts and a lost tier are moves as well."""
    stepped = {"input_mtok": {"base": 2, "tiers": [{"start": 100, "price": 7}]}}
    assert not judge(feed(), feed(prices=stepped), IN_USE, AT).accepted
    tier = {"price_variants": [{"when": {"service_tier": "flex"}, "prices": {"input_mtok": 1}}]}
    assert judge(feed(**tier), feed(), IN_USE, AT).reasons == ("p0/m0 no longer has a price for flex",)
    cheap = {"price_variants": [{"when": {"service_tier": "flex"}, "prices": {"input_mtok": "0.1"}}]}
    assert "p0/m0 at flex.input moves" in judge(feed(**tier), feed(**cheap), IN_USE, AT).reasons[0]


def test_a_fee_out_of_nothing_is_a_move():
    """From zero, any amount is more than any factor."""
    verdict = judge(feed(), feed(prices={"requests_kcount": 5}), IN_USE, AT)
    assert verdict.reasons == ("p0/m0.request moves from 0 to 5000000000 pico-dollars, more than 3-fold",)
