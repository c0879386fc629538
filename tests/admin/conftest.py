"""A gateway that runs, and its admin API: `harness`, `road` and `api` can be imported."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "journey"), str(TESTS / "admin")]

from api import Api  # noqa: E402
from road import PROVIDERS, road  # noqa: E402

CONFIG = f"""
server: {{trusted_proxies: [127.0.0.0/8]}}
{PROVIDERS}  second: {{kind: openai, base_url: SIM_URL/v1, key: SECRET}}
limits:
  - {{node: all, amount: 1000 usd, window: month}}
  - {{node: "key:*", amount: 50 usd, window: month}}
"""


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    """One gateway for all tests of a module."""
    with road(tmp_path_factory.mktemp("admin"), CONFIG) as running:
        yield running


@pytest.fixture
def admin(way):
    """An admin at the API."""
    return Api.of(way, way.admin)
