"""From something that happened to somebody who knows it. No call waits for any of this."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from gateway.alerts.outbox import Outbox
from gateway.alerts.sending import NobodyThereError, NotSentError, Target, post, send_mail
from gateway.alerts.shapes import Shape, chat, mail, webhook
from gateway.core.alert import Alert

LOOK_EVERY_S = 1.0
OPEN_EVERY_S = 30.0
AT_ONCE = 100
"""Of one target, each time that it is looked at."""

WAITING_MAX = 10_000
"""In memory, until they are written down. More in a second is a flood that tells nobody anything."""

SWEEP_EVERY_S = 3600.0

log = logging.getLogger("fareway.alerts")


class Alerts:
    """See the module. `counted` hears of each alert at each target: its kind, and sent, failed or dropped."""

    def __init__(
        self, targets: Sequence[Target], path: Path, clock: Callable[[], float], counted: Callable[[str, str], None]
    ) -> None:
        self._targets = tuple(targets)
        self._path = path
        self._clock = clock
        self._counted = counted
        self._news: list[Alert] = []
        self._swept = -SWEEP_EVERY_S
        self._outcomes: dict[str, Callable[[], None]] = {}  # By target: what the outbox has not heard yet.

    def tell(self, alert: Alert) -> None:
        """Something happened. Does not wait."""
        if not self._targets:
            return
        if len(self._news) >= WAITING_MAX:
            self._counted(alert.kind, "dropped")
            return
        self._news.append(alert)

    async def run(self, *, deliver: bool) -> None:
        """For ever. `deliver`: one process of a home sends what all of them have to tell."""
        if not self._targets:
            return
        outbox = await self._opened()
        try:
            async with asyncio.TaskGroup() as works:  # Each at its own pace: a target may hang for long.
                works.create_task(_repeated(partial(self._keep, outbox)))
                for target in self._targets if deliver else ():
                    works.create_task(_repeated(partial(self.deliver, outbox, target)))
        finally:
            await self.write_down(outbox)
            outbox.close()

    async def _opened(self) -> Outbox:
        """The outbox, once it can be opened: calls go on while it cannot."""
        while True:
            try:
                return await asyncio.to_thread(Outbox, self._path)
            except (sqlite3.Error, OSError) as error:
                log.warning("alerts cannot be written down, and wait: %s", error)
                await asyncio.sleep(OPEN_EVERY_S)

    async def _keep(self, outbox: Outbox) -> None:
        await self.write_down(outbox)
        now = self._clock()
        if now - self._swept >= SWEEP_EVERY_S:
            self._swept = now
            await asyncio.to_thread(outbox.sweep, now)

    async def write_down(self, outbox: Outbox) -> None:
        """Whatever happens from then on, what is new will be told. Raises sqlite3.Error."""
        news = self._news[:]
        told = [(a, t.name) for a in news for t in self._targets if t.wants(a.kind, a.kind.family)]
        if told:
            await asyncio.to_thread(outbox.put, told, self._clock())
        del self._news[: len(news)]

    async def deliver(self, outbox: Outbox, target: Target) -> None:
        """Send what is due there; where nobody is there, the rest waits. Raises sqlite3.Error."""
        await self._note(target)
        due = await asyncio.to_thread(outbox.due, target.name, self._clock(), AT_ONCE)
        for some in _messages(target, due):
            try:
                await send(target, some, self._clock())
            except NotSentError as error:
                log.warning("%d alerts did not reach %s: %s", len(some), target.name, error)
                self._outcomes[target.name] = partial(outbox.failed, target.name, some, self._clock(), str(error))
                self._count(some, "failed")
                await self._note(target)
                if isinstance(error, NobodyThereError):
                    return
            else:
                self._outcomes[target.name] = partial(outbox.arrived, target.name, some, self._clock())
                self._count(some, "sent")
                await self._note(target)

    async def _note(self, target: Target) -> None:
        """What became of the last message there. While that cannot be written down nothing else is sent, for what was
        told is due in the file. Raises sqlite3.Error."""
        if (outcome := self._outcomes.get(target.name)) is not None:
            await asyncio.to_thread(outcome)
            del self._outcomes[target.name]

    def _count(self, alerts: Sequence[Alert], outcome: str) -> None:
        for alert in alerts:
            self._counted(alert.kind, outcome)


async def _repeated(step: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await step()
        except sqlite3.Error as error:
            log.warning("alerts cannot be written down, and wait: %s", error)
        await asyncio.sleep(LOOK_EVERY_S)


def _messages(target: Target, due: Sequence[Alert]) -> list[Sequence[Alert]]:
    """A program wants each of them; people want one message."""
    if target.shape is Shape.WEBHOOK:
        return [[alert] for alert in due]
    return [due] if due else []


async def send(target: Target, alerts: Sequence[Alert], now: float) -> None:
    """One message. Raises NotSentError."""
    if target.shape is Shape.MAIL:
        await send_mail(target, mail(alerts, target.sender, target.to))
    elif target.shape is Shape.WEBHOOK:
        await post(target, webhook(alerts[0], target.secret, now))
    else:
        await post(target, chat(alerts, target.shape))
