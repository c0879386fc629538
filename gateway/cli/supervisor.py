"""`fareway serve --workers N`: forks the workers, starts one again that dies, and passes signals on.

It has no event loop and no threads while they live, carries no call and keeps no money: limits are
shared through the state file, which no death can leave half written. If it is killed, so are they.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gateway.assembly.routing import signers
from gateway.assembly.simulated import needs_simulator, simulated, with_simulator
from gateway.cli.books import open_books
from gateway.cli.children import Child, Ties, ending, fork
from gateway.cli.greeting import Started, first_keys, greet
from gateway.cli.places import reserved_port, socket_folder
from gateway.cli.running import allow_many_sockets, say
from gateway.cli.settings import Unusable
from gateway.cli.worker import simulate, work
from gateway.config.settings import Server, Settings
from gateway.config.takeover import Source
from gateway.core.errors import Unavailable
from gateway.ledger.base import LedgerUnfit
from gateway.ledger.disk import JournalBusy
from gateway.prices.bundled import price_book

LIVED_S = 5.0
"""A worker that lived longer is started again at once."""

PAUSE_S, PAUSE_S_MAX = 0.1, 5.0
"""Before one that did not; doubled each time."""

FAILURES_MAX = 6
"""So often in a row, and no worker ready: it is given up."""

log = logging.getLogger("fareway.workers")


@dataclass(slots=True)
class Place:
    """Where one process belongs, through all its lives."""

    name: str
    body: Callable[[Ties], int]
    child: Child | None = None
    ready: str = ""  # What it said when it was; empty until then.
    born: float = 0.0
    failures: int = 0  # Short lives in a row.
    not_before: float = 0.0
    rereads: int = 0  # How often the configuration had been read again when this one was last told.


def supervise(found: Settings, file: Path | None, source: Source | None) -> int:
    """Run that many workers until told to stop. Raises Unusable if they cannot start."""
    begun = time.perf_counter()
    allow_many_sockets()
    try:
        with ExitStack() as stack:
            recovered = stack.enter_context(open_books(found, patient=True))
            server = found.server
            port = stack.enter_context(reserved_port(server.host, server.port, "server.port, or --port"))
            admin_port = _reserved_for_admins(stack, found.server)
            found = replace(found, server=replace(found.server, admin_port=admin_port))
            folder = stack.enter_context(socket_folder(found.home))
            tokens = first_keys(found)
            workers = Workers(found, source, port, folder)
            stack.callback(workers.kill)
            prices = workers.start()
            if prices is not None:
                seconds = time.perf_counter() - begun
                greet(Started(found, file, port, admin_port, prices, recovered, seconds), tokens)
                workers.watch()
            return workers.stop()
    except (OSError, JournalBusy, LedgerUnfit, Unavailable, sqlite3.Error) as error:
        raise Unusable(f"cannot start: {error}") from None


def _reserved_for_admins(stack: ExitStack, server: Server) -> int | None:
    """The port of the admin API, which all workers listen on, too. Raises OSError."""
    if not server.admin:
        return None
    return stack.enter_context(reserved_port(server.admin_host, server.admin_at, "server.admin_port, or --admin-port"))


class Workers:
    """All processes of one gateway: its workers, and the simulator where it is needed."""

    def __init__(self, settings: Settings, source: Source | None, port: int, folder: Path) -> None:
        self._settings = settings
        self._source = source
        self._port = port
        self._folder = folder
        self._life = os.pipe()
        self._wakeup = os.pipe()
        self._told = False
        self._failed = False
        self._changed = False  # The configuration may have.
        self._rereads = 0
        self._places: list[Place] = []
        self._simulator: Place | None = None
        price_book()  # Unpacked once for all.
        gc.collect()
        gc.freeze()  # What all share stays shared: a collection would write to every object.
        for end in self._wakeup:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_told)
        signal.signal(signal.SIGHUP, self._on_changed)

    def start(self) -> str | None:
        """Start all and wait until they are ready. Returns which prices they know; None if it is not to be."""
        settings = self._settings
        if needs_simulator(settings):
            self._simulator = Place("the simulator", lambda ties: simulate(settings, self._simulator_url, ties))
            if not self._begin([self._simulator]):
                return None
        self._places = [Place(f"worker {n}", partial(self._work, n)) for n in range(1, settings.server.workers + 1)]
        return self._places[0].ready if self._begin(self._places) else None

    def watch(self) -> None:
        """Start again what dies, until told to stop, or until nothing lives for long."""
        while not self._told and not self._failed:
            self._look()
            if self._changed:
                self._reread()
            now = time.monotonic()
            for place in self._all:
                if place.child is None and now >= place.not_before:
                    self._fork(place)
            if all(place.failures >= FAILURES_MAX and not place.ready for place in self._places):
                log.error("no worker lives for long; giving up")
                self._failed = True

    def stop(self) -> int:
        """Let calls in flight end; then all end. Returns the exit status."""
        if self._told:
            say("Stopping: calls in flight may end.")
        self._told = True
        for places in (self._places, [self._simulator] if self._simulator else []):
            for place in places:
                self._signal(place, signal.SIGTERM)
            while any(place.child for place in places):
                self._look()
        return 1 if self._failed else 0

    def kill(self) -> None:
        """Whatever is left, on the way out of a bug."""
        for place in self._all:
            self._signal(place, signal.SIGKILL)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # It is ending: the interpreter's own end is not to be cut short.
        signal.set_wakeup_fd(-1)
        for end in (*self._life, *self._wakeup):
            os.close(end)

    @property
    def _all(self) -> list[Place]:
        return [*self._places, *([self._simulator] if self._simulator else [])]

    @property
    def _simulator_url(self) -> str:
        return self._simulator.ready if self._simulator else ""

    def _work(self, number: int, ties: Ties) -> int:
        """As a worker, with what the configuration says now."""
        source = self._source
        if source is not None:
            read = source.read
            source = Source(self._simulated(source.said), lambda: self._simulated(read()))
        return work(self._simulated(self._settings), source, self._port, self._folder, number)(ties)

    def _simulated(self, settings: Settings) -> Settings:
        return with_simulator(settings, self._simulator_url) if self._simulator_url else settings

    def _reread(self) -> None:
        """Tell the workers to; whoever is started again later begins with what it says now, if that can be."""
        self._changed, self._rereads = False, self._rereads + 1
        if self._source is not None:
            with suppress(Exception):  # The first worker says what. Nothing in a file may end all of them.
                source = self._source.again()
                settings = replace(source.said, server=self._settings.server)
                signers(simulated(settings, self._simulator_url))
                self._source, self._settings = source, settings
        for place in self._places:
            if place.ready:
                self._tell_changed(place)

    def _tell_changed(self, place: Place) -> None:
        place.rereads = self._rereads
        self._signal(place, signal.SIGHUP)

    def _begin(self, places: list[Place]) -> bool:
        for place in places:
            self._fork(place)
        while not self._told and any(place.child and not place.ready for place in places):
            self._look()
        self._failed = self._failed or (any(place.child is None for place in places) and not self._told)
        return not self._told and not self._failed

    def _fork(self, place: Place) -> None:
        place.born = time.monotonic()
        place.rereads = self._rereads
        place.child = fork(place.body, self._life)

    def _look(self) -> None:
        """Wait for anything to happen, and take note of it."""
        starting = {p.child.ready: p for p in self._all if p.child and not p.ready}
        readable = select.select([self._wakeup[0], *starting], [], [], self._pause())[0]
        for end in readable:
            if place := starting.get(end):
                place.ready = os.read(end, 4096).decode()
                if place in self._places and place.rereads != self._rereads:  # It has begun with what was before.
                    self._tell_changed(place)
            else:
                os.read(end, 4096)
        self._reap()

    def _pause(self) -> float | None:
        """Until the next one is to be started again; without end where none is."""
        waits = [place.not_before for place in self._all if place.child is None]
        return max(0.0, min(waits) - time.monotonic()) if waits and not self._told else None

    def _reap(self) -> None:
        for place in self._all:
            if place.child is None:
                continue
            pid, status = os.waitpid(place.child.pid, os.WNOHANG)
            if pid:
                self._bury(place, place.child, status)

    def _bury(self, place: Place, child: Child, status: int) -> None:
        os.close(child.ready)
        now, was_ready = time.monotonic(), place.ready
        place.child = None
        if self._told:
            early = not was_ready and os.waitstatus_to_exitcode(status) == -signal.SIGTERM
            self._failed = self._failed or (status != 0 and not early)
            return
        log.error("%s (process %d) ended %s", place.name, child.pid, ending(status))
        if place is not self._simulator:  # Its address stays: that is what it will be ready with again.
            place.ready = ""
        place.failures = 0 if was_ready and now - place.born > LIVED_S else place.failures + 1
        pause_s = min(PAUSE_S_MAX, PAUSE_S * 2**place.failures) if place.failures > 1 else 0.0
        place.not_before = now + pause_s

    def _signal(self, place: Place, number: int) -> None:
        if place.child is not None:
            os.kill(place.child.pid, number)

    def _on_told(self, *_: object) -> None:
        self._told = True

    def _on_changed(self, *_: object) -> None:
        self._changed = True
