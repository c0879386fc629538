"""What is known of files and batches at providers: whose they are, and which entry charged for them.

It stands where keys stand, so that every process and every machine that shares them knows it, also after a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import msgspec
from msgspec import Struct

from gateway.core.caller import Caller, Key, Role
from gateway.journey.batches.desk import ANTHROPIC, OPENAI, SPEAKS
from gateway.stores.registry import Kind, Registry, Write

P = ParamSpec("P")
R = TypeVar("R")


class File(Struct, frozen=True):
    """A file at a provider."""

    provider: str
    owner: Caller
    made: float  # Unix seconds when we first heard of it.
    document: str  # The provider's own object, JSON; empty where it was only named.
    batch: str = ""  # Whose results it holds.


class Batch(Struct, frozen=True):
    """A batch at a provider."""

    provider: str
    owner: Caller
    made: float
    document: str  # The provider's own object, JSON, as it was last seen by whoever settles it.
    dialect: str  # In which its results are read.
    entry_id: str  # That charged its bound.
    request_id: str
    replica: str  # Which made it, and settles it.
    settled: bool = False  # The books say what it cost; or nothing more can be learned.

    @property
    def style(self) -> str:
        """Whose kind of batch it is."""
        return ANTHROPIC if self.dialect == SPEAKS[ANTHROPIC] else OPENAI


_file = msgspec.json.Decoder(File)
_batch = msgspec.json.Decoder(Batch)
_encode = msgspec.json.Encoder().encode


def owns(key: Key, owner: Caller) -> bool:
    """Whether this key may read and change what that caller has made: its own, its team's, and all for an admin."""
    of_team = bool(owner.team) and (key.caller.org, key.caller.team) == (owner.org, owner.team)
    return key.role is Role.ADMIN or key.id == owner.key_id or of_team


class Kept:
    """One thread asks the registry, so that no call waits for it. Every method may raise Unavailable."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")

    async def file(self, name: str) -> File | None:
        """The file of that id."""
        record = await self._run(self._registry.find, Kind.FILES, name)
        return _file.decode(record) if record is not None else None

    async def batch(self, name: str) -> Batch | None:
        """The batch of that id."""
        record = await self._run(self._registry.find, Kind.BATCHES, name)
        return _batch.decode(record) if record is not None else None

    async def files(self) -> dict[str, File]:
        """Every file, by its id."""
        records = await self._run(self._registry.all, Kind.FILES)
        return {name: _file.decode(record) for name, record in records.items()}

    async def batches(self) -> dict[str, Batch]:
        """Every batch, by its id."""
        records = await self._run(self._registry.all, Kind.BATCHES)
        return {name: _batch.decode(record) for name, record in records.items()}

    async def put(self, name: str, record: File | Batch) -> None:
        """Keep it, in place of what was kept of it before."""
        kind = Kind.FILES if isinstance(record, File) else Kind.BATCHES
        await self._run(self._write, kind, name, _encode(record))

    async def drop(self, kind: Kind, name: str) -> None:
        """It is there no more."""
        await self._run(self._write, kind, name, None)

    def close(self) -> None:
        """Wait for what is under way, and let go."""
        self._thread.shutdown(wait=True)
        self._registry.close()

    def _write(self, kind: Kind, name: str, record: bytes | None) -> None:
        while not self._registry.write([Write(kind, name, self._registry.find(kind, name), record)], ()):
            pass  # Somebody else wrote it in between: the last word counts.

    async def _run(self, function: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        assert not named, "positions are enough"
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)
