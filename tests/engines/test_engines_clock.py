"""The cost clock on a real engine: what calls are booked at is what the machine cost while they ran."""

import live_clock
import pytest

ERROR_PCT_MAX = 5.0
"""The callers' own way to the gateway and back is in their time and not in the machine's, where nobody else is there:
some tenths of a per cent, and up to two on a machine that is busy with other things."""


@pytest.mark.usefixtures("engine_installed")
def test_the_entries_of_a_busy_machine_sum_up_to_what_it_cost(tmp_path):
    run = live_clock.run(tmp_path)
    assert run.calls == live_clock.CALLERS * live_clock.CALLS
    assert run.error_pct < ERROR_PCT_MAX, run
