"""Tokens = words, and times are deadlines."""

import asyncio
import random

import pytest

from gateway.simulator.pace import Pace
from gateway.simulator.prefixes import Prefixes, chain
from gateway.simulator.words import WORDS
from gateway.tokens import bpe


def test_every_word_is_one_token_alone_and_in_a_row():
    vocabulary = bpe.encoding("o200k_base")
    for word in WORDS:
        assert len(vocabulary.encode_ordinary(word)) == len(vocabulary.encode_ordinary(f" {word}")) == 1
    text = random.Random(1).choices(WORDS, k=2_000)
    assert len(vocabulary.encode_ordinary(" ".join(text))) == 2_000


async def test_pace_counts_what_time_has_made():
    chance = random.Random(1)
    assert Pace(0, 0, 0, chance).reached(7) == 7
    assert Pace(10, 1, 0, chance).reached(7) == 0
    pace = Pace(0, 0.01, 0, chance)
    await pace.until(3)
    assert 4 <= pace.reached(100) < 50


async def test_pace_that_is_behind_lets_others_in_at_every_token():
    """Else it would bill many tokens after its caller has left."""
    pace = Pace(0, 1e-6, 0, random.Random(1))
    await asyncio.sleep(0.001)
    turns = []
    asyncio.get_running_loop().call_soon(turns.append, "other")
    await pace.until(5)
    assert turns == ["other"]


def test_chains_cover_all_before_and_the_model():
    tokens = list(range(300))
    assert len(chain(tokens, 128, "m")) == 2
    assert chain(tokens, 128, "m")[0] == chain(tokens[:128] + [9] * 128, 128, "m")[0]
    assert chain(tokens, 128, "m")[1] != chain([9, *tokens[1:]], 128, "m")[1]
    assert chain(tokens, 128, "m")[0] != chain(tokens, 128, "n")[0]


@pytest.mark.parametrize(("room", "known"), [(10, 3), (2, 2)])
def test_beginnings_are_forgotten_last(room, known):
    prefixes = Prefixes(room)
    blocks = [b"a", b"b", b"c"]
    assert prefixes.visit(blocks) == 0
    assert prefixes.visit(blocks) == known
