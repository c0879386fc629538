"""Limits under hundreds of simulated faults. `make simulate SEEDS=…` runs as many as one likes."""

import pytest
from simulation.__main__ import TOGETHER, several
from simulation.plan import TROUBLES, plan
from simulation.truth import Violation
from simulation.world import World

SEEDS = 300


@pytest.mark.parametrize("first", range(0, SEEDS, TOGETHER))
def test_no_seed_breaks_a_promise(first):
    _, found, counts = several(first, first + TOGETHER)
    assert not found, "\n".join(f"make simulate SEED={seed}: {what}" for seed, what in found)
    assert counts["holds"]
    assert counts["refusals"]


@pytest.mark.parametrize("seed", [959075, 959933, 960945, 964304])
def test_seeds_that_have_broken_one_do_so_no_more(seed):
    _, found, _ = several(seed, seed + 1)
    assert not found


def test_every_trouble_is_among_the_seeds():
    assert {plan(seed)[0].trouble for seed in range(SEEDS)} == set(TROUBLES)


def test_a_seed_is_the_same_run_every_time():
    runs = [World(7) for _ in range(2)]
    for world in runs:
        world.run()
    one, other = (world.truth for world in runs)
    assert (one.checks, one.holds, one.refusals, one.total) == (other.checks, other.holds, other.refusals, other.total)


def test_a_store_that_leases_too_much_is_found_out(monkeypatch):
    """The simulator can see what it is there to see."""
    from simulation import server

    from gateway.stores import base

    def generous(record, replica, ask):
        granted = base.grant(record, replica, ask)
        return base.Standing(max(granted.leased, ask.want), granted.spent, granted.held, 0, granted.turn)

    monkeypatch.setattr(server, "grant", generous)
    assert several(0, 20)[1]


def test_a_refusal_without_need_is_found_out(monkeypatch):
    from gateway.limits.accounts import Account

    monkeypatch.setattr(Account, "hopeless", lambda self, amount, **_: True)
    found = []
    for first in range(0, 60, 20):
        found += several(first, first + 20)[1]
    assert any(Violation.__name__ in what for _, what in found)
