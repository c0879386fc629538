"""Which way a call goes that has time."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.money import Money
from gateway.deferred.choosing import LOOK_AGAIN_S, Offer, Way, choose

SYNC = Offer(Way.SYNC, "a/m", "a", Money.usd("0.10"))
BATCH = Offer(Way.BATCH, "a/m", "a", Money.usd("0.05"), takes_s=900)
FLEX = Offer(Way.FLEX, "a/m", "a", Money.usd("0.05"), takes_s=60)
IDLE = Offer(Way.IDLE, "gpu/m", "gpu", Money())
BUSY = Offer(Way.IDLE, "gpu/m", "gpu", Money(), opens=None)


def hours(cents, opens):
    return Offer(Way.OFF_PEAK, "a/m", "a", Money.usd(f"0.{cents:02}"), opens=opens)


def test_the_cheapest_that_ends_in_time():
    choice = choose((SYNC, BATCH), now=0, switch_at=7200)
    assert (choice.offer, choice.at) == (BATCH, 0)
    assert choice.reason == "batch at a/m: likely $0.05 instead of $0.10, else at once at 02:00:00Z"
    assert choose((SYNC, BATCH), now=0, switch_at=899).offer is SYNC
    assert choose((SYNC, BATCH, FLEX, IDLE), now=0, switch_at=7200).offer is IDLE


def test_of_equals_the_one_that_answers_sooner():
    assert choose((SYNC, BATCH, FLEX), now=0, switch_at=7200).offer is FLEX
    same = Offer(Way.BATCH, "a/m", "a", SYNC.cost, takes_s=900)
    assert choose((SYNC, same), now=0, switch_at=7200).offer is SYNC


def test_from_the_switch_on_only_the_ordinary_way_is_left():
    choice = choose((SYNC, BATCH, IDLE), now=100, switch_at=100)
    assert (choice.offer, choice.at) == (SYNC, 100)
    assert choice.reason == "the deadline leaves no time for a cheaper way"


def test_a_busy_machine_is_waited_for_as_long_as_the_next_best_can_still_be_taken():
    choice = choose((SYNC, BATCH, BUSY), now=0, switch_at=7200)
    assert (choice.offer, choice.at) == (BUSY, LOOK_AGAIN_S)
    assert choice.reason == "waits for gpu/m to be idle: likely $0.00 instead of $0.10"
    last = 7200 - BATCH.takes_s
    assert choose((SYNC, BATCH, BUSY), now=last, switch_at=7200).offer is BATCH
    assert choose((SYNC, BUSY), now=last, switch_at=7200).offer is BUSY


def test_what_costs_the_same_is_not_told_as_a_saving():
    same = Offer(Way.IDLE, "gpu/m", "gpu", SYNC.cost)
    assert (
        choose((SYNC, same), now=0, switch_at=7200).reason
        == "idle at gpu/m: likely $0.10, as at once, else at once at 02:00:00Z"
    )


def test_cheaper_hours_are_waited_for():
    choice = choose((SYNC, hours(3, 3600.0), hours(4, 1800.0)), now=0, switch_at=7200)
    assert choice.at == 3600
    assert choice.reason == "waits for off-peak at 01:00:00Z: likely $0.03 instead of $0.10"
    assert choose((SYNC, hours(3, 8000.0)), now=0, switch_at=7200).offer is SYNC
    assert choose((SYNC, hours(3, 3600.0)), now=3600, switch_at=7200).at == 3600


def test_what_nobody_knows_the_cost_of_is_no_bargain():
    unknown = Offer(Way.SYNC, "a/m", "a", None)
    assert choose((unknown, BATCH), now=0, switch_at=7200).reason.startswith("batch at a/m: costs are not known")
    assert choose((SYNC, Offer(Way.BATCH, "b/m", "b", None)), now=0, switch_at=7200).offer is SYNC


offers = st.builds(
    Offer,
    st.sampled_from([way for way in Way if way is not Way.SYNC]),
    st.just("a/m"),
    st.just("a"),
    st.none() | st.integers(0, 10**12).map(Money),
    st.none() | st.floats(0, 10_000),
    st.floats(0, 10_000),
)


@given(st.lists(offers), st.floats(0, 10_000), st.floats(0, 10_000))
def test_it_always_leaves_in_time_and_never_for_more(found, now, switch_at):
    choice = choose((SYNC, *found), now, switch_at)
    assert choice.at == now or now < choice.at <= switch_at
    assert choice.offer.cost is not None
    assert choice.offer.cost <= SYNC.cost
    if choice.at == now and choice.offer.way is not Way.SYNC:
        assert now + choice.offer.takes_s <= switch_at
