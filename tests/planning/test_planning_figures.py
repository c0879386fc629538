"""The printed examples of the formulas that planning was started from, to the printed digit."""

from __future__ import annotations

from fractions import Fraction

import pytest

from gateway.core.money import Money
from gateway.planning.allocation import year
from gateway.planning.amounts import decimals, dollars, percent, times
from gateway.planning.breakeven import Hosting, break_even
from gateway.planning.gpus import Tier, catalogue
from gateway.planning.optimizations import Effort, advised
from gateway.planning.request import request_cost
from gateway.planning.scaling import scale, training_run
from gateway.planning.training import Job, job_cost

GPUS = catalogue()


def spot(name):
    return GPUS.named(name).hourly[Tier.SPOT]


def test_the_catalogue():
    """USD per hour on demand and on spot, GB, dense fp16 TFLOPS: January 2026."""
    assert GPUS.date == "2026-01"
    told = {
        one.name: (
            *(dollars(one.hourly[tier]) for tier in (Tier.ON_DEMAND, Tier.SPOT)),
            one.memory_gb,
            one.tflops,
        )
        for one in GPUS.hardware
        if one.kind == "gpu"
    }
    assert told == {
        "A100-40": ("4.10", "1.23", 40, 312),
        "A100-80": ("5.12", "1.54", 80, 312),
        "H100": ("8.22", "2.47", 80, 989),
        "A10G": ("1.21", "0.36", 24, 125),
        "L4": ("0.81", "0.24", 24, 121),
        "T4": ("0.53", "0.16", 16, 65),
    }


def test_reserved_hardware_is_30_to_60_percent_off():
    hourly = GPUS.named("H100").hourly
    assert dollars(hourly[Tier.RESERVED_1Y], 3) == "5.754"
    assert dollars(hourly[Tier.RESERVED_3Y], 3) == "3.288"


def test_cpus_cost_what_cpus_cost():
    prices = [dollars(one.hourly[Tier.ON_DEMAND]) for one in GPUS.hardware if one.kind == "cpu"]
    assert prices == ["0.05", "0.50"]


@pytest.mark.parametrize("name", ["a100-80", "A100 80GB", "a100-80gb"])
def test_hardware_is_found_as_people_write_it(name):
    assert GPUS.named(name).name == "A100-80"


def test_hardware_that_is_not_there_is_told_with_what_is():
    with pytest.raises(ValueError, match=r"'B200' is none of CPU-2, .*H100"):
        GPUS.named("B200")


def test_a_month_of_four_t4():
    """About $1,460 in 730 hours; a month has 720 here."""
    assert dollars(times(GPUS.named("T4").hourly[Tier.ON_DEMAND], 4 * 720)) == "1526.40"


def test_a_training_job():
    cost = job_cost(Job(spot("A100-80"), 4, Fraction(12), Fraction(7), Fraction(50), epochs=3, spot=True))
    assert dollars(cost.compute) == "85.01"
    assert dollars(cost.storage) == "0.07"
    assert dollars(cost.transfer) == "2.00"
    assert dollars(cost.tooling) == "6.00"
    assert dollars(cost.total) == "93.08"
    assert dollars(cost.per_epoch) == "31.03"
    assert dollars(cost.per_billion) == "13.30"


def test_a_training_job_that_is_not_interrupted():
    on_demand = job_cost(Job(Money.usd("5.12"), 4, Fraction(12), Fraction(7), Fraction(50)))
    assert dollars(on_demand.compute) == "245.76"
    assert on_demand.per_epoch == on_demand.total


@pytest.mark.parametrize(
    ("params", "tokens", "hours", "total", "per_billion"),
    [(7, 1000, "29491.07", "72842.94", "72.84"), (70, 2000, "589821.37", "1456858.78", "728.43")],
)
def test_training_by_scale(params, tokens, hours, total, per_billion):
    run = training_run(Fraction(params), Fraction(tokens), GPUS.named("H100"), spot("H100"))
    assert (decimals(run.gpu_hours), dollars(run.total), dollars(run.per_billion_tokens)) == (hours, total, per_billion)


@pytest.mark.parametrize(("params", "words"), [("0.5", "one GPU"), (7, "4–8"), (70, "100 GPUs"), (405, "100M")])
def test_orders_of_magnitude(params, words):
    assert words in scale(Fraction(params))


def test_a_request_on_own_hardware():
    cost = request_cost(Money.usd("1.21"), 8, Fraction(150), 700)
    assert dollars(cost.total, 9) == "0.000008193"
    assert dollars(cost.per_thousand, 4) == "0.0082"
    assert f"{cost.per_dollar:,}" == "122,060"
    assert dollars(cost.per_million_tokens, 4) == "0.0117"


def test_break_even():
    found = break_even(Money.usd("0.0004"), 700, Hosting(Money.usd("1.21"), Fraction(5000)))
    assert (dollars(found.api, 5), dollars(found.own, 5)) == ("0.00028", "0.00024")
    assert dollars(found.own, 6) == "0.000242"
    assert dollars(found.fixed) == "3500.00"
    assert f"{found.monthly_requests:,}" == "92,105,263"
    assert f"{found.monthly_requests / 30:,.0f}" == "3,070,175"
    assert not found.self_hosting
    assert [dollars(one) for one in found.monthly(100_000)] == ["28.00", "3524.20"]
    assert [dollars(one) for one in found.monthly(1_000_000)] == ["280.00", "3742.00"]


def test_an_api_that_is_cheaper_than_the_hardware_alone_is_so_at_any_volume():
    found = break_even(Money.usd("0.0003"), 700, Hosting(Money.usd("1.21"), Fraction(5000)))
    assert found.monthly_requests is None
    assert not found.self_hosting


def test_a_dear_api_is_left_soon():
    found = break_even(Money.usd("0.03"), 700, Hosting(Money.usd("1.21"), Fraction(5000)))
    assert found.monthly_requests == 168_610
    assert found.self_hosting


def test_training_against_inference():
    told = year(Money.usd(5000), Money.usd(1000), Fraction(3), 500_000, Money.usd("0.0002"))
    assert [dollars(one) for one in (told.training, told.inference, told.total)] == ["9000.00", "1200.00", "10200.00"]
    assert (percent(told.training_share), percent(1 - told.training_share)) == ("88.2 %", "11.8 %")
    assert dollars(told.per_request, 4) == "0.0017"


def test_a_year_of_nothing():
    assert year(Money(0), Money(0), Fraction(3), 1, Money(0)).training_share == 0


@pytest.mark.parametrize(
    ("target", "ceiling", "names", "left"),
    [(1000, Effort.MEDIUM, ["LoRA/QLoRA"], "1000.00"), (3000, Effort.LOW, ["spot instances"], "3000.00")],
)
def test_ways_to_a_target(target, ceiling, names, left):
    steps = advised(Money.usd(10_000), Money.usd(target), ceiling)
    assert [step.technique.name for step in steps] == names
    assert dollars(steps[-1].left) == left


def test_a_target_out_of_reach_takes_all_that_is_allowed():
    steps = advised(Money.usd(10_000), Money(0), Effort.LOW)
    assert [dollars(step.left) for step in steps] == ["3000.00", "1500.00", "1050.00"]
    assert advised(Money.usd(10), Money.usd(10), Effort.HIGH) == []
