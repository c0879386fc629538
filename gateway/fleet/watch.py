"""Looks at every backend once a second: what it serves, how it does, whether its machine is taken back. Calls wait for
none of this: they read what was seen last."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.core.errors import UpstreamError
from gateway.core.tenant import Drain
from gateway.dialects.openai_usage import UNREADABLE
from gateway.fleet.backend import Backend, State
from gateway.fleet.engines import ENGINES
from gateway.fleet.engines.said import NOTHING, Said
from gateway.fleet.fleet import Fleet
from gateway.fleet.notice import HEADERS, notice
from gateway.fleet.progress import load_of, speed_of
from gateway.fleet.rate import SECOND_NS
from gateway.upstream.errors import Unreached

EVERY_S = 1.0
LOOK_S_MAX = 3.0
"""For one look: an engine that works hard may be slow to say so."""

SILENT_MAX = 3
"""So many looks in a row without an answer are an engine that is down. One that takes no connection is so at once."""

PAGE_BYTES_MAX = 4 << 20
_OK, _MISSING, _BROKEN = 200, (404, 405), 500

Get = Callable[[str, Mapping[str, str], int], Awaitable[tuple[int, Mapping[str, str], bytes]]]
"""Fetch a document of at most so many bytes: status, headers, body. Raises UpstreamError."""

log = logging.getLogger("fareway.fleet")


class Sight(NamedTuple):
    """What one look at an engine has found. `why`: what is wrong with it."""

    answers: bool
    loading: bool = False  # It answers that it cannot yet.
    refused: bool = False  # It took no connection.
    why: str = ""
    models: frozenset[str] | None = None
    said: Said = NOTHING


class Watch:
    """See the module. `changed` hears when other backends take calls than before, or for other models; `headers` has
    what shows each provider's engines that the calls are ours."""

    def __init__(
        self,
        fleet: Fleet,
        get: Get,
        clock: Callable[[], float],
        changed: Callable[[], None],
        headers: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._fleet = fleet
        self._get = get
        self._clock = clock
        self._changed = changed
        self._headers = headers
        self._said: dict[str, Said] = {}
        self._silent: dict[str, int] = {}
        self._told = {backend.id: (State.STARTING, backend.models) for backend in fleet.backends}

    async def run(self) -> None:
        """For ever."""
        await asyncio.gather(*(self._follow(backend) for backend in self._fleet.backends))

    async def _follow(self, backend: Backend) -> None:
        """For ever. One that is slow holds up no other."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self._one(backend)

    async def round(self) -> None:
        """One look at each, all at the same time."""
        await asyncio.gather(*(self._one(backend) for backend in self._fleet.backends))

    def drain(self, drains: Mapping[str, Drain]) -> None:
        """These get no new calls, by their ids; all others do again."""
        self._fleet.drain(drains)
        for backend in self._fleet.backends:
            self._tell(backend)

    async def _one(self, backend: Backend) -> None:
        sight, noticed = await asyncio.gather(self._look(backend), self._noticed(backend))
        self._saw(backend, sight)
        backend.noticed = noticed
        self._tell(backend)

    def _tell(self, backend: Backend) -> None:
        """That it is not as it was when something was told of it last."""
        now = backend.state, backend.models
        if self._told.get(backend.id) == now:
            return
        self._told[backend.id] = now
        level = logging.INFO if backend.state is State.READY else logging.WARNING
        log.log(level, "%s is %s%s", backend.id, backend.state.value, f": {backend.told}" if backend.told else "")
        self._changed()

    def _saw(self, backend: Backend, sight: Sight) -> None:
        silence = self._silent.get(backend.id, 0)
        silent = self._silent[backend.id] = 0 if sight.answers else silence + 1
        anew = backend.seen is State.DOWN and silence and sight.answers
        backend.seen = next_state(State.STARTING if anew else backend.seen, sight, silent)
        backend.why = "" if backend.seen is State.READY else sight.why
        if backend.seen is not State.READY:
            self._said.pop(backend.id, None)
        if backend.seen is not State.READY or not sight.answers:
            return
        before, at = self._said.get(backend.id, NOTHING), self._clock()
        backend.speed = speed_of(sight.said, before, backend.speed, at - backend.load.at)
        backend.load = load_of(sight.said, before, backend.load, at)
        backend.models, self._said[backend.id] = sight.models, sight.said
        if backend.meter is not None and backend.load.running is not None:
            backend.meter.saw(backend.load.running + (backend.load.waiting or 0), int(at * SECOND_NS))

    async def _look(self, backend: Backend) -> Sight:
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                return await look(backend, self._get, self._headers.get(backend.provider, {}))
        except Unreached as error:
            return Sight(answers=False, refused=True, why=str(error))
        except UpstreamError as error:
            return Sight(answers=False, why=str(error))
        except TimeoutError:
            return Sight(answers=False, why=f"no answer within {LOOK_S_MAX:g} s")
        except Exception as error:  # noqa: BLE001 - whatever one engine says, the others are watched.
            return Sight(answers=False, why=f"its answer cannot be read: {type(error).__name__}")

    async def _noticed(self, backend: Backend) -> str:
        if backend.machine is None or not backend.machine.notice:
            return ""
        url = placed(backend.machine.notice, backend)
        try:
            async with asyncio.timeout(LOOK_S_MAX):
                status, _, body = await self._get(url, HEADERS, PAGE_BYTES_MAX)
        except Exception:  # noqa: BLE001 - a machine that ends says nothing more; whatever it says, others are watched.
            return backend.noticed
        return notice(status, body)


def placed(url: str, backend: Backend) -> str:
    """An address with the backend's own host, or host and port, where it holds a place for them."""
    return url.replace("{host}", urlsplit(backend.base_url).hostname or "").replace("{backend}", backend.name)


def next_state(seen: State, sight: Sight, silent: int) -> State:
    """What an engine is after one more look, the `silent`th in a row without an answer. Pure."""
    if sight.answers and not sight.why:
        return State.READY
    if sight.loading and seen in (State.STARTING, State.WARMING):
        return State.WARMING
    return State.DOWN if sight.answers or sight.refused or silent >= SILENT_MAX else seen


async def look(backend: Backend, get: Get, headers: Mapping[str, str]) -> Sight:
    """Ask one engine for its pages. Raises UpstreamError."""
    engine = ENGINES[backend.kind]

    async def page(path: str) -> tuple[int, bytes]:
        url = path.format(base=backend.base_url, root=backend.base_url.removesuffix("/v1"))
        status, _, body = await get(url, headers, PAGE_BYTES_MAX)
        return status, body

    if engine.health:
        status, _ = await page(engine.health)
        if status >= _BROKEN:
            return Sight(answers=True, loading=True, why=f"its health page says {status}")
    status, body = await page(engine.models)
    if status != _OK and status not in _MISSING:
        return Sight(answers=True, loading=status >= _BROKEN, why=f"its list of models says {status}")
    try:
        models = engine.listed(body) if status == _OK else None
    except UNREADABLE:
        models = None
    status, body = await page(engine.metrics) if engine.metrics else (0, b"")
    return Sight(answers=True, models=models, said=engine.said(body) if status == _OK else NOTHING)
