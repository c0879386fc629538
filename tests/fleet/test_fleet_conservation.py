"""A few hundred calls of the benchmark: the books of a machine lose nothing and make nothing up."""

import sys

import harness
import pytest


@pytest.mark.parametrize("seed", [2, 3])
def test_the_ledger_has_what_was_paid(seed, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(harness.ROOT / "benchmarks"), *sys.path])
    from fleet.conservation import conservation_error_nano

    assert conservation_error_nano(calls=300, seed=seed) == 0
