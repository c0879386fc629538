"""Taking turns at something that may not answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.core.errors import Unavailable


class Turns:
    """One after another. Who waited while another one failed fails with it: nobody waits for a dead store twice."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._failures = 0

    @asynccontextmanager
    async def next(self) -> AsyncIterator[None]:
        """Mine. Raises Unavailable."""
        failures = self._failures
        async with self._lock:
            if failures != self._failures:
                raise Unavailable("The store of limits does not answer.")
            try:
                yield
            except Unavailable:
                self._failures += 1
                raise
