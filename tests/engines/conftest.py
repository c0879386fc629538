"""The engine is installed by scripts/setup-engine.sh; `make test-engines` does that, and fails where it cannot."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "journey"))

from engine_bench import ENGINE


@pytest.fixture(scope="session")
def engine_installed():
    if not (ENGINE / ".installed").exists():
        assert "ENGINE_REQUIRED" not in os.environ, "scripts/setup-engine.sh has not installed the engine"
        pytest.skip("no engine in build/engine: run scripts/setup-engine.sh")
