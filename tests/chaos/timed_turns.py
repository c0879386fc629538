"""`fareway`, with the CPU time of every turn of its event loop told at the end in FAREWAY_HOME/turns.json: pairs of
when it ended (on the monotonic clock) and how long it took. On asyncio's own loop: into uvloop's nobody can look."""

import atexit
import json
import os
import selectors
import sys
import time
from pathlib import Path

TURNS = []


class Timed(selectors.EpollSelector):
    """Between one wait for the network and the next lies a turn. CPU time: it does not matter who else works."""

    began = None

    def select(self, timeout=None):
        """See `selectors`."""
        if self.began is not None:
            TURNS.append((time.monotonic(), time.thread_time() - self.began))
        try:
            return super().select(timeout)
        finally:
            self.began = time.thread_time()


sys.modules["uvloop"] = None
selectors.DefaultSelector = Timed
atexit.register(lambda: (Path(os.environ["FAREWAY_HOME"]) / "turns.json").write_text(json.dumps(TURNS)))

from gateway.cli.main import main  # noqa: E402 - the loop is chosen before.

sys.exit(main())
