"""The thread that writes a ledger."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

NICE = 10
"""Its priority; 0 is ordinary, 19 the least."""


def stand_back() -> None:
    """Calls go before books: where they share a core, this thread gets what they leave. Linux has a priority for
    every thread; elsewhere it is as any other."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
