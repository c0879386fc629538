"""Fixtures of the price book's tests: the bundled snapshot, and the shared recordings if they are there."""

import os
from pathlib import Path

import pytest

from gateway.prices import bundled


@pytest.fixture(scope="session")
def snapshot():
    return bundled.snapshot()


@pytest.fixture(scope="session")
def book():
    return bundled.price_book()


@pytest.fixture(scope="session")
def shared():
    """The folder of shared data; the tests that need it are skipped without it."""
    folder = Path(os.environ.get("FAREWAY_SHARED") or Path(__file__).parents[2].parent / "shared")
    if not (folder / "data" / "recorded" / "index.json").exists():
        pytest.skip(f"no recorded answers below {folder}; set FAREWAY_SHARED")
    return folder
