"""Who hears what happens: metrics, those who watch live, the next routing decision, and those who are alarmed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from gateway.assembly.alerts import Alarms
from gateway.assembly.tracing import tracing
from gateway.config.settings import Settings
from gateway.journey.telling import Telling
from gateway.telemetry.live import Live
from gateway.telemetry.metrics import Metrics
from gateway.upstream.health import Health


class Told:
    """See the module. `clock`: Unix seconds, by the store that gateways share where there is one. What is still to be
    told when the stack closes is."""

    def __init__(
        self, settings: Settings, clock: Callable[[], float], live: Live, replica: str, stack: AsyncExitStack
    ) -> None:
        routing = settings.routing
        self.clock = clock
        self.live = live
        self.metrics = Metrics()
        self.health = Health(failures_max=routing.breaker_failures, open_s=routing.breaker_open_s)
        self.alarms = Alarms(settings, clock, self.metrics, replica)
        self.tracing = tracing(settings, clock, self.metrics, stack, replica)
        self.telling = Telling(self.metrics, live, self.health, clock, self.alarms.threshold, self.tracing)
