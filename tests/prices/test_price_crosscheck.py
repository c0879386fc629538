"""A second opinion: what counts as equal, different, missing; and a table that is none."""

import json

import pytest

from gateway.prices.book import PriceBook
from gateway.prices.crosscheck import crosscheck, read_table
from gateway.prices.feed import FeedError, parse

AT = 1_800_000_000
MODEL = {
    "id": "m",
    "match": {"equals": "m"},
    "prices": {"input_mtok": {"base": 2, "tiers": [{"start": 200_000, "price": 4}]}, "output_mtok": "0.13"},
    "price_variants": [{"when": {"service_tier": "flex"}, "prices": {"input_mtok": 1}}],
}
BOOK = PriceBook(
    parse(
        json.dumps([{"id": name, "models": [MODEL]} for name in ("openai", "aws")]).encode(), name="t", day="2027-01-01"
    )
)
GOOD = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-06}


def tallies(**entries):
    return crosscheck(BOOK, read_table(json.dumps(entries).encode()), AT)


def of(entry):
    (tally,) = tallies(m=GOOD | entry)
    return tally


def test_equal_to_the_last_pico_dollar():
    """Also where a float has its usual dust, and in bands and tiers."""
    tally = of(
        {
            "output_cost_per_token": 1.3000000000000001e-07,
            "input_cost_per_token_above_200k_tokens": 4e-06,
            "input_cost_per_token_flex": 1e-06,
            "cache_read_input_token_cost": 2e-06,
        }
    )
    assert (tally.equal, tally.different, tally.rates, tally.differences) == (1, 0, 5, [])


def test_one_rate_makes_a_model_different():
    tally = of({"output_cost_per_token": 1.30001e-07, "input_cost_per_token_above_200k_tokens": 2e-06})
    assert (tally.equal, tally.different, tally.rates) == (0, 1, 3)
    assert [(d.above_tokens, d.rate, d.ours, str(d.theirs)) for d in tally.differences] == [
        (0, "output", 130000, "1.30001E-7"),
        (200_000, "input", 4_000_000, "0.000002"),
    ]


def test_a_tier_that_only_one_prices_is_counted_apart():
    tally = of({"input_cost_per_token_priority": 4e-06})
    assert (tally.equal, tally.untold) == (1, 1)


def test_what_is_not_compared():
    """Other providers and modes, what has no price, prices of one place; a model without our price is missing."""
    (tally,) = tallies(
        m=GOOD,
        unknown=GOOD,
        image=GOOD | {"mode": "image_generation"},
        free=GOOD | {"input_cost_per_token": 0},
        absurd=GOOD | {"input_cost_per_token": "2e-06"},
        of_no_mode=GOOD | {"mode": ["chat"]},
        elsewhere=GOOD | {"litellm_provider": "nobody"},
        **{"bedrock/us-east-1/m": GOOD | {"litellm_provider": "bedrock"}},
    )
    assert (tally.provider, tally.equal, tally.different, tally.missing) == ("openai", 1, 0, 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"m": {"litellm_provider": "nobody"}}',
        b'{"m": 1}',
        b'{"\xd6": {}}',
        b'{"m": {"litellm_provider": []}}',
    ],
)
def test_what_is_no_table_is_an_error(body):
    with pytest.raises(FeedError, match="table"):
        read_table(body)


def test_an_absurd_number_costs_no_time():
    """An exponent that would make a number of a billion digits is no price."""
    body = json.dumps({"m": GOOD}).replace("2e-06", "2e-999999999").encode()
    assert crosscheck(BOOK, read_table(body), AT) == []
