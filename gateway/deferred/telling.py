"""Telling a caller's webhook that its call has ended, as Standard Webhooks has it (https://www.standardwebhooks.com).

Not a word of the question or the answer is sent: whoever is told fetches it, with the key.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable

import msgspec
from msgspec.structs import replace

from gateway.alerts.outbox import ATTEMPTS_MAX, FIRST_WAIT_S, WAIT_S_MAX
from gateway.alerts.sending import NotSentError, Target, post
from gateway.alerts.shapes import SECRET_PREFIX, Shape, signed
from gateway.core.errors import Unavailable
from gateway.deferred.record import Later
from gateway.deferred.shelf import Shelf
from gateway.deferred.shown import moment

LOOK_EVERY_S = 1.0
AT_ONCE = 20

log = logging.getLogger("fareway.deferred")


def webhook_secret(pepper: bytes, key_id: str) -> str:
    """What the webhooks of this key are signed with: nothing is kept, and `GET /v1/key` shows it to its holder."""
    digest = hmac.digest(pepper, b"webhooks of " + key_id.encode(), "sha256")
    return SECRET_PREFIX + base64.b64encode(digest).decode()


class Telling:
    """See the module. `private`: addresses that are not public may be told, too."""

    def __init__(self, shelf: Shelf, pepper: bytes, clock: Callable[[], float], *, private: bool) -> None:
        self._shelf = shelf
        self._pepper = pepper
        self._clock = clock
        self._private = private
        self._outcomes: dict[str, tuple[Later, float | None]] = {}  # By call: what the shelf has not heard yet.

    async def run(self) -> None:
        """For ever."""
        while True:
            if self._shelf.used:
                try:
                    await self.round()
                except Unavailable as error:
                    log.warning("webhooks wait: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def round(self) -> None:
        """Tell all that is due. Raises Unavailable, once nobody is being told any more; the next round writes down
        first what was told, and tells nobody again."""
        await _all(map(self._note, [*self._outcomes]))
        await _all(map(self.tell, await self._shelf.untold(self._clock(), AT_ONCE)))

    async def tell(self, later: Later) -> None:
        """Until it has arrived, for a day."""
        secret = webhook_secret(self._pepper, later.caller.key_id)
        target = Target(later.id, Shape.WEBHOOK, later.webhook, private=self._private)
        told = replace(later, tells=later.tells + 1)
        try:
            await post(target, signed(later.id, body_of(later), secret, self._clock()))
        except NotSentError as error:
            wait = min(WAIT_S_MAX, FIRST_WAIT_S * 2.0 ** min(later.tells, 20))
            over = told.tells >= ATTEMPTS_MAX
            log.warning(
                "the webhook of call %s was not told%s: %s", later.id, " and is given up" if over else "", error
            )
            self._outcomes[later.id] = told, None if over else self._clock() + wait
        else:
            self._outcomes[later.id] = told, None
        await self._note(later.id)

    async def _note(self, name: str) -> None:
        if (outcome := self._outcomes.get(name)) is not None:
            await self._shelf.tell_at(*outcome)
            self._outcomes.pop(name, None)


async def _all(works: Iterable[Awaitable[None]]) -> None:
    """Wait for each of them. Raises what one of them has raised."""
    for failed in await asyncio.gather(*works, return_exceptions=True):
        if failed is not None:
            raise failed


def body_of(later: Later) -> bytes:
    """What is sent."""
    data = {"id": later.id, "status": later.state, "status_code": later.status, "url": f"/v1/requests/{later.id}"}
    return msgspec.json.encode({"type": f"request.{later.state}", "timestamp": moment(later.ended), "data": data})
