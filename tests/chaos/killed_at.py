"""The gateway, which kills itself where it is told to, the so many-th time that it comes there.

python killed_at.py POINT COUNT serve …
"""

import importlib
import inspect
import os
import signal
import sys

POINTS = {
    "before a lease is topped up or reported": ("gateway.stores.redis_leases:RedisStore.exchange", "before"),
    "after a lease was topped up or reported": ("gateway.stores.redis_leases:RedisStore.exchange", "after"),
    "before a hold": ("gateway.limits.chain:Limits.hold", "before"),
    "after a hold": ("gateway.limits.chain:Limits.hold", "after"),
    "before the journal's line": ("gateway.ledger.journal:Journal.extend", "before"),
    "after the journal's line": ("gateway.ledger.journal:Journal.extend", "after"),
    "as the first byte leaves": ("gateway.journey.booking:Booking.leaving", "after"),
    "as a stream begins": ("gateway.journey.booking:Booking.writing", "after"),
    "before the settled line": ("gateway.ledger.journal:Journal.settle", "before"),
    "after the settled line": ("gateway.ledger.journal:Journal.settle", "after"),
    "as the journal is synced": ("os:fdatasync", "before"),
    "between ledger and journal": ("gateway.ledger.sqlite:SqliteLedger._record", "after"),
    "before what is left is given back": ("gateway.stores.redis_leases:RedisStore.resume", "before"),
    "after what is left was given back": ("gateway.stores.redis_leases:RedisStore.resume", "after"),
}
AT_THE_END = frozenset(name for name in POINTS if "given back" in name)
"""Where it only comes as it starts and stops."""


def armed(point: str, count: int) -> None:
    """Put the trap there."""
    where, when = POINTS[point]
    module, _, path = where.partition(":")
    owner = importlib.import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    real, left = getattr(owner, name), [count]

    def passed(now: str) -> None:
        if now == when:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def trapped(*args, **named):
        passed("before")
        done = real(*args, **named)
        passed("after")
        return done

    async def trapped_later(*args, **named):
        passed("before")
        done = await real(*args, **named)
        passed("after")
        return done

    setattr(owner, name, trapped_later if inspect.iscoroutinefunction(real) else trapped)


if __name__ == "__main__":
    armed(sys.argv[1], int(sys.argv[2]))
    from gateway.cli.main import main

    sys.exit(main(sys.argv[3:]))
