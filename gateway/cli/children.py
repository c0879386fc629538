"""Processes that are forked off and die with their parent."""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gateway.cli.settings import Unusable

_PR_SET_PDEATHSIG = 1
_STOPPING = {signal.SIGINT, signal.SIGTERM}

log = logging.getLogger("fareway.workers")


@dataclass(frozen=True, slots=True)
class Ties:
    """What a child has of its parent: a pipe to say that it is ready, and one that ends when the parent does."""

    ready: int
    life: int

    def say_ready(self, text: str) -> None:
        """Once. The parent reads it to the end."""
        os.write(self.ready, text.encode())
        os.close(self.ready)


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was forked off. `ready` gives what it says once it is, or ends when it died before."""

    pid: int
    ready: int


def fork(body: Callable[[Ties], int], life: tuple[int, int]) -> Child:
    """Run the body in a process of its own, which ends with its status. `life` is a pipe that the parent keeps open."""
    heard, said = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)  # Else the child could take one with its parent's handler.
    try:
        if pid := os.fork():
            os.close(said)
            return Child(pid, heard)
        status = 1
        try:
            _become_a_child(life, heard)
            status = body(Ties(said, life[0]))
        except Unusable as problem:
            print(problem, file=sys.stderr)
        except BaseException:
            log.exception("a worker ended by a bug")
        finally:
            sys.stderr.flush()
            os._exit(status)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def _become_a_child(life: tuple[int, int], heard: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, *_STOPPING):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # Until a worker is ready to hear it; then it is told once more.
    os.close(heard)
    os.close(life[1])
    with suppress(OSError, AttributeError):  # Where the system has no such thing, the pipe's end is enough.
        ctypes.CDLL(ctypes.util.find_library("c")).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def ending(status: int) -> str:
    """How a process ended, in words, from what `waitpid` says of it."""
    code = os.waitstatus_to_exitcode(status)
    return f"with status {code}" if code >= 0 else f"by {signal.Signals(-code).name}"
