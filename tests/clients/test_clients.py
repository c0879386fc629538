"""Real clients, unmodified, pointed at the gateway: what works with them is what we claim.

Those in Python alone; all of them, and the report, where CLIENTS=all is in the environment (`make test-clients`).
"""

import os

import pytest
from installed import environment
from playing import cells, play
from report import Report
from roster import CLIENTS
from stage import stage
from verdict import faults

pytestmark = pytest.mark.xdist_group("clients")

ALL = os.environ.get("CLIENTS") == "all"
CELLS = [
    pytest.param(cell, id=f"{cell.client.name}, {cell.name}")
    for client in CLIENTS
    if ALL or client.kind == "python"
    for cell in cells(client)
]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with stage(tmp_path_factory.mktemp("clients")) as found:
        yield found


@pytest.fixture(scope="module")
def played(running, tmp_path_factory):
    """By client, what became of its cells. Each client runs once, when the first of them is asked for."""
    known = {}

    def of(client):
        if client.name not in known:
            known[client.name] = play(running, client, tmp_path_factory.mktemp("client"))
        return known[client.name]

    return of


@pytest.fixture(scope="module")
def report():
    found = Report()
    yield found
    found.write()


@pytest.mark.parametrize("cell", CELLS)
def test_client(cell, played, report):
    if not environment(cell.client).exists():
        assert "CI" not in os.environ, "scripts/setup-clients.sh installs the clients"
        pytest.skip("not installed: scripts/setup-clients.sh installs the clients")
    if cell.skipped:
        report.add(cell, "skip", cell.skipped)
        pytest.skip(cell.skipped)
    found = faults(cell, played(cell.client)[cell.name])
    report.add(cell, "fail" if found else "pass", "; ".join(found))
    assert not found
