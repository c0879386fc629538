"""Where money was saved: every cause has its part, and the parts and the bill are the baseline to the pico-dollar."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import ZERO, Money
from gateway.core.price import Rates
from gateway.planning.baseline import Cause, Sum, saved

RATES = {
    "p/dear": Rates(10, 40, 2, 12, 12, 12, 10, 2, 10, 2, 10, 40, 40, 40),
    "p/cheap": Rates(1, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 4, 4, 4),
    "own/dear": Rates(3, 9, 3, 3, 3, 3, 3, 3, 3, 3, 3, 9, 9, 9),
}
FIRST = {"auto": "p/dear", "dear": "p/dear", "cheap": "p/cheap", "dark": "q/dark"}
ONE = Sum("auto", "p/cheap", False, "ok", 100, 0, 10, Money(140), ZERO)


def told(*sums):
    return saved(sums, FIRST.get, RATES.get)


def test_a_cheaper_model_took_the_call():
    found = told(ONE)
    assert found.by_cause == {Cause.ROUTING: 100 * 10 + 10 * 40 - 140}
    assert found.baseline == Money(1400)


def test_a_dearer_one_did():
    assert (
        told(replace(ONE, asked="cheap", deployment="p/dear", paid=Money(1400))).by_cause[Cause.ROUTING] == 140 - 1400
    )


def test_the_provider_had_read_it_before():
    found = told(replace(ONE, asked="dear", deployment="p/dear", cached_tokens=50, paid=Money(1000)))
    assert found.by_cause == {Cause.PROMPT_CACHE: 50 * (10 - 2)}


def test_an_engine_of_ours_answered():
    found = told(replace(ONE, deployment="own/dear", selfhosted=True, paid=Money(90)))
    assert found.by_cause == {Cause.OWN_GPUS: 1400 - 90}


def test_an_answer_was_given_again():
    found = told(replace(ONE, outcome="cached", paid=ZERO, saved=Money(77)))
    assert (found.paid, found.by_cause, found.baseline) == (0, {Cause.CACHE: 77}, Money(77))


def test_what_nobody_knows_is_not_compared():
    """A name that stands for nothing here, or for what has no price."""
    found = told(replace(ONE, asked="gone"), replace(ONE, asked="dark"))
    assert (found.paid, found.uncompared, found.baseline) == (280, 280, Money(280))


SUMS = st.builds(
    Sum,
    st.sampled_from([*FIRST, "gone"]),
    st.sampled_from([*RATES, "q/dark"]),
    st.booleans(),
    st.sampled_from(["ok", "cached", "cut"]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.builds(Money, st.integers(0, 10**9)),
    st.builds(Money, st.integers(0, 10**9)),
)


@given(st.lists(SUMS))
def test_the_parts_and_the_bill_are_the_baseline(sums):
    found = told(*sums)
    assert found.baseline.picos == found.paid + sum(found.by_cause.values())
    assert found.paid == sum(one.paid.picos for one in sums if one.outcome != "cached")
    assert 0 <= found.uncompared <= found.paid
