"""One browser for all tests, and one gateway for all tests of a module."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "journey"), str(TESTS / "admin"), str(TESTS / "browser")]

from api import Api  # noqa: E402
from dashboard import CONFIG, chat, chromium, look  # noqa: E402
from road import road  # noqa: E402

TEAMS = ("checkout", "research", "support")


@pytest.fixture(scope="session")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    """A gateway with three teams, whose keys have made a few calls."""
    with road(tmp_path_factory.mktemp("dashboard"), CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def admin(way):
    """An admin at the API."""
    return Api.of(way, way.admin)


@pytest.fixture(scope="module")
def url(admin):
    """Where admins have their dashboard."""
    return admin.url.removesuffix("/admin/v1") + "/dashboard"


@pytest.fixture(scope="module")
def keys(way, admin):
    """The token of a key of each team, after some calls."""
    made = {}
    for number, team in enumerate(TEAMS):
        admin.post("/teams", {"id": team})
        made[team] = admin.key(team=team, alias=f"{team} nightly")[1]
        with way.client(made[team]) as client:
            for words in (20, 400, 900):
                chat(client, ("assistant", "sim-large", "sim-medium")[number], "word " * words, max_tokens=90)
    way.rest()
    return made


@pytest.fixture
def open_as(browser):
    """Somebody's browser, logged in: `open_as(url, token)`. Closed at the end."""
    looked = []

    def opened(url, token, **options):
        looked.append(look(browser, url, **options))
        looked[-1].log_in(token)
        return looked[-1]

    yield opened
    for one in looked:
        one.page.context.close()
