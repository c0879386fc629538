"""Any server that speaks OpenAI's dialects: it lists its models, and says no more."""

from __future__ import annotations

from gateway.fleet.engines.engine import Engine, listed

ENGINE = Engine(listed=listed)
