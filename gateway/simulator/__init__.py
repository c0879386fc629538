"""A provider that speaks every main dialect: paced, priced, faulty on request, and with a bill of its own. And an
inference engine that batches, caches and runs out of room as a real one does."""

from gateway.simulator.bill import Rates
from gateway.simulator.engine import EngineSettings
from gateway.simulator.engine_server import EngineServerSettings, start_engine
from gateway.simulator.server import Running, build, run, start
from gateway.simulator.settings import Settings

__all__ = [
    "EngineServerSettings",
    "EngineSettings",
    "Rates",
    "Running",
    "Settings",
    "build",
    "run",
    "start",
    "start_engine",
]
