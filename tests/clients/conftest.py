"""What the conformance suite starts with: `road`, `api` and its own modules can be imported."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "journey"), str(TESTS / "admin"), str(Path(__file__).parent)]
