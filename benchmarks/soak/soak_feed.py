"""A server of price lists that are good, cut short, empty, absurd, or not there."""

from __future__ import annotations

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
GOOD = gzip.decompress((ROOT / "gateway" / "prices" / "prices.json.gz").read_bytes())
ABSURD = json.dumps(
    [provider | {"models": provider["models"][:1]} for provider in json.loads(GOOD)]  # Most models are gone.
).encode()
BROKEN: dict[str, tuple[int, bytes]] = {
    "cut": (200, GOOD[: len(GOOD) // 2]),
    "empty": (200, b""),
    "absurd": (200, ABSURD),
    "a page": (200, b"<!DOCTYPE html><html><body>Welcome</body></html>"),
    "missing": (404, b"not found"),
    "failing": (500, b"no"),
}


class PriceFeed:
    """`says`: a status and a body, which may be set at any time."""

    def __init__(self) -> None:
        self.says: tuple[int, bytes] = (200, GOOD)
        self.asked = 0
        feed = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # The name is http.server's.
                feed.asked += 1
                status, body = feed.says
                etag = f'"{hash(body)}"'
                known = self.headers["If-None-Match"] == etag
                self.send_response(304 if known else status)
                self.send_header("ETag", etag)
                self.send_header("Content-Length", "0" if known else str(len(body)))
                self.end_headers()
                self.wfile.write(b"" if known else body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/prices.json"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
