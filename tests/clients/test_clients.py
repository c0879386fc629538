"""Real clients, unmodified, pointed at the gateway: what works with them is what we claim."""

import pytest
from judge import faults
from playing import cells, play
from roster import CLIENTS
from stage import stage

pytestmark = pytest.mark.xdist_group("clients")


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


CELLS = [pytest.param(cell, id=f"{cell.client.name}, {cell.name}") for one in CLIENTS for cell in cells(one)]


@pytest.mark.parametrize("cell", CELLS)
def test_client(cell, played):
    if reason := cell.client.skips.get(cell.feature.name):
        pytest.skip(reason)
    assert faults(cell, played(cell.client)[cell.name]) == []
