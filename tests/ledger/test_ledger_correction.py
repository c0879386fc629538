"""A batch's bound and its correction are together what it cost, on every account."""

from collections import Counter

from entries import entry
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.entry import Outcome
from gateway.core.money import Money
from gateway.core.price import UNPRICED, Cost, CostStatus
from gateway.core.usage import Usage
from gateway.ledger.correction import corrected
from gateway.ledger.rerate import Kept, rerated

USD, ROLLING = "key:a/usd/month@2026-11-01T00:00:00+00:00", "all/usd/rolling 30d@2026-11-21T00:00:00+00:00"
TOKENS, INPUT = "key:a/tokens/day@2026-11-21T00:00:00+00:00", "key:a/input_tokens/day@2026-11-21T00:00:00+00:00"
REQUESTS = "key:a/requests/day@2026-11-21T00:00:00+00:00"
NOW = 1_800_000_000.0
amounts = st.integers(0, 10**13)
tokens = st.integers(0, 10**7)


def pending(cost, **more):
    nanos = cost.known.nanos_up
    charges = [(USD, nanos), (ROLLING, nanos), (TOKENS, 900), (INPUT, 500), (REQUESTS, 3)]
    return entry("r.1", *charges, outcome=Outcome.PENDING, cost=cost, usage=Usage(final=False), **more)


@settings(deadline=None)
@given(amounts, amounts, tokens, tokens)
def test_entry_and_correction_are_the_cost(bound, exact, given_tokens, made):
    before = pending(Cost(Money(bound), CostStatus.UNCERTAIN, "p"), parts=())
    usage = Usage(input=given_tokens, output=made, requests=3)
    cost = Cost(Money(exact), CostStatus.EXACT, "p", input=Money(exact))
    after = corrected(before, usage, cost, "batch", now=NOW)
    sums = Counter(dict(before.charges))
    sums.update(dict(after.charges))
    nanos = Money(exact).nanos_up
    wanted = {USD: nanos, ROLLING: nanos, TOKENS: given_tokens + made, INPUT: given_tokens, REQUESTS: 3}
    assert {name: sums[name] for name in wanted} == wanted
    assert before.cost.known + after.cost.known == Money(exact)
    assert (after.id, after.adjusts, after.at, after.replica) == ("r.1~1", "r.1", before.at, before.replica)
    assert (after.usage.input_total, after.usage.output_total, after.usage.requests) == (given_tokens, made, 0)
    assert corrected(before, usage, cost, "batch", now=NOW) == after, "made again it is the same"


def test_what_has_no_price_stays_so_until_one_is_known():
    unknown = corrected(pending(UNPRICED), Usage(input=1), UNPRICED, "batch", now=NOW)
    assert unknown.cost.total is None
    known = corrected(pending(UNPRICED), Usage(input=1), Cost(Money(5), CostStatus.EXACT), "batch", now=NOW)
    assert known.cost.total == Money(5)


def test_other_prices_leave_a_settled_batch_alone():
    before = pending(Cost(Money(50), CostStatus.UNCERTAIN, "p"))
    after = corrected(before, Usage(input=1), Cost(Money(5), CostStatus.EXACT, "p"), "batch", now=NOW)
    assert list(rerated([before, after], lambda *_: None, NOW)) == [Kept.UNCOUNTED]
