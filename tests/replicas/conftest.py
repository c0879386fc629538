"""What every test of several gateways starts with: `harness`, `road`, `crowd` and a Redis can be imported."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), *(str(TESTS / folder) for folder in ("journey", "workers", "replicas"))]
