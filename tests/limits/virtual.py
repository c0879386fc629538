"""An event loop whose clock jumps to whatever is due next: waiting takes no time, and no machine is too slow."""

import asyncio
import selectors


class _Instant(selectors.SelectSelector):
    def __init__(self, loop):
        super().__init__()
        self.loop = loop

    def select(self, timeout=None):
        """Nothing ready now: then it is later."""
        ready = super().select(0)
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that waits for itself alone, without sockets or threads."""

    def __init__(self):
        self.now = 0.0
        super().__init__(_Instant(self))

    def time(self):
        return self.now
