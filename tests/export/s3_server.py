"""A bucket that keeps what it is given, for the real client of S3."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class S3:
    """`kept`: what was put, by path. `status`: what is answered instead, if that is set."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.status = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(200 if self.path in outer.kept else 404)

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
                if "aws-chunked" in self.headers.get("Content-Encoding", ""):
                    body = b"".join(unchunked(body))
                if not outer.status:
                    outer.kept[self.path] = body
                self._answer(200)

            def _answer(self, status: int) -> None:
                self.send_response(outer.status or status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def unchunked(body: bytes):
    """What a body sent as aws-chunked holds."""
    while found := re.match(rb"([0-9a-f]+)(?:;[^\r]*)?\r\n", body):
        size = int(found[1], 16)
        if not size:
            return
        yield body[found.end() : found.end() + size]
        body = body[found.end() + size + 2 :]
