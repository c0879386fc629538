"""What a gateway needs of its machine and of the network: files, room, and providers that can be reached."""

from __future__ import annotations

import asyncio
import resource
import shutil
import ssl
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from gateway.catalog.providers import Provider
from gateway.ledger.records import files_in, look_over

FILES_MIN = 4096
"""Open at once: each call takes two connections, and there are the books."""

ROOM_LITTLE, ROOM_NONE = 2**30, 100 * 2**20
"""Bytes: the journal and the ledger grow by some 2 KB a call."""

CONNECT_S_MAX = 5.0

Row = dict[str, object]


class State(StrEnum):
    """How a check went. Only what failed ends the command with 1."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


def row(check: str, state: State, found: str, do: str = "") -> Row:
    """One line: what was looked at, how it is, and what to do about it."""
    return {"check": check, "state": state, "found": found, "do": do if state is not State.OK else ""}


def machine(home: Path, books: Path) -> Iterator[Row]:
    """Limits of the system, and what stands in the home, which may not be there yet. `books`: its journal."""
    yield files(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    there = next(path for path in (home, *home.parents) if path.exists())
    yield room(shutil.disk_usage(there).free)
    if not home.is_dir():
        return
    yield row("permissions", *_permissions(home))
    yield journal(books)


def files(most: int) -> Row:
    """How many may be open at once."""
    unlimited = most == resource.RLIM_INFINITY
    state = State.OK if unlimited or most >= FILES_MIN else State.WARN
    found = "as many as one likes" if unlimited else f"{most} at once"
    return row("open files", state, found, f"raise it to {FILES_MIN} or more: LimitNOFILE in systemd, or ulimit -n")


def room(free: int) -> Row:
    """Bytes that are left on the disk of the home."""
    state = State.FAIL if free < ROOM_NONE else State.WARN if free < ROOM_LITTLE else State.OK
    return row("disk", state, f"{free / 2**30:.1f} GiB free", "make room: without it no call can be written down")


def _permissions(home: Path) -> tuple[State, str, str]:
    """Ledger, keys and the pepper are nobody else's to read: the home is closed, or each of them."""
    if not home.stat().st_mode & 0o077:
        return State.OK, "the home is its owner's alone", ""
    names = ("pepper", "ledger.db", "state.db", "alerts.db", "tokens.json", "journal")
    opened = [name for name in names if (home / name).exists() and (home / name).stat().st_mode & 0o077]
    state = State.FAIL if "pepper" in opened else State.WARN
    return state, f"others may look into the home{': ' + ', '.join(opened) if opened else ''}", f"chmod 700 {home}"


def journal(directory: Path) -> Row:
    """Whether what calls have left can be read."""
    places = [path for path in (directory, *sorted(directory.glob("worker-*"))) if path.is_dir()]
    try:
        found = [look_over(files_in(path)) for path in places]
    except FileNotFoundError:  # A gateway that runs has moved it into the ledger just now.
        return row("journal", State.OK, "a gateway is moving it into the ledger")
    except OSError as error:
        return row("journal", State.FAIL, f"cannot be read: {error}", "let the gateway's own user run this command")
    damaged = sum(one.damaged for one in found)
    told = f"{sum(len(one.unresolved) for one in found)} calls in flight or left, {damaged} damaged lines"
    return row(
        "journal",
        State.WARN if damaged else State.OK,
        told,
        "one torn line is the trace of a crash and is left out; with more, look at the disk, and run fareway reconcile",
    )


def reached(providers: Iterable[Provider]) -> list[Row]:
    """Whether each can be connected to, with TLS where its address says so. Nothing is asked, and nothing spent.

    The built-in simulator has an address only while a gateway runs."""
    engines = (one for each in providers for one in each.engines or (each,))
    return asyncio.run(_reached([one for one in engines if one.addresses[0].base_url]))


async def _reached(providers: list[Provider]) -> list[Row]:
    return list(await asyncio.gather(*map(_reach, providers)))


async def _reach(provider: Provider) -> Row:
    url = urlsplit(provider.addresses[0].base_url)
    secure = url.scheme == "https"
    context = ssl.create_default_context() if secure else None
    check = f"provider {provider.name}" + (f"@{provider.backend}" if provider.backend else "")
    begun = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(CONNECT_S_MAX):
            _, writer = await asyncio.open_connection(url.hostname, url.port or (443 if secure else 80), ssl=context)
    except (OSError, TimeoutError) as error:
        why = f"{url.hostname} cannot be reached: {type(error).__name__}"
        return row(check, State.WARN, why, "look at its address, the firewall, and whether it runs")
    took = asyncio.get_running_loop().time() - begun
    writer.transport.abort()
    return row(check, State.OK, f"{url.hostname} is reached{' by TLS' if secure else ''} in {took:.3f} s")
