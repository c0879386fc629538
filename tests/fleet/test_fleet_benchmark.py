"""The engine of the fleet benchmark is as quick as the one that was measured."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from fleet.engines import PAIR_OF_H100, PUBLISHED, Machine, alone_s

from gateway.simulator.engine import Job

READ_FOR_EACH_WRITTEN = 10


@pytest.mark.parametrize("calls", PUBLISHED)
def test_a_step_takes_as_long_as_was_published(calls):
    speeds = PAIR_OF_H100.speeds
    tokens = calls + (calls - 1) * READ_FOR_EACH_WRITTEN  # A call's own prompt is read before it writes.
    assert 1000 * (speeds.step_s + tokens * speeds.token_s) == pytest.approx(PUBLISHED[calls], rel=0.015)


def test_an_empty_engine_begins_as_soon_as_it_is_said_to():
    begun, ended = [], []
    machine = Machine(PAIR_OF_H100, begun.append, ended.append)
    job = Job("1", prompt_tokens=5_000, output_tokens=3)
    machine.take(job, 10.0)
    assert machine.load(10.0).running == 1
    machine.finish()
    assert (begun, ended) == ([job], [job])
    assert job.first_token == pytest.approx(10.0 + alone_s(5_000, PAIR_OF_H100))
    assert alone_s(5_000, PAIR_OF_H100) == pytest.approx(0.40677, rel=0.04)  # As published, too.
