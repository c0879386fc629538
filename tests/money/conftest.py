"""What tests of money start with: `harness`, and the roads and providers of the journey's tests."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "journey")]
