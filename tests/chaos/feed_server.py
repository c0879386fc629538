"""A price feed that can be told to be broken in every way."""

from __future__ import annotations

import gzip
import hashlib
import json
import ssl
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme
from harness import ROOT

SNAPSHOT = json.loads(gzip.decompress((ROOT / "gateway/prices/prices.json.gz").read_bytes()))
PRICES = {  # The simulator's own, in dollars per million tokens: what it will charge.
    "sim-small": {"input_mtok": 0.10, "cache_read_mtok": 0.025, "output_mtok": 0.40},
    "sim-medium": {"input_mtok": 0.50, "cache_read_mtok": 0.125, "output_mtok": 2.00},
}
GIB = 1 << 30
PIECE = b" " * (1 << 20)
HANGS_S = 30


def feed(change=lambda prices: prices, models=tuple(PRICES)):
    """All that the gateway knows, and a provider `fed` whose prices are the simulator's, changed."""
    listed = [{"id": name, "match": {"equals": name}, "prices": change(dict(PRICES[name]))} for name in models]
    return json.dumps([*SNAPSHOT, {"id": "fed", "models": listed}]).encode()


def times(factor):
    return lambda prices: {unit: usd * factor for unit, usd in prices.items()}


def every(value):
    return lambda prices: dict.fromkeys(prices, value)


class Feeds(ThreadingHTTPServer):
    """Answers with `answer`, which is given the request. Counts what it was asked, by that."""

    daemon_threads = True

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Asked)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.good = feed()
        self.answer = whole(self.good)
        self.asked = 0
        self.sent = 0  # Bytes of the endless one, at most.

    def say(self, answer):
        """From now on."""
        self.answer, self.asked = answer, 0

    def handle_error(self, *_):
        """Callers that hang up are meant."""


class Asked(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked += 1
        with suppress(OSError):
            self.server.answer(self)

    def head(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


def whole(body, status=200, **headers):
    """An answer with an ETag, by which the same is not sent twice."""
    etag = f'"{hashlib.sha256(body).hexdigest()}"'

    def answer(asked):
        if asked.headers["If-None-Match"] == etag:
            asked.head(304, {})
            return
        asked.head(status, {"Content-Length": len(body), "ETag": etag, **headers})
        asked.wfile.write(body)

    return answer


def cut(body):
    """Half of it, and the end of the connection."""

    def answer(asked):
        asked.head(200, {"Content-Length": len(body)})
        asked.wfile.write(body[: len(body) // 2])

    return answer


def hang(asked):
    """A head, and then nothing."""
    asked.head(200, {"Content-Length": 1000})
    time.sleep(HANGS_S)


def endless(asked):
    """A gibibyte."""
    asked.head(200, {"Content-Length": GIB})
    for number in range(GIB // len(PIECE)):
        asked.wfile.write(PIECE)
        asked.server.sent = max(asked.server.sent, (number + 1) * len(PIECE))


def moved(url):
    """Elsewhere."""
    return lambda asked: asked.head(302, {"Location": url, "Content-Length": 0})


@contextmanager
def served(server):
    """For as long as the block runs."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def nobody_trusts():
    """TLS by an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context
