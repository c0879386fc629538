"""A gateway at its most talkative, seen by whom it does not know: `edge` and `api` can be imported."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), *(str(TESTS / name) for name in ("front", "journey", "admin"))]

from edge import edge  # noqa: E402


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    """One gateway for all tests of a module."""
    with edge(tmp_path_factory.mktemp("security")) as running:
        yield running
