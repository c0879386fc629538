"""The dashboard's files, as they were shipped: read once, compressed once, and asked for again only to be told that
nothing has changed."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from msgspec import Struct

FOLDER = Path(__file__).parent / "static"
INDEX = "index.html"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)

SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On everything below /dashboard."""


class Answer(Struct, frozen=True):
    """What to tell a browser."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class File:
    """One file, ready to be sent."""

    content: bytes
    packed: bytes
    headers: dict[str, str]

    def answer(self, asked: Mapping[str, str]) -> Answer:
        """For a request with these headers, their names in lower case."""
        if self.headers["ETag"] in asked.get("if-none-match", ""):
            return Answer(304, self.headers)
        if "gzip" in asked.get("accept-encoding", ""):
            return Answer(200, self.headers | {"Content-Encoding": "gzip"}, self.packed)
        return Answer(200, self.headers, self.content)


@cache
def files() -> dict[str, File]:
    """All of them, by name. Read when somebody looks at the dashboard for the first time."""
    found = sorted(path for path in FOLDER.rglob("*") if path.suffix in TYPES)
    return {path.relative_to(FOLDER).as_posix(): _file(path) for path in found}


def _file(path: Path) -> File:
    content = path.read_bytes()
    tag = hashlib.blake2b(content, digest_size=12).hexdigest()
    headers = {"Content-Type": TYPES[path.suffix], "ETag": f'"{tag}"', "Cache-Control": "no-cache"}
    headers |= {"Vary": "Accept-Encoding"} | SAFE
    return File(content, gzip.compress(content, 9, mtime=0), headers)
