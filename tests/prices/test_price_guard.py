"""Which new feeds are refused."""

import dataclasses
import json
from fractions import Fraction

import msgspec
import pytest

from gateway.prices.feed import parse
from gateway.prices.guard import judge

AT = 1_790_000_000  # 2026-09-21 14:13:20 UTC.
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
    prices = first.pop("prices", {})
    data[0]["models"][0] |= {"prices": plain | prices if isinstance(prices, dict) else prices, **first}
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


def dated(usd, **constraint):
    """Two price lists, of which the second counts when the constraint says so."""
    plain, other = ({"input_mtok": amount, "output_mtok": 8} for amount in (2, usd))
    return feed(prices=[{"prices": plain}, {"prices": other, "constraint": constraint}])


HALF_PAST_ONE = {"start_time": "01:30:00Z", "end_time": "02:00:00Z"}


@pytest.mark.parametrize(
    ("constraint", "when"),
    [
        ({"start_date": "2026-09-22"}, "2026-09-22 00:00 UTC"),
        ({"start_date": "2031-01-01"}, "2031-01-01 00:00 UTC"),
        (HALF_PAST_ONE, "2026-09-22 01:30 UTC"),
        ({"start_time": "14:13:21Z", "end_time": "14:14:00Z"}, "2026-09-21 14:13 UTC"),
    ],
)
def test_what_a_price_will_be_is_looked_at_too(constraint, when):
    """A list that counts from tomorrow on, or at some hours, moves a price as one that counts now."""
    reason = f"p0/m0.input moves from 2000000 to 2000 pico-dollars, more than 3-fold, as of {when}"
    known = dated("0.002", **constraint)
    reasons = judge(feed(), known, IN_USE, AT).reasons
    assert reasons[0] == reason
    assert all(found.endswith(when) for found in reasons)
    assert judge(feed(), dated(4, **constraint), IN_USE, AT).accepted
    assert judge(known, known, IN_USE, AT).accepted


def test_hours_are_looked_at_on_both_sides_of_a_date():
    """A new day may bring other prices, and its hours of their own."""
    old = [{"prices": {"input_mtok": 2}}, {"prices": {"input_mtok": 6}, "constraint": {"start_date": "2026-12-01"}}]
    night = {"prices": {"input_mtok": 1}, "constraint": HALF_PAST_ONE}
    assert judge(feed(prices=old), feed(prices=[*old, night]), IN_USE, AT).reasons[0] == (
        "p0/m0.input moves from 6000000 to 1000000 pico-dollars, more than 3-fold, as of 2026-12-01 01:30 UTC"
    )


def test_a_price_that_will_be_gone():
    """Of a list without rates that begins some day."""
    later = [{"prices": {"input_mtok": 2}}, {"prices": {}, "constraint": {"start_date": "2027-01-01"}}]
    verdict = judge(feed(prices=[later[0]]), feed(prices=later), IN_USE, AT)
    assert verdict.reasons == ("p0/m0 is no longer priced, as of 2027-01-01 00:00 UTC",)


def test_more_changes_than_are_looked_at():
    """A list of endless dates keeps no process busy: a person may look at it."""
    dates = [{"prices": {"input_mtok": 2}, "constraint": {"start_date": f"{2027 + n}-01-01"}} for n in range(100)]
    plain = feed(prices=[{"prices": {"input_mtok": 2}}])
    assert judge(plain, feed(prices=[{"prices": {"input_mtok": 2}}, *dates[1:]]), IN_USE, AT).accepted
    verdict = judge(plain, feed(prices=[{"prices": {"input_mtok": 2}}, *dates]), IN_USE, AT)
    assert verdict.reasons == ("p0/m0 has more than 100 dates and hours at which it changes",)


@pytest.mark.parametrize(
    ("usd", "accepted"), [("1", True), ("0.5", True), ("0.499999", False), ("8", True), ("8.000001", False)]
)
def test_a_new_tier_is_compared_with_what_was_the_standard(usd, accepted):
    """It is what a call is booked at that asks for it: half is usual, a quarter or fourfold the furthest published."""
    flex = {"price_variants": [{"when": {"service_tier": "flex"}, "prices": {"input_mtok": usd}}]}
    verdict = judge(feed(), feed(**flex), IN_USE, AT)
    assert verdict.accepted is accepted
    assert accepted or "p0/m0 at the new flex.input moves from 2000000 to " in verdict.reasons[0]
    assert accepted or "more than 4-fold" in verdict.reasons[0]
    assert judge(feed(), feed(**flex), IN_USE, AT, 5).accepted


def test_every_published_tier_would_be_taken_as_a_new_one(snapshot):
    """Without its tiers before, and with them after, each model of the snapshot passes."""
    bare = {
        name: msgspec.structs.replace(
            provider, models=tuple(msgspec.structs.replace(model, price_variants=None) for model in provider.models)
        )
        for name, provider in snapshot.providers.items()
    }
    everything = {(p.id, m.id) for p in snapshot.providers.values() for m in p.models if m.variants}
    assert judge(dataclasses.replace(snapshot, providers=bare), snapshot, everything, AT).reasons == ()
