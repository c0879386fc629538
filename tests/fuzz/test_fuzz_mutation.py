"""Inputs are changed in their trees: mostly still JSON, the same for the same seed, and never too long."""

import json

from fuzz.mutation import Mutator

EXAMPLE = b'!{"a":[1,{"b":"c"}],"usage":{"tokens":3}}\n{"a":2}'


def is_json(line):
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_most_of_what_comes_out_is_json_and_not_what_went_in():
    mutate = Mutator(1, [EXAMPLE])
    made = [mutate(EXAMPLE, 4096, seed) for seed in range(400)]
    good = [one for one in made if all(is_json(line) for line in one[1:].split(b"\n"))]
    assert len(good) > 300
    assert len(set(made)) > 150
    assert made == [mutate(EXAMPLE, 4096, seed) for seed in range(400)]


def test_it_grows_no_longer_than_it_may():
    mutate = Mutator(1, [EXAMPLE])
    assert max(len(mutate(EXAMPLE, 60, seed)) for seed in range(400)) <= 60


def test_whatever_comes_in_something_comes_out():
    mutate, data = Mutator(1, [EXAMPLE]), b""
    for seed in range(2000):
        data = mutate(data, 2000, seed)
