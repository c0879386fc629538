"""Who is next: keys in turn, calls of a key in the order in which they came."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.limits.queue import FairQueue


def test_a_key_with_one_call_waits_for_one_of_each_other_key_at_most():
    queue = FairQueue(100)
    for n in range(50):
        assert queue.join("greedy", n)
    assert queue.join("modest", "m")
    served = []
    for _ in range(3):
        first = queue.first
        served.append(first)
        queue.leave("modest" if first == "m" else "greedy", first, served=True)
    assert served == [0, "m", 1]


def test_whoever_gives_up_leaves_the_turn_to_the_next_of_its_key():
    queue = FairQueue(100)
    for key, one in (("a", "a1"), ("a", "a2"), ("b", "b1")):
        queue.join(key, one)
    queue.leave("a", "a1", served=False)
    assert queue.first == "a2"
    queue.leave("a", "a2", served=False)
    assert queue.first == "b1"


def test_no_more_wait_than_may():
    queue = FairQueue(2)
    assert queue.first is None
    assert [queue.join("a", n) for n in range(3)] == [True, True, False]
    queue.leave("a", 0, served=True)
    assert queue.join("b", 3)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60))
def test_shares_differ_by_one_while_all_wait(keys):
    queue = FairQueue(1000)
    waiting = Counter(keys)
    for n, key in enumerate(keys):
        queue.join(key, (key, n))
    served = Counter()
    while min(waiting[key] - served[key] for key in waiting) > 0:
        key, n = queue.first
        queue.leave(key, (key, n), served=True)
        served[key] += 1
        assert max(served[k] for k in waiting) - min(served[k] for k in waiting) <= 1


class Line(RuleBasedStateMachine):
    """Any order of coming, being served and giving up, against lists kept beside it."""

    def __init__(self):
        super().__init__()
        self.queue, self.turns, self.waiting, self.number = FairQueue(8), [], {}, 0

    @rule(key=st.sampled_from("abc"))
    def join(self, key):
        self.number += 1
        fits = sum(map(len, self.waiting.values())) < 8
        assert self.queue.join(key, self.number) is fits
        if fits:
            if not self.waiting.get(key):
                self.turns.append(key)
            self.waiting.setdefault(key, []).append(self.number)

    @precondition(lambda self: self.turns)
    @rule()
    def serve(self):
        key = self.turns.pop(0)
        self.queue.leave(key, self.waiting[key].pop(0), served=True)
        self.turns += [key] if self.waiting[key] else []

    @precondition(lambda self: self.turns)
    @rule(data=st.data())
    def give_up(self, data):
        key = data.draw(st.sampled_from(self.turns))
        one = data.draw(st.sampled_from(self.waiting[key]))
        self.queue.leave(key, one, served=False)
        self.waiting[key].remove(one)
        if not self.waiting[key]:
            self.turns.remove(key)

    @invariant()
    def agrees(self):
        assert self.queue.first == (self.waiting[self.turns[0]][0] if self.turns else None)
        assert len(self.queue) == sum(map(len, self.waiting.values()))


TestLine = Line.TestCase
