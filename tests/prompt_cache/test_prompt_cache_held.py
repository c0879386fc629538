"""What is believed to be in a cache: never more than was sent there, never more than it holds, never for longer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prompt_cache.held import LIFETIME_S, SURE, ByRoom, ByTime

PROMPTS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), max_size=30)
"""Prompts of a few kinds of blocks, so that many begin alike."""


def chained(prompt):
    """Each block with all before it, as links are."""
    return tuple(hash(tuple(prompt[: n + 1])) for n in range(len(prompt)))


@pytest.mark.parametrize("make", [ByRoom, ByTime])
@given(PROMPTS, st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_nothing_is_believed_that_was_not_sent(make, prompts, asked):
    held = make()
    for now, prompt in enumerate(prompts):
        held.use(chained(prompt), 10, float(now))
    sent = {link for prompt in prompts for link in chained(prompt)}
    leading = held.leading(chained(asked), 30.0)
    assert set(chained(asked)[:leading]) <= sent
    assert len(held) <= len(sent)


@given(PROMPTS, st.integers(1, 40))
def test_an_engine_s_cache_never_holds_more_than_its_room(prompts, room):
    held = ByRoom(room)
    for prompt in prompts:
        held.use(chained(prompt), 5, 0.0)
        assert len(held) * 5 <= room * SURE


@given(PROMPTS)
def test_of_a_prompt_that_is_there_in_part_the_beginning_is_there(prompts):
    """So whatever is left of it may be read: a block without those before it is worth nothing."""
    held = ByRoom(40)
    for prompt in prompts:
        held.use(chained(prompt), 5, 0.0)
    for prompt in prompts:
        links = chained(prompt)
        there = [link in held._blocks for link in links]
        assert there == sorted(there, reverse=True)


def test_what_was_used_last_stays():
    held = ByRoom(int(4 / SURE) + 1)
    one, other = (1, 2), (3, 4)
    held.use(one, 1, 0.0)
    held.use(other, 1, 0.0)
    held.use(one, 1, 0.0)
    held.use((5,), 1, 0.0)
    assert (held.leading(one, 0.0), held.leading(other, 0.0), held.leading((5,), 0.0)) == (2, 1, 1)


def test_a_provider_forgets_what_rests():
    held = ByTime()
    held.use((1, 2), 1, 0.0)
    held.use((1, 3), 1, LIFETIME_S / 2)
    assert held.leading((1, 2), LIFETIME_S) == 2
    assert held.leading((1, 2), LIFETIME_S + 1) == 1
    held.use((9,), 1, 10 * LIFETIME_S)
    assert len(held) == 1


@pytest.mark.parametrize("make", [ByRoom, ByTime])
def test_what_is_forgotten_is_cold(make):
    held = make()
    held.use((1, 2, 3), 1, 0.0)
    held.forget((2, 3, 4))
    assert held.leading((1, 2, 3), 0.0) == 1
    held.shed(5)
    assert len(held) == 0
    held.use((1,), 1, 0.0)
    assert held.leading((1,), 0.0) == 1
