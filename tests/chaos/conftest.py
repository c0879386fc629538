"""What the rows of docs/reliability.md start with: a seed that can be given again, and a place for what they show."""

import os
import random
import re
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FOLDERS = ("journey", "replicas", "workers", "upstream", "front", "admin", "browser", "ledger", "telemetry")
sys.path[:0] = [str(Path(__file__).parent), str(TESTS), *(str(TESTS / folder) for folder in FOLDERS)]

from shown import Shown  # noqa: E402

FULL = os.environ.get("CHAOS") == "full"


def pytest_configure():
    """What chance begins with: SEED, or another one each time, the same for every test of a run, whichever process it
    is in. The short form, which runs before changes land, draws the same each time: what it finds must hang on the
    change."""
    os.environ["SEED"] = os.environ.get("SEED") or str(random.randrange(1 << 32) if FULL else 1)


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"Chance began with SEED={os.environ['SEED']}.")


@pytest.fixture(scope="session")
def full():
    """Whether there is time for all of it: CHAOS=full. Else the short form."""
    return FULL


@pytest.fixture
def seed():
    return int(os.environ["SEED"])


@pytest.fixture
def dice(seed):
    return random.Random(seed)


@pytest.fixture
def shown(request, seed, full):
    return Shown(re.sub(r"\W+", "_", request.node.name).strip("_"), seed, full)
