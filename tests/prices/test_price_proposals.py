"""GPU prices of others: how lists are read, what looks suspicious, and that only a yes makes them count."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prices.proposals import Catalogue, ProposalError, Proposals, moves, offers, proposal, suspicions

DAY = "2026-11-21"
HUNT = {
    "provider": "runpod",
    "instance_name": "H100-1",
    "location": "EU",
    "price": "2.39",
    "gpu_name": "H100",
    "gpu_count": "1",
    "gpu_memory": "80.0",
    "spot": "False",
}
SKY = {
    "InstanceType": "p5.48xlarge",
    "AcceleratorName": "H100",
    "AcceleratorCount": "8.0",
    "Region": "us-east-1",
    "Price": "98.32",
    "SpotPrice": "",
}


def catalogue(*rows, before=None):
    return proposal(rows, provider="aws", source="test", day=DAY, before=before)


def test_a_row_of_gpuhunt():
    (offer,) = offers([HUNT], "", DAY)
    assert offer.name == ("runpod", "H100-1", "EU", "H100", 1, False)
    assert (offer.nanos_per_hour, offer.gpu_memory_gb, offer.day) == (2_390_000_000, Decimal(80), DAY)
    (spot,) = offers([HUNT | {"spot": True, "gpu_memory": None, "provider": ""}], "mine", DAY)
    assert (spot.provider, spot.spot, spot.gpu_memory_gb) == ("mine", True, None)


def test_a_row_of_skypilot_has_two_prices():
    both = offers([SKY | {"SpotPrice": "30.1"}], "aws", DAY)
    assert [(o.spot, o.gpu_count, o.nanos_per_hour) for o in both] == [
        (False, 8, 98_320_000_000),
        (True, 8, 30_100_000_000),
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"gpu_name": ""},
        {"gpu_name": None},
        {"gpu_count": "0"},
        {"gpu_count": ""},
        {"gpu_count": "0.5"},
        {"price": ""},
        {"price": "nan"},
    ],
)
def test_rows_that_price_no_whole_gpu_are_left_out(row):
    assert len(offers([HUNT | row, SKY], "aws", DAY)) == 1
    with pytest.raises(ProposalError, match="prices no GPU"):
        offers([HUNT | row], "aws", DAY)


@pytest.mark.parametrize(
    "row",
    [
        {"price": "0"},
        {"price": "-1"},
        {"price": "1e6"},
        {"price": "1e999999999"},
        {"price": "cheap"},
        {"price": "Infinity"},
        {"gpu_count": "many"},
    ],
)
def test_an_absurd_row_spoils_the_list(row):
    with pytest.raises(ProposalError, match="row 2"):
        offers([HUNT, HUNT | row], "", DAY)
    with pytest.raises(ProposalError, match="shape"):
        offers([{"name": "x"}], "", DAY)


@given(st.decimals("0.0000000001", "99999", places=10))
def test_nano_dollars_are_rounded_up(price):
    """Never less than the price, never a nano-dollar more."""
    (offer,) = offers([HUNT | {"price": str(price)}], "", DAY)
    assert 0 <= offer.nanos_per_hour - price * 10**9 < 1


def test_the_dearer_of_two_prices_for_one_offer_counts():
    found = offers([HUNT, HUNT | {"price": "3"}, HUNT | {"price": "1"}], "", DAY)
    assert [offer.nanos_per_hour for offer in found] == [3_000_000_000]


def test_moves_tell_what_is_new_gone_and_how_far_the_rest_went():
    before = catalogue(HUNT, HUNT | {"location": "US"}, SKY)
    found = offers([HUNT | {"price": "4.78"}, HUNT | {"location": "AP"}], "", DAY)
    told = [(move.offer.provider, move.offer.location, move.words) for move in moves(before, found)]
    assert told == [("runpod", "AP", "new"), ("runpod", "EU", "+100.0%"), ("runpod", "US", "gone")]
    assert [move.words for move in moves(None, found)] == ["new", "new"]


@pytest.mark.parametrize(("price", "good"), [("7.17", True), ("7.170000001", False), ("0.79", False), ("0.8", True)])
def test_a_price_that_moves_more_than_threefold_is_suspicious(price, good):
    before = catalogue(HUNT)
    assert (catalogue(HUNT | {"price": price}, before=before).reasons == ()) is good


@pytest.mark.parametrize(("left", "good"), [(10, True), (9, False), (1, False)])
def test_a_provider_that_lost_a_tenth_is_suspicious(left, good):
    rows = [HUNT | {"location": str(i)} for i in range(10)]
    found = list(suspicions(catalogue(*rows, SKY).offers, offers(rows[:left], "", DAY)))
    assert (found == []) is good


def test_only_a_yes_makes_a_proposal_count(tmp_path):
    """And it replaces the offers of its own providers only."""
    home = Proposals(tmp_path)
    assert home.approved() is home.proposed() is home.approve() is None
    home.propose(catalogue(SKY, HUNT))
    assert home.approved() is None
    assert len(home.approve().offers) == 2
    assert home.proposed() is None
    home.propose(catalogue(HUNT | {"price": "2"}, before=home.approved()))
    home.approve()
    kept = home.approved()
    assert isinstance(kept, Catalogue)
    assert [(o.provider, o.nanos_per_hour) for o in kept.offers] == [("aws", 98_320_000_000), ("runpod", 2_000_000_000)]


def test_a_broken_catalogue_is_an_error_of_one_line(tmp_path):
    home = Proposals(tmp_path)
    home.propose(catalogue(SKY))
    (tmp_path / "prices" / "gpus-proposed.json").write_text("{")
    with pytest.raises(ProposalError, match="broken"):
        home.approve()
