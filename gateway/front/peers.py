"""How the workers of one gateway talk to each other: a socket for each in a folder that only its owner may enter.

One connection carries one question, a line, and its answer, until the end. Whoever does not answer
in time is left out.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ANSWER_S_MAX = 2.0
"""A worker that is being restarted is not waited for longer."""

QUESTION_S_MAX = 5.0
AGAIN_S = 0.5
"""Until a worker that is away is followed again."""

log = logging.getLogger("fareway.peers")

Respond = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Worker:
    """Which of the processes that share one home this is."""

    number: int  # From 1.
    count: int
    folder: Path  # Of all their sockets.

    @property
    def path(self) -> Path:
        """Its own socket."""
        return self._path(self.number)

    @property
    def peers(self) -> list[Path]:
        """Those of the others."""
        return [self._path(number) for number in range(1, self.count + 1) if number != self.number]

    def _path(self, number: int) -> Path:
        return self.folder / f"worker-{number}.sock"


async def listen(path: Path, respond: Respond) -> asyncio.Server:
    """Answer the others' questions. Raises OSError."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(QUESTION_S_MAX):
                question = await reader.readline()
            gone = asyncio.ensure_future(reader.read())  # Nothing more is said: this ends when the asker leaves.
            saying = asyncio.ensure_future(respond(question.decode().rstrip("\n"), writer))
            await asyncio.wait((gone, saying), return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            saying.cancel()
            with suppress(asyncio.CancelledError):
                await saying
            await writer.drain()
        except (OSError, TimeoutError, ValueError) as error:
            log.warning("a question of another worker was not answered: %r", error)
        finally:
            writer.close()

    return await asyncio.start_unix_server(answer, sock=_bound(path))


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # Of a process that was killed.
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(0o600)
    return listening


async def ask(path: Path, question: str) -> bytes | None:
    """The answer of another worker; None if there is none in time."""
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.write(f"{question}\n".encode())
                return await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None


async def follow(path: Path, question: str, heard: Callable[[bytes], None]) -> None:
    """Hear every event that another worker tells, for ever, and again after it was away."""
    while True:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            reader, writer = await asyncio.open_unix_connection(path, limit=1 << 20)
            try:
                writer.write(f"{question}\n".encode())
                while True:
                    heard(await reader.readuntil(b"\n\n"))
            finally:
                writer.close()
        await asyncio.sleep(AGAIN_S)
