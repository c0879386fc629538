"""Replays recorded answers of real providers, so that a gateway can be pointed at them.

`.json` and `.sse` files go out as they are; `.jsonl` files, which kept one event per line, become
server-sent events with the end mark, unless it is a file's content that is asked for. A binary stream of AWS is kept
as base64 in a `.json` file. A stream stays one even if the request did not ask for it.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

from aiohttp import web

from gateway.simulator.errors import RefusedError

_EVENTS = "text/event-stream"
_BINARY = re.compile(rb'"raw_eventstream_b64":\s*"([A-Za-z0-9+/=]+)"')


class Recordings:
    """The files of one directory, by name, as they were when the server started."""

    def __init__(self, directory: Path) -> None:
        self._files = {path.name: path for path in directory.iterdir() if path.suffix in {".json", ".jsonl", ".sse"}}

    async def answer(self, request: web.Request) -> web.Response:
        """The recorded body. Raises RefusedError (404) for a name that is not there."""
        await request.read()
        name = request.match_info["name"]
        path = self._files.get(name)
        if path is None:
            raise RefusedError(404, f"There is no recording {name!r}.", code="not_found")
        recorded = path.read_bytes()
        if path.suffix == ".jsonl" and not request.path.endswith("/content"):
            return web.Response(body=_events(recorded), content_type=_EVENTS)
        if path.suffix == ".json" and (found := _BINARY.search(recorded)):
            return web.Response(body=base64.b64decode(found[1]), content_type="application/vnd.amazon.eventstream")
        return web.Response(body=recorded, content_type=_EVENTS if path.suffix == ".sse" else "application/json")


def _events(lines: bytes) -> bytes:
    events = b"".join(b"data: " + line + b"\n\n" for line in lines.splitlines() if line.strip())
    return events + b"data: [DONE]\n\n"
