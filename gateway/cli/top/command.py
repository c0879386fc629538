"""`fareway top`: spend, budgets, routes and errors of a running gateway, until somebody presses Ctrl-C."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from gateway.cli.settings import Unusable
from gateway.cli.top.frame import frame
from gateway.cli.top.looking import Look, Unanswered, look

_ENTER = "\x1b[?1049h\x1b[?25l"  # The other screen, without a cursor.
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Declare the command. It needs no configuration: it asks a gateway, here or elsewhere."""
    del common
    parser = commands.add_parser("top", help="watch spend, budgets, routes and errors of a running gateway")
    parser.add_argument(
        "--gateway",
        default="http://127.0.0.1:4001",
        metavar="URL",
        help="its admin API, with a key that may read in $FAREWAY_KEY (default: http://127.0.0.1:4001)",
    )
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between two looks (default: 2)")
    parser.set_defaults(run=_top)


def _top(parsed: argparse.Namespace) -> int:
    url, key = parsed.gateway.rstrip("/"), os.environ.get("FAREWAY_KEY", "")
    if not key or not url.startswith(("http://", "https://")):
        raise Unusable("--gateway takes the http URL of a gateway's admin API, and $FAREWAY_KEY a key that may read")
    if not 0 < parsed.every < threading.TIMEOUT_MAX:
        raise Unusable("--every takes seconds, more than 0")
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return _once(url, key)
    with _screen() as redraw:
        _watch(url, key, parsed.every, redraw)
    return 0


def _once(url: str, key: str) -> int:
    """One frame, as plain lines, for a pipe."""
    try:
        seen = look(url, key, time.time())
    except Unanswered as why:
        raise Unusable(str(why), 1) from None
    print("\n".join(frame(seen, shutil.get_terminal_size().columns, None, colour=False)))
    return 0


@contextmanager
def _screen() -> Iterator[threading.Event]:
    """The whole terminal, given back however this ends. The event is set when its size changes."""
    redraw = threading.Event()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    handlers = {signal.SIGWINCH: lambda *_: redraw.set(), signal.SIGTERM: stop, signal.SIGHUP: stop}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    _write(_ENTER)
    try:
        yield redraw
    except (KeyboardInterrupt, OSError):  # By its user, or the terminal is gone.
        pass
    finally:
        with suppress(OSError):
            _write(_LEAVE)
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(url: str, key: str, every_s: float, redraw: threading.Event) -> None:
    seen, trouble = Look.nothing(time.time()), "asking …"
    _draw(seen, trouble)
    while True:
        try:
            seen, trouble = look(url, key, time.time()), ""
        except Unanswered as why:  # It may be starting again: what was seen last stays, and says how old it is.
            trouble = str(why)
        _draw(seen, trouble)
        until = time.monotonic() + every_s
        while redraw.wait(max(0.0, until - time.monotonic())):
            redraw.clear()
            _draw(seen, trouble)


def _draw(seen: Look, trouble: str) -> None:
    size = shutil.get_terminal_size()
    colour = not os.environ.get("NO_COLOR")  # https://no-color.org
    lines = frame(seen, size.columns, size.lines, colour=colour, trouble=trouble)
    below = f"\r\n{_CLEAR_BELOW}" if len(lines) < size.lines else ""
    _write(_HOME + "\r\n".join(_CLEAR_LINE + line for line in lines) + below)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
