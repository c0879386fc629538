"""C7: under load for long, with a fault every 20 s. `make bench-soak BENCH=--faults` is the same without pytest."""

import math
import sys

import pytest
from harness import ROOT
from stores.redis_server import BINARY

sys.path.insert(0, str(ROOT / "benchmarks" / "soak"))

from soak_faulty import faulty

SECONDS, EVERY_S = 1800, 20
SHORT_SECONDS, SHORT_EVERY_S = 35, 3
RSS_MIB_AN_HOUR = 1.0
FILLING_MIB_AN_HOUR = 40  # Caches, which is more than twice what was seen.


@pytest.mark.skipif(BINARY is None, reason="neither redis-server nor valkey-server is installed")
def test_a_soak_with_faults(tmp_path, shown, seed, full):
    found = faulty(tmp_path, *((SECONDS, EVERY_S) if full else (SHORT_SECONDS, SHORT_EVERY_S)), seed)
    kinds, count = len(found.faults), found.faults.total()
    how = f"{found.seconds:.0f} s at 70 % of {found.carried:.0f} calls/s, {count} faults of {kinds} kinds"
    print("\n".join([*found.broken, *found.turned_away][:20]))
    shown(
        "C7",
        how,
        f"{len(found.wrong)} of {found.seen.calls} calls and {len(found.store)} accounts differ, "
        f"{len(found.seen.errors)} unexpected failures ({len(found.turned_away)} turned away at the door), "
        f"{len(found.broken)} complaints, 0 tracebacks",
        target="0 differ, 0 unexpected failures",
        met=not found.broken,
        bounded=not found.turned_away,
        excused=dict(found.seen.excused),
    )
    before, after = found.rest
    growth = {name: slope for name, slope in found.growth[0].items() if math.isfinite(slope.error)}
    slopes = [f"{name} {slope} an hour (95 %)" for name, slope in growth.items() if name != "rss_mib"]
    at_rest = f"at rest {before.descriptors} and {before.tasks} before, {after.descriptors} and {after.tasks} after"
    shown(
        "C7",
        "descriptors and tasks of the gateway that lives from beginning to end",
        "; under load ".join([at_rest, *slopes]),
        target="no more at rest than before",
        met=after.descriptors <= before.descriptors and after.tasks <= before.tasks,
    )
    if full:
        _grows(shown, growth["rss_mib"])


def _grows(shown, slope):
    """The first third of the time is left out: caches fill. They go on for longer, and hours alone can tell their end
    from growth without one."""
    shown(
        "C7",
        "resident memory of that gateway",
        f"{slope} MiB an hour (95 %)",
        target=f"< {RSS_MIB_AN_HOUR} MiB an hour, after the first",
        met=slope.an_hour + slope.error < FILLING_MIB_AN_HOUR,
        bounded=slope.an_hour + slope.error < RSS_MIB_AN_HOUR,
        because="this is the first half of the first hour, in which caches fill",
    )
