"""A provider's answer on its way in: its head, a bounded part of its body, and how long it may keep us waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from io import BytesIO
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from gateway.upstream.errors import Lost, LostWaiting

UNREAD_BYTES_MAX = 16 << 10
"""A provider that is ahead of the reader by more is made to wait. What is read at once may come on top."""

READ_BYTES_MAX = 64 << 20
"""The largest whole answer that is read into memory."""


class Patience(NamedTuple):
    """How long an answer is waited for, in seconds. What a slow reader takes in between is not its fault."""

    head: float  # Until its head is here.
    idle: float  # For the next part of its body, while somebody wants it.
    total: float  # Until its end.


class Source(Protocol):
    """What the bytes come from."""

    due: float  # When `look` is called next, at the latest.

    def pause(self) -> None:
        """Let no more come."""
        ...

    def resume(self) -> None:
        """Let more come again."""
        ...

    def abort(self) -> None:
        """Cut the connection."""
        ...

    def watch(self, due: float) -> None:
        """Call `Answer.look` at that time of the loop's clock."""
        ...


class Answer:
    """One answer. Its head comes first, its body on demand. Close it, always.

    The connection tells what arrives by `begin`, `feed`, `end` and `fail`; one reader takes it out.
    """

    __slots__ = (
        "_away_since",
        "_complete",
        "_failure",
        "_loop",
        "_parts",
        "_patience",
        "_paused",
        "_raised",
        "_since",
        "_source",
        "_take",
        "_unread",
        "_waiter",
        "_waiting_since",
        "headers",
        "status",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, source: Source, patience: Patience) -> None:
        self._loop = loop
        self._source = source
        self._patience = patience
        self._since = self._away_since = loop.time()  # It is later by as long as nobody waited for more of a body.
        self._parts: list[bytes] = []
        self._unread = 0
        self._paused = False
        self._complete = False
        self._failure: Lost | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_since = 0.0
        self._take: Callable[[bytes], bool] | None = None  # Gets what comes in the turn in which it comes,
        self._raised: BaseException | None = None  # and may not raise there.
        self.status = 0  # Until the head is here.
        self.headers: Mapping[str, str] = {}  # Names in lower case.

    @property
    def over(self) -> bool:
        """Whether nothing more will come: it is whole, or there was a failure."""
        return self._complete or self._failure is not None

    async def head(self) -> None:
        """Wait until status and headers are here; closes it if they do not come. Raises Lost or LostWaiting."""
        try:
            while not self.over and not self.status:
                await self._more()
        except BaseException:
            self.close()
            raise
        if self._failure is not None and not self.status:
            raise self._failure

    async def next_chunk(self) -> bytes:
        """What has arrived since, waiting for something; empty at the end.

        Raises Lost if the body breaks off, LostWaiting if it stays silent too long; again and again.
        """
        while not self._parts:
            if self._failure is not None:
                raise self._failure
            if self._complete:
                return b""
            await self._more()
        return self._taken()

    async def begun(self) -> None:
        """Wait for the first of the body, which stays here. Raises as `next_chunk` does."""
        while not self._parts and not self.over:
            await self._more()
        if self._failure is not None and not self._parts:
            raise self._failure

    async def each(self, take: Callable[[bytes], bool]) -> bool:
        """Hand over what arrives in the very turn of the event loop in which it does, until `take` says no by False.

        True then; False at the end of the body. Raises what `take` raises, and as `next_chunk` does.
        """
        while True:
            if not self._parts:
                if self._failure is not None:
                    raise self._failure
                if self._complete:
                    return False
                self._take, self._raised = take, None  # What an earlier one raised is not of this one.
                try:
                    await self._more()
                finally:
                    stopped, self._take = self._take is None, None
                if self._raised is not None:
                    raise self._raised
                if stopped:
                    return True
            elif not take(self._taken()):
                return True

    def _taken(self) -> bytes:
        parts, self._parts, self._unread = self._parts, [], 0
        self._unpause()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def read(self) -> bytes:
        """The whole body. Raises Lost, also if it is larger than READ_BYTES_MAX."""
        body = await self.next_chunk()
        if self._complete and not self._parts:  # It came at once, as small ones do.
            return body
        whole = BytesIO()  # Gives out what it holds: joined from parts, a large one would be in memory twice.
        whole.write(body)
        while chunk := await self.next_chunk():
            whole.write(chunk)
            if whole.tell() > READ_BYTES_MAX:
                raise Lost("The provider's answer is too large.")
        return whole.getvalue()

    def close(self) -> None:
        """Done with it. If it had not come to its end, the connection is cut, which aborts the call."""
        if not self.over:
            self.fail(Lost("The answer was closed."))
            self._source.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """The head is here."""
        self.status, self.headers = status, headers
        self._wake()

    def feed(self, part: bytes) -> None:
        """More of the body is here."""
        self._parts.append(part)
        self._unread += len(part)

    def flush(self) -> None:
        """All that came at once has been fed."""
        take = self._take
        if take is None or not self._parts:
            if self._unread > UNREAD_BYTES_MAX:
                self._pause()
            self._wake()
            return
        self._waiting_since = self._loop.time()
        try:
            if take(self._taken()):
                return
            self._pause()  # Its reader waits for something else first.
        except BaseException as error:  # noqa: BLE001 - for whoever waits
            self._raised = error
        self._take = None
        self._wake()

    def end(self) -> None:
        """That was all of it. From here on the connection may be another answer's."""
        if self._failure is None:
            self._complete = True
            self._unpause()
            self._wake()

    def fail(self, failure: Lost) -> None:
        """There will be no more, and it was not all."""
        if not self.over:
            self._failure = failure
            self._wake()

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self._source.pause()

    def _unpause(self) -> None:
        if self._paused:
            self._paused = False
            self._source.resume()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _more(self) -> None:
        """Wait until something has changed."""
        assert self._waiter is None, "an answer has one reader"
        self._unpause()
        self._waiter = self._loop.create_future()
        self._waiting_since = self._loop.time()
        if self.status:
            self._since += self._waiting_since - self._away_since
        due = self._due()
        if due < self._source.due:
            self._source.watch(due)
        try:
            await self._waiter
        finally:
            self._waiter = None
            self._away_since = self._loop.time()

    def _due(self) -> float:
        """When the present wait, or one that began now, has lasted too long."""
        patience = self._patience
        due = self._waiting_since + patience.idle if self.status else self._since + patience.head
        return min(due, self._since + patience.total)

    def look(self) -> None:
        """Whether it was waited for too long. Looked at again later where the wait is a younger one."""
        if self._waiter is None:
            return
        if self._loop.time() < self._due():
            self._source.watch(self._due())
            return
        said = "stopped sending" if self.status else "did not answer in time"
        self.fail(LostWaiting(f"The provider {said}."))
        self._source.abort()
