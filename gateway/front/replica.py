"""What a process that carries calls tells of itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

from gateway.front.together import Doing, Replica
from gateway.ledger.journal import Journal
from gateway.ledger.mover import Mover
from gateway.upstream.health import Health, Vitals


def replica_teller(
    name: str, *, mover: Mover, journal: Journal, health: Health, clock: Callable[[], float]
) -> Callable[[], Replica]:
    """What this process tells of itself."""
    started = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")

    def tell() -> Replica:
        left_alone = sorted(one for one, state in health.states().items() if state)
        doing = [_doing(one, vitals) for one, vitals in sorted(health.known.items())]
        in_flight, waiting = journal.open_count, len(journal.settled)
        return Replica(name, os.getpid(), started, in_flight, waiting, mover.drift, left_alone, doing)

    return tell


def _doing(name: str, vitals: Vitals) -> Doing:
    streams, answers = vitals.streams, vitals.answers
    waits = (streams.average, streams.p95, answers.average, answers.p95)
    return Doing(name, not vitals.left_alone, vitals.in_flight, vitals.error_rate, *waits)
