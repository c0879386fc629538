"""docs/clients.md and build/bench/clients.json are those of a whole run, with the clients that there are."""

import json

import pytest
from playing import cells
from report import FIGURES, PAGE, pinned, table, with_table
from roster import CLIENTS


def test_the_table_is_that_of_the_last_run_and_leaves_nobody_out():
    """`make test-clients` after a change of clients, features or edges."""
    figures = json.loads(FIGURES.read_text())
    assert PAGE.read_text() == with_table(PAGE.read_text(), table(figures))
    found = [
        (one["client"], told["deployment"], told["feature"]) for one in figures["clients"] for told in one["results"]
    ]
    assert found == [(one.name, cell.deployment.name, cell.feature.name) for one in CLIENTS for cell in cells(one)]
    for client, one in zip(CLIENTS, figures["clients"], strict=True):
        assert one["versions"] == {package: pinned(client)[package] for package in client.packages}
    assert all(told.get("reason") for one in figures["clients"] for told in one["results"] if told["result"] != "pass")


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_page_says_how_a_client_is_pointed_at_the_gateway(client):
    assert f"`{client.pointed.replace('{base}', 'http://127.0.0.1:4000')}`" in PAGE.read_text()
