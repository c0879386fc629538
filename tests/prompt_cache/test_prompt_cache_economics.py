"""Whether and how long a prefix is worth keeping, by what was measured and the rates of the book."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.usage import Usage
from gateway.prices.bundled import price_book
from gateway.prompt_cache.economics import CAUTION, Life, Reuse, bills, lifetime, saved_picos

PRICE = price_book().price("anthropic", "claude-sonnet-4-5", 1_790_000_000.0, "")
RATES = PRICE.standard.base
COUNTS = st.integers(0, 10**6)


def test_what_never_comes_again_is_not_written():
    assert lifetime(Reuse(new=100), RATES) is Life.NONE
    assert lifetime(CAUTION, RATES) is Life.NONE


def test_what_comes_again_soon_is_kept_for_minutes():
    assert lifetime(Reuse(new=100, soon=29), RATES) is Life.MINUTES
    assert lifetime(Reuse(new=100, soon=27), RATES) is Life.NONE


def test_pauses_that_lose_much_are_bridged_by_an_hour():
    assert lifetime(Reuse(new=100, soon=1000, later=60), RATES) is Life.MINUTES
    assert lifetime(Reuse(new=100, soon=1000, later=70), RATES) is Life.HOUR


@given(COUNTS, COUNTS, COUNTS)
def test_the_choice_is_never_dearer_than_another(new, soon, later):
    reuse = Reuse(new, soon, later)
    costs = bills(reuse, RATES)
    assert costs[lifetime(reuse, RATES)] == min(costs.values())


@given(COUNTS, COUNTS, COUNTS)
def test_the_bills_are_those_of_the_price(new, soon, later):
    """What the hindsight says is what the book would have charged."""
    costs = bills(Reuse(new, soon, later), RATES)
    assert costs[Life.NONE] == PRICE.standard.base.input_cost(Usage(input=new + soon + later))
    assert costs[Life.MINUTES] == RATES.cache_cost(Usage(cache_write=new + later, cache_read=soon))
    assert costs[Life.HOUR] == RATES.cache_cost(Usage(cache_write_1h=new, cache_read=soon + later))


def test_savings_may_be_losses():
    assert saved_picos(PRICE, Usage(input=5, cache_read=1000, output=9)) == 1000 * (RATES.input - RATES.cache_read)
    assert saved_picos(PRICE, Usage(cache_write=1000)) == 1000 * (RATES.input - RATES.cache_write) < 0
    assert saved_picos(PRICE, Usage(cache_write_1h=1000)) == 1000 * (RATES.input - RATES.cache_write_1h)
