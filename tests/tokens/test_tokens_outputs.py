"""How long answers were lately: a quantile within a quarter of the true one, that forgets, in bounded memory."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from gateway.tokens import outputs as module
from gateway.tokens.outputs import ONE_IN, RECENT, SEEN_MIN, Lengths, Outputs, _bucket, _top

lengths = st.integers(0, 1_000_000)


@given(st.integers(0, 2**26))
def test_a_bucket_holds_a_quarter_of_an_octave(tokens):
    bucket = _bucket(tokens)
    assert bucket == 91 or (_top(bucket - 1) if bucket else -1) < tokens <= _top(bucket) <= max(tokens * 1.25, 3)


@given(st.lists(lengths, min_size=1, max_size=450))
def test_it_is_the_quantile_of_the_newest_rounded_up(seen):
    learned = Lengths()
    for tokens in seen:
        learned.learn(tokens)
    assert learned.seen <= 2 * RECENT
    newest = sorted(seen[-learned.seen :])
    true = newest[len(newest) - 1 - len(newest) // ONE_IN]
    assert true <= learned.quantile <= max(true * 1.25, 3)


def test_what_was_long_ago_is_forgotten():
    learned = Lengths()
    for tokens in [5000] * 300 + [10] * 200:
        learned.learn(tokens)
    assert learned.quantile < 15


def test_a_key_has_its_own_and_strangers_have_the_deployments():
    outputs = Outputs()
    for _ in range(SEEN_MIN - 1):
        outputs.learn("brief", "d", 10)
    assert outputs.most("brief", "d") is None, "too few are known"
    outputs.learn("brief", "d", 10)
    for _ in range(SEEN_MIN):
        outputs.learn("wordy", "d", 4000)
    assert outputs.most("brief", "d") < 15
    assert outputs.most("wordy", "d") >= 4000
    assert outputs.most("stranger", "d") >= 4000
    assert outputs.most("brief", "e") is None


def test_memory_is_bounded_and_the_longest_unseen_go_first(monkeypatch):
    monkeypatch.setattr(module, "PAIRS_MAX", 6)
    outputs = Outputs()
    for n in range(50):
        for _ in range(SEEN_MIN):
            outputs.learn("often", "d", 100)
            outputs.learn(f"k{n}", f"d{n}", 10)
    assert len(outputs._lengths) == 6
    assert outputs.most("often", "d") is not None
    assert outputs.most("k0", "d0") is None
    one = Lengths()
    assert sum(map(sys.getsizeof, (one, one._counts, one._newest))) < 600
