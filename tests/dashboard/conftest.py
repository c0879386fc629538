"""`harness`, `road` and `api` can be imported."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "journey"), str(TESTS / "admin")]
