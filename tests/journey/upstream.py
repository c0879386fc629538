"""A provider that does as it is told and remembers every byte that it got."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE_S = 20

OK = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"sim-small","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"Yes."}}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}'
)


@dataclass
class Reply:
    """What to answer with."""

    body: bytes = OK
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    once: threading.Event | None = None  # It answers once this is set.


@dataclass
class Got:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    method: str = "POST"


class Upstream:
    """Answers by the first part of the path, /<name>/v1/…: the replies of that name in turn, the last for ever."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.replies: dict[str, list[Reply]] = {}
        self.got: defaultdict[str, list[Got]] = defaultdict(list)

    def take(self, got: Got) -> Reply:
        """Note a request and choose its answer."""
        name = got.path.split("/")[1]
        self.got[name].append(got)
        replies = self.replies.get(name, [Reply()])
        return replies[min(len(self.got[name]), len(replies)) - 1]


@contextmanager
def upstream() -> Iterator[Upstream]:
    """One that listens while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            got = Got(self.path, {k.lower(): v for k, v in self.headers.items()}, body, self.command)
            reply = known.take(got)
            if reply.once is not None:
                reply.once.wait(PATIENCE_S)
            self.send_response(reply.status)
            for name, value in (reply.headers | {"Content-Type": reply.content_type}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_DELETE = do_PUT = do_PATCH = do_POST  # noqa: N815 - so http.server wants them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Upstream(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
