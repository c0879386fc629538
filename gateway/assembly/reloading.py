"""Taking over a changed configuration while calls go on: all of it, or nothing."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable

from gateway.config.problems import ConfigError
from gateway.config.settings import Settings
from gateway.config.takeover import NeedsRestart, Source
from gateway.core.errors import Unavailable
from gateway.telemetry.metrics import Metrics

log = logging.getLogger("fareway.config")


class Reloading:
    """Reads the configuration again when `wanted` is set, and gives it to `take`, which raises NeedsRestart or
    Unavailable before it has changed anything. `told`: whether this process says in its log what came of it."""

    def __init__(
        self,
        source: Source,
        take: Callable[[Settings], None],
        wanted: asyncio.Event,
        metrics: Metrics,
        clock: Callable[[], float],
        *,
        told: bool,
    ) -> None:
        self._source = source
        self._take = take
        self._metrics = metrics
        self._clock = clock
        self._level = (logging.INFO, logging.ERROR) if told else (logging.DEBUG, logging.DEBUG)
        self._wanted = wanted  # Set while it is being read, it is read once more.
        self._taken_at = clock()
        metrics.gauges.add(
            "fareway_config_taken_timestamp_seconds",
            "When the configuration in use was read, in Unix time.",
            (),
            lambda: {(): self._taken_at},
        )

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._metrics.count("fareway_config_reloads", await self._looked())

    async def _looked(self) -> str:
        """What came of it."""
        taken, stays = self._level
        try:
            source = await asyncio.to_thread(self._source.again)
            self._take(source.said)
        except NeedsRestart as error:
            log.log(stays, "the configuration stays as it was: %s", error)
            return "needs_restart"
        except ConfigError as error:
            log.log(stays, "the configuration stays as it was: %s", "; ".join(map(str, error.problems)))
            return "invalid"
        except (OSError, Unavailable) as error:
            log.log(stays, "the configuration stays as it was: %s", error)
            return "invalid"
        except Exception as error:  # noqa: BLE001 - whatever stands in a file, calls go on
            at = traceback.extract_tb(error.__traceback__)[-1]  # Not its words: a secret may be in them.
            log.log(stays, "the configuration stays as it was: %s at %s:%s", type(error).__name__, at[0], at[1])
            return "invalid"
        self._source, self._taken_at = source, self._clock()
        log.log(taken, "the configuration was read again and is in use")
        return "taken"
