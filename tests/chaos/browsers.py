"""A real browser and a page of somebody else's in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from dashboard import CHROMIUM, sync_playwright

LACKING = "" if CHROMIUM and sync_playwright else "playwright or chromium (scripts/setup-browser.sh)"
PAGE = b"<!doctype html><title>Kittens</title><iframe name=sink></iframe><p>Look, kittens!"


@contextmanager
def another_site() -> Iterator[int]:
    """The port of a server that has one harmless-looking page. What a browser does on it is up to who drives it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(PAGE)))
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
