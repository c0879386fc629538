"""Holds on a chain of accounts: all or nothing, closed once, and never more set aside than there is."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from gateway.core.errors import LimitReached, Reason
from gateway.core.limit import Fare, Limit, Mode, Span, Unit
from gateway.core.money import Money
from gateway.limits.accounts import Account
from gateway.limits.holds import Hold
from gateway.limits.windows import Window

DAY = Window("2026-11-21", 0.0, 86_400.0)
amounts = st.integers(0, 60)
fares = st.builds(
    Fare,
    nanos=amounts,
    input_tokens=amounts,
    output_tokens=amounts,
    requests=st.integers(0, 2),
    concurrent=st.integers(0, 2),
)
FIELDS = Fare.__struct_fields__
NOTHING = Fare(nanos=0, requests=0, concurrent=0)


def account(amount, *, unit=Unit.USD, mode=Mode.HARD, window=DAY, node="team:a"):
    made = Account(node, Limit(node, unit, amount, Span.DAY, mode=mode), window)
    made.leased = amount
    return made


def each(fare, other, combine):
    return Fare(*(combine(getattr(fare, name), getattr(other, name)) for name in FIELDS))


class Books(RuleBasedStateMachine):
    """Any interleaving of holds, extensions and closings over one chain, against plain sums kept beside it."""

    holds = Bundle("holds")

    @initialize(
        shapes=st.lists(
            st.tuples(st.sampled_from(list(Unit)), st.sampled_from(list(Mode)), st.integers(0, 150)),
            min_size=1,
            max_size=5,
        )
    )
    def start(self, shapes):
        self.chain = tuple(
            account(n, unit=unit, mode=mode, node=f"user:{i}") for i, (unit, mode, n) in enumerate(shapes)
        )
        self.open = {}
        self.spent = [0] * len(self.chain)
        self.overdrawn = False  # Once a call has cost more than it held, a limit may be passed.

    def state(self):
        return [(a.held, a.spent, a.leased) for a in self.chain], {id(h): h.fare for h in self.open.values()}

    def fits(self, more):
        hard = [a for a in self.chain if a.limit.mode is Mode.HARD]
        return all(n == 0 or n <= a.leased - a.spent - a.held for a in hard for n in [more.in_unit(a.limit.unit)])

    @rule(target=holds, fare=fares)
    def take(self, fare):
        """A new call holds its fare on every account or on none."""
        before, hold = self.state(), Hold(self.chain)
        if not self.fits(fare):
            with pytest.raises(LimitReached):
                hold.raise_to(fare, 0.0)
            assert self.state() == before
            assert hold.fare == NOTHING
            return multiple()
        hold.raise_to(fare, 0.0)
        assert hold.fare == fare
        self.open[id(hold)] = hold
        return hold

    @rule(hold=holds, fare=fares)
    def grow(self, hold, fare):
        """A call that asks for more gets all of it or none; asking for less changes nothing."""
        before, had = self.state(), hold.fare
        wanted = each(fare, had, max)
        if self.fits(each(wanted, had, int.__sub__)):
            hold.raise_to(fare, 0.0)
            assert hold.fare == wanted
        else:
            with pytest.raises(LimitReached):
                hold.raise_to(fare, 0.0)
            assert self.state() == before

    @rule(hold=holds)
    def ask_for_nothing_more(self, hold):
        """What is held already is never refused."""
        before = self.state()
        hold.raise_to(hold.fare, 0.0)
        hold.raise_to(NOTHING, 0.0)
        assert self.state() == before

    @rule(hold=consumes(holds), actual=fares, strict=st.booleans())
    def settle(self, hold, actual, strict):
        """It costs what it costs, also above the hold; the charges say what was spent on which account."""
        held = hold.fare
        if strict:
            actual = each(actual, held, min)
        self.overdrawn |= actual != each(actual, held, min)
        charges = hold.settle(actual)
        del self.open[id(hold)]
        expected = [(a.id, actual.in_unit(a.limit.unit)) for a in self.chain]
        assert list(charges) == [(name, n) for name, n in expected if n]
        self.spent = [n + actual.in_unit(a.limit.unit) for n, a in zip(self.spent, self.chain, strict=True)]
        self.closed_is_closed(hold)

    @rule(hold=consumes(holds))
    def void(self, hold):
        """No provider has seen it: everything comes back."""
        hold.void()
        del self.open[id(hold)]
        self.closed_is_closed(hold)

    def closed_is_closed(self, hold):
        before = self.state()
        for again in (hold.void, lambda: hold.settle(NOTHING), lambda: hold.raise_to(NOTHING, 0.0)):
            with pytest.raises(AssertionError):
                again()
        assert self.state() == before

    @rule(hold=holds, fare=fares)
    def what_would_be_charged(self, hold, fare):
        """If we died now, all that is held would be booked, or any other fare, but for concurrency, which is never
        spent. Asking changes nothing."""
        before = self.state()
        for cost in (hold.fare, fare, NOTHING):
            expected = [(a.id, cost.in_unit(a.limit.unit)) for a in self.chain if a.limit.unit is not Unit.CONCURRENT]
            assert list(hold.charges_for(cost)) == [(name, n) for name, n in expected if n]
        assert self.state() == before
        assert not hold.closed

    @invariant()
    def books_add_up(self):
        for a, spent in zip(self.chain, self.spent, strict=True):
            assert a.held == sum(h.fare.in_unit(a.limit.unit) for h in self.open.values())
            assert a.spent == spent
            assert a.available == a.leased - a.spent - a.held
            if a.limit.mode is Mode.HARD and not self.overdrawn:
                assert a.spent + a.held <= a.leased


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("mode", [Mode.SOFT, Mode.SHADOW])
def test_soft_and_shadow_limits_never_refuse_and_still_count(mode):
    chain = (account(5, mode=mode),)
    hold = Hold(chain)
    hold.raise_to(Fare(nanos=100), 0.0)
    hold.settle(Fare(nanos=200))
    assert (chain[0].spent, chain[0].held) == (200, 0)


def test_what_was_spent_above_the_hold_counts_and_blocks_what_comes_after():
    chain = (account(100),)
    hold = Hold(chain)
    hold.raise_to(Fare(nanos=10), 0.0)
    hold.settle(Fare(nanos=120))
    assert chain[0].available == -20
    with pytest.raises(LimitReached):
        Hold(chain).raise_to(Fare(nanos=1), 0.0)


def test_an_overdrawn_limit_does_not_refuse_what_takes_nothing_of_it():
    """A stream that needs more money must not be ended because a limit on requests was lowered meanwhile."""
    money, calls = account(100), account(5, unit=Unit.REQUESTS)
    hold = Hold((money, calls))
    hold.raise_to(Fare(nanos=10), 0.0)
    calls.leased = 0
    hold.raise_to(Fare(nanos=50), 0.0)
    assert (money.held, calls.held) == (50, 1)


def refusal(chain, fare, hold=None, now=0.0):
    with pytest.raises(LimitReached) as refused:
        (hold or Hold(chain)).raise_to(fare, now)
    return refused.value.refusal


def test_a_spent_window_is_exhausted_and_says_when_it_ends():
    spent = account(10_000_000_000)
    spent.spent = 9_000_000_000
    told = refusal((spent,), Fare(nanos=2_000_000_000), now=86_000.0)
    assert told.reason is Reason.EXHAUSTED
    assert (told.node, told.unit, told.window) == ("team:a", "usd", "day")
    assert (told.limit, told.spent, told.held, told.needed) == ("$10.00", "$9.00", "$0.00", "$2.00")
    assert (told.resets_at, told.resets_in_s) == ("1970-01-02T00:00:00+00:00", 400.0)


def test_what_others_hold_may_come_back_soon():
    busy = account(10)
    Hold((busy,)).raise_to(Fare(nanos=8), 0.0)
    told = refusal((busy,), Fare(nanos=3))
    assert (told.reason, told.held) == (Reason.HELD, "$0.000000008")


@pytest.mark.parametrize(("amount", "reason"), [(10, Reason.HELD), (11, Reason.TOO_BIG)])
def test_a_call_larger_than_the_limit_cannot_fit_even_alone(amount, reason):
    busy = account(10)
    Hold((busy,)).raise_to(Fare(nanos=1), 0.0)
    assert refusal((busy,), Fare(nanos=amount)).reason is reason


@pytest.mark.parametrize(("spent", "reason"), [(2, Reason.HELD), (3, Reason.EXHAUSTED)])
def test_exhausted_begins_where_it_would_not_fit_if_everybody_else_let_go(spent, reason):
    busy = account(10)
    busy.spent = spent
    Hold((busy,)).raise_to(Fare(nanos=5), 0.0)
    assert refusal((busy,), Fare(nanos=8)).reason is reason


def test_a_call_that_grows_beyond_the_limit_is_too_big_and_not_held_up_by_itself():
    """Its own hold is no reason to try again in a moment."""
    alone = account(10)
    hold = Hold((alone,))
    hold.raise_to(Fare(nanos=6), 0.0)
    told = refusal((alone,), Fare(nanos=12), hold)
    assert (told.reason, told.needed) == (Reason.TOO_BIG, "$0.000000006")


def test_of_several_refusals_the_one_that_lasts_longest_is_told():
    short, long = account(1, window=Window("a", 0.0, 60.0)), account(1, window=Window("b", 0.0, 3600.0), node="org:b")
    for chain in ((short, long), (long, short)):
        assert refusal(chain, Fare(nanos=2)).node == "org:b"


def test_concurrency_is_held_up_by_others_and_never_spent():
    slots = Account("all", Limit("all", Unit.CONCURRENT, 1, Span.RUNNING), Window("always", 0.0, float("inf")))
    slots.leased = 1
    first = Hold((slots,))
    first.raise_to(Fare(nanos=0), 0.0)
    told = refusal((slots,), Fare(nanos=0))
    assert (told.reason, told.resets_at, told.resets_in_s) == (Reason.HELD, None, None)
    first.settle(Fare(nanos=0, concurrent=0))
    assert (slots.spent, slots.available) == (0, 1)


def test_an_account_is_named_by_node_unit_span_and_window():
    assert account(1, node="key:k").id == "key:k/usd/day@2026-11-21"


def test_a_ceiling_holds_for_all_attempts_of_a_call_together_and_is_in_no_book():
    """What a lost attempt has cost is gone from it, and nothing is ever asked of a store."""
    chain, ceiling = account(10**9), Account.ceiling(Money.of_nanos(100))
    first = Hold((chain, ceiling))
    first.raise_to(Fare(nanos=70, output_tokens=1), 0)
    assert first.charges_for(Fare(nanos=70, output_tokens=1)) == ((chain.id, 70),)
    assert first.settle(Fare(nanos=70, output_tokens=1, concurrent=0)) == ((chain.id, 70),)
    second = Hold((chain, ceiling))
    with pytest.raises(LimitReached) as refused:
        second.raise_to(Fare(nanos=31, output_tokens=1), 0)
    assert refused.value.refusal.node == "x-fareway-max-cost"
    assert ceiling.hopeless(1)
    second.raise_to(Fare(nanos=30, output_tokens=1), 0)
    assert ceiling.available == 0


def test_a_call_that_goes_elsewhere_leaves_what_it_held_there_and_no_more():
    """What stays is the caller's; the new place's part is taken over from a hold of its own."""
    team, here, there = account(100), account(100, node="provider:a"), account(100, node="provider:b")
    hold = Hold((team, here))
    hold.raise_to(Fare(nanos=60), 0.0)
    hold.leave([here])
    assert (team.held, here.held, here.spent, there.held) == (60, 0, 0, 0)
    new = Hold((there,))
    new.raise_to(hold.fare, 0.0)
    hold.join(new)
    assert hold.settle(Fare(nanos=50, concurrent=0)) == ((team.id, 50), (there.id, 50))
    assert (team.held, there.held, here.available) == (0, 0, 100)
    new.void()  # It holds nothing.


def test_more_output_for_less_input_is_held_in_every_unit():
    both, made = account(100, unit=Unit.TOKENS), account(100, unit=Unit.OUTPUT_TOKENS)
    hold = Hold((both, made))
    hold.raise_to(Fare(0, input_tokens=50, output_tokens=10), 0.0)
    hold.raise_to(Fare(0, input_tokens=20, output_tokens=40), 0.0)
    assert hold.fare == Fare(0, input_tokens=50, output_tokens=40)
    assert (both.held, made.held) == (90, 40)


def test_a_limit_that_changes_keeps_what_was_spent_and_gives_up_what_is_not_needed():
    budget = account(100)
    hold = Hold((budget,))
    hold.raise_to(Fare(nanos=30), 0.0)
    budget.ruled(Limit("team:a", Unit.USD, 50, Span.DAY))
    assert (budget.held, budget.leased, budget.refuses(21), budget.refuses(20)) == (30, 50, True, False)
    budget.ruled(Limit("team:a", Unit.USD, 10, Span.DAY))
    assert (budget.leased, budget.refuses(1)) == (30, True)
    budget.ruled(Limit("team:a", Unit.USD, 10, Span.DAY, mode=Mode.SHADOW))
    assert not budget.refuses(1)


def test_a_refusal_says_whether_another_place_might_take_the_call():
    with pytest.raises(LimitReached) as refused:
        Hold((account(10, node="team:a provider:x"),)).raise_to(Fare(nanos=11), 0.0)
    assert refused.value.refusal.elsewhere
    with pytest.raises(LimitReached) as refused:
        Hold((account(10),)).raise_to(Fare(nanos=11), 0.0)
    assert not refused.value.refusal.elsewhere
