"""A provider that streams what it is told to, piece by piece, and remembers how far it came."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Script:
    """Pieces of one streamed answer. `cut`: the connection breaks after them, without an end."""

    pieces: list[bytes]
    content_type: str = "text/event-stream"
    pause_s: float = 0.0
    cut: bool = False


@dataclass
class Provider:
    """By the first part of the path: what to answer, and how many pieces of it went out before the caller left."""

    url: str
    scripts: dict[str, Script] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)  # "whole", "cut" or "left".


@contextmanager
def slow_provider() -> Iterator[Provider]:
    """One that listens while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            name = self.path.split("/")[1]
            script = known.scripts[name]
            self.send_response(200)
            self.send_header("Content-Type", script.content_type)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            known.sent[name] = 0
            try:
                for piece in script.pieces:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                    self.wfile.flush()
                    known.sent[name] += 1
                    time.sleep(script.pause_s)
                if not script.cut:
                    self.wfile.write(b"0\r\n\r\n")
            except OSError:
                known.ended[name] = "left"
                self.close_connection = True
                return
            known.ended[name] = "cut" if script.cut else "whole"
            self.close_connection = script.cut

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
