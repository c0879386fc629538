"""Usage and prices make one cost, by the same rule at the call and years after it."""

import pytest
from charges import flat

from gateway.core.costing import priced, settled, settling_price, with_doubt
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus, Price, Schedule
from gateway.core.usage import Report, Turn, Usage

OWN, OTHER = Price("own", Schedule(flat(1))), Price("other", Schedule(flat(10)))
BOOK = {"other": OTHER}.get
EXACT = Cost(Money(1), CostStatus.EXACT)


@pytest.mark.parametrize(
    ("model", "served", "own", "expected"),
    [
        ("m", "other", OWN, OWN),
        ("m-latest", "other", OWN, OTHER),
        ("m-latest", "unknown", OWN, OWN),
        ("m-latest", None, OWN, OWN),
        ("m", "other", None, OTHER),
        ("m", "unknown", None, None),
        ("m", "", None, None),
    ],
)
def test_a_moving_alias_pays_for_what_it_stood_for(model, served, own, expected):
    assert settling_price(model, served, own, BOOK) is expected


def test_parts_are_priced_each_at_its_model_and_doubt_spreads():
    turns = (Turn(Usage(input=5)), Turn(Usage(input=2), "other", doubtful=True))
    cost, parts = priced(Usage(input=7), turns, None, OWN, BOOK)
    assert (cost.total, cost.status) == (Money(5), CostStatus.UNCERTAIN), "what may not be charged costs nothing so far"
    assert [(part.model, part.cost.total, part.doubtful) for part in parts] == [
        ("", Money(5), False),
        ("other", Money(0), True),
    ]
    sure = (Turn(Usage(input=5)), Turn(Usage(input=2), "other"))
    assert priced(Usage(input=7), sure, None, OWN, BOOK)[0].total == Money(25)


def test_a_part_without_a_price_leaves_the_whole_without_one():
    cost, parts = priced(Usage(), (Turn(Usage(), "unknown"),), None, OWN, BOOK)
    assert cost == UNPRICED
    assert parts[0].cost == UNPRICED


def test_a_rounded_figure_counts_where_the_counters_do_not_explain_it():
    """Perplexity's: 2.5 hundred-thousandths of a dollar are what rounding can make of five parts."""

    def cost(picos, own=OWN, **report):
        found = settled(Usage(input=5), Report(rounded=Money(picos), **report), "m", own, BOOK)[0]
        return found.total.picos, found.status

    rounding = 25_000_000
    assert cost(0) == cost(5 + rounding) == (5, CostStatus.EXACT)
    assert cost(6 + rounding) == (6 + rounding, CostStatus.REPORTED)
    assert cost(3, service_tier="unheard-of") == cost(3, None) == (3, CostStatus.REPORTED)


def test_of_what_broke_off_a_rounded_figure_is_the_least():
    """It tells what was made when it was said."""

    def cost(picos, own=OWN):
        found = settled(Usage(input=5, final=False), Report(rounded=Money(picos)), "m", own, BOOK)[0]
        return found.total and found.total.picos, found.status

    assert cost(4) == cost(5) == (5, CostStatus.ESTIMATED)
    assert cost(6) == (6, CostStatus.ESTIMATED)
    assert cost(6, None) == (None, CostStatus.UNPRICED)


def test_what_broke_off_is_priced_whole():
    cost, parts = priced(Usage(input=3, final=False), (Turn(Usage(input=9)),), None, OWN, BOOK)
    assert (cost.total, cost.status, parts) == (Money(3), CostStatus.ESTIMATED, ())
    assert priced(Usage(), (), None, None, BOOK) == (UNPRICED, ())


def test_the_figure_of_a_provider_that_charges_by_it_counts_before_any_price():
    def cost(report, own=OWN):
        found = settled(Usage(input=5), report, "m", own, BOOK)[0]
        return found.total, found.status

    assert cost(Report(model="other")) == (Money(5), CostStatus.EXACT)
    assert cost(Report(cost=Money(3))) == (Money(3), CostStatus.REPORTED)
    assert cost(Report(cost=Money(3)), own=None) == (Money(3), CostStatus.REPORTED)
    assert cost(Report(clamped=True)) == (Money(5), CostStatus.UNCERTAIN)


@pytest.mark.parametrize(
    ("model", "served", "clamped", "status"),
    [
        ("m", "m-1", False, CostStatus.EXACT),
        ("m", None, True, CostStatus.UNCERTAIN),
        ("m-latest", None, False, CostStatus.UNCERTAIN),
        ("m-latest", "m-latest", False, CostStatus.UNCERTAIN),
        ("m-latest", "m-2026", False, CostStatus.EXACT),
    ],
)
def test_doubt_makes_an_exact_cost_uncertain(model, served, clamped, status):
    assert with_doubt(EXACT, model, served, clamped=clamped).status is status
    assert with_doubt(UNPRICED, model, served, clamped=clamped) == UNPRICED
