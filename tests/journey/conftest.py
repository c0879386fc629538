"""What every journey starts with: `harness` and `road` can be imported, and the shared data found."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import harness


@pytest.fixture(scope="session")
def shared():
    """The folder of the development data; None where it is not."""
    return harness.shared()
