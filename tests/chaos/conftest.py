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


@pytest.fixture(scope="session")
def full():
    """Whether there is time for all of it: CHAOS=full. Else the short form."""
    return os.environ.get("CHAOS") == "full"


@pytest.fixture
def seed(full):
    """What chance begins with: SEED, or another one each time. A test that fails says which. The short form, which
    runs before changes land, draws the same each time: what it finds must hang on the change."""
    return int(os.environ.get("SEED") or (random.randrange(1 << 32) if full else 1))


@pytest.fixture
def dice(seed):
    return random.Random(seed)


@pytest.fixture
def shown(request, seed, full):
    print(f"seed {seed}")
    return Shown(re.sub(r"\W+", "_", request.node.name).strip("_"), seed, full)
