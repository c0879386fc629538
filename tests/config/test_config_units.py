"""Units: exact values, right examples in errors, and nothing is read that was not meant."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import units
from gateway.config.units import UnreadableError
from gateway.core.limit import LIMIT_USD_MAX, Unit, amount_text
from gateway.core.money import Money

COUNTS = st.integers(1, 10**6)


@given(st.integers(1, 3000), st.sampled_from([("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)]))
def test_durations(number, unit):
    name, seconds = unit
    assert units.duration(f"{number}{name}") == pytest.approx(number * seconds, rel=1e-12)


@given(COUNTS, st.sampled_from(["B", "KB", "MB", "GB", "KiB", "MiB", "GiB"]))
def test_sizes(number, unit):
    base = 1024 if "i" in unit else 1000
    assert units.size(f"{number}{unit}") == number * base ** " KMG".index(unit[0] if len(unit) > 1 else " ")


@given(st.integers(0, LIMIT_USD_MAX.nanos_up), st.integers(0, units.COUNT_MAX))
def test_amounts_are_read_as_they_are_shown(nanos, count):
    assert units.amount(amount_text(nanos, Unit.USD)) == (Unit.USD, nanos)
    for unit in (Unit.TOKENS, Unit.REQUESTS, Unit.CONCURRENT):
        assert units.amount(amount_text(count, unit)) == (unit, count)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (units.duration, "1.5h", 5400.0),
        (units.duration, "50 ms", 0.05),
        (units.duration_or_zero, "0s", 0.0),
        (units.size, "1.5KB", 1500),
        (units.percentage, "10%", 0.1),
        (units.percentage, "0.5 %", 0.005),
        (units.factor, "3x", 3),
        (units.dollars, "0.01 usd", 0.01),
        (units.dollars, "$2", 2.0),
        (units.dollar_amount, "0.000000000001 usd", Money(1)),
        (units.dollar_amount, "$500", Money.usd(500)),
        (units.interval, "1s", 1.0),
        (units.interval, "1h", 3600.0),
        (units.whole, 7, 7),
        (units.whole, "7", 7),
        (units.amount, "500 usd", (Unit.USD, 500 * 10**9)),
        (units.amount, "$0.000000001", (Unit.USD, 1)),
        (units.amount, "500usd", (Unit.USD, 500 * 10**9)),
        (units.amount, "1 request", (Unit.REQUESTS, 1)),
        (units.amount, "1 token", (Unit.TOKENS, 1)),
        (units.amount, "0 usd", (Unit.USD, 0)),
        (units.outage, "refuse", None),
        (units.outage, "allow $5 per replica", (Unit.USD, 5 * 10**9)),
        (units.outage, "allow 500 tokens", (Unit.TOKENS, 500)),
    ],
)
def test_as_written(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        (units.duration, ["30", 30, 30.0, "s", "-1s", "1 week", "1h30m", "0s", "9999d", "٣s", None, True, []]),
        (units.size, ["20", 20, "20mb", "20M", "0B", "0.5B", "-1KB", None]),
        (units.percentage, ["10", 10, 0.1, "101%", "-1%"]),
        (units.dollar_amount, ["500", 500, "-1 usd"]),
        (units.interval, ["0.5s", "61m", "5", None]),
        (units.dollars, ["0.01", 0.01, "-1 usd", "1 eur", "5%"]),
        (units.factor, ["3", 3, "1x", "2.5x", "x"]),
        (units.whole, ["5.0", 5.0, True, "-1", "five", None]),
        (units.amount, [500, "500", "usd", "500 eur", "$5 usd", "-5 usd", "1.5 tokens", "8 concurrents", "1k tokens"]),
        (units.outage, ["5 usd", "allow", "allow 5", "allow 5 usd per hour", None]),
        (units.amount, ["$9000000.01", "0.0000000001 usd", f"{units.COUNT_MAX + 1} tokens", "$١", None]),
    ],
)
def test_refused_with_an_example_that_works(read, texts):
    """Every refusal says "such as", and what it says can be read."""
    for text in texts:
        with pytest.raises(UnreadableError, match="such as") as error:
            read(text)
        examples = re.split(r", | or ", str(error.value).split("such as ")[1])
        for example in examples:
            read(int(example) if example.isdigit() else example)
