"""Waiting for what other replicas have leased and do not need.

A hold that does not fit asks the store at once. Where that has nothing free it marks the record, and
the others give back at their next sync; nobody waits longer than that may take. What is spent is refused
without asking, or, where it may have left a rolling window, after asking once. What is only held may come
back: whoever lacks it waits, though after a first no the store is asked for all of them together, every 40 ms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from gateway.core.errors import Unavailable
from gateway.core.limit import Fare
from gateway.limits.accounts import Account
from gateway.limits.holds import LEARNING, Hold

WAIT_S_MAX = 0.4
"""Two syncs of the others: the one that gives back, and one that comes late."""

LEARNING_S_MAX = 1.5
"""How long a store is waited for that may have forgotten: it learns for a second, in which it leases nothing."""

ASK_AGAIN_S = 0.04
"""How long until the store is asked again whether somebody has given back."""

Lacking = list[tuple[Account, int]]


class Recall:
    """All that wait share one question to the store at a time. `exchange` asks it about accounts."""

    def __init__(self, exchange: Callable[[Sequence[Account]], Awaitable[None]]) -> None:
        self._exchange = exchange
        self._waiting: list[Account] = []  # One a call that waits.
        self._question: asyncio.Task[Unavailable | None] | None = None
        self._urgent = asyncio.Event()  # Somebody waits for whom the store was not asked yet, nor said no before.
        self._asked = 0  # How often it was.

    async def make_room(self, hold: Hold, fare: Fare) -> None:
        """Return once the hold can be raised to this fare, or once it is known that it cannot. Raises Unavailable."""
        clock = asyncio.get_running_loop().time
        begun, before = clock(), self._asked
        until = begun + WAIT_S_MAX
        while lacking := hold.lacking(fare):
            heard = self._asked > before
            if any(account.hopeless(amount, heard=heard) for account, amount in lacking):
                return
            if learning := any(account.learning for account, _ in lacking):
                until = min(clock() + WAIT_S_MAX, begun + LEARNING_S_MAX)
            if clock() >= until and heard:  # Else another one's question took so long.
                if learning:
                    raise Unavailable(LEARNING)
                for account, _ in lacking:
                    account.ran_dry()
                return
            await self._ask_for(lacking, urgent=not heard)

    async def _ask_for(self, lacking: Lacking, *, urgent: bool) -> None:
        for account, amount in lacking:
            account.waiting.append(amount)
            self._waiting.append(account)
            if urgent and not account.short and not account.known_dry(amount):
                self._urgent.set()
        try:
            if self._question is None or self._question.done():
                self._question = asyncio.create_task(self._ask())
            if (failed := await asyncio.shield(self._question)) is not None:
                raise Unavailable(str(failed))
        finally:
            for account, amount in lacking:
                account.waiting.remove(amount)
                self._waiting.remove(account)

    async def _ask(self) -> Unavailable | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(ASK_AGAIN_S):
                await self._urgent.wait()
        self._urgent.clear()
        self._asked += 1
        try:
            await self._exchange(list(dict.fromkeys(self._waiting)))
        except Unavailable as error:
            return error
        return None
