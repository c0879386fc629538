"""A provider that speaks every main dialect: paced, priced, faulty on request, and with a bill of its own."""

from gateway.simulator.bill import Rates
from gateway.simulator.server import Running, build, run, start
from gateway.simulator.settings import Settings

__all__ = ["Rates", "Running", "Settings", "build", "run", "start"]
